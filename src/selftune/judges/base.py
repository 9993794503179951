"""What a judge must do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from selftune.records import Interaction, JudgeIdentity, Judgement, Rubric


class Judge(Protocol):
    """Gives a verdict on one interaction; never raises because of what the interaction says."""

    @property
    def identity(self) -> JudgeIdentity:
        """Who judges, and which models it descends from."""
        ...

    def judge(self, interaction: Interaction, rubric: Rubric, salt: str) -> Judgement:
        """Reasoning and score per criterion, overall computed in code; or `unscored` with the reason."""
        ...


@runtime_checkable
class JudgesMany(Judge, Protocol):
    """A judge that works on several interactions at a time: one that waits for a server."""

    def judge_many(self, asked: Sequence[tuple[Interaction, str]], rubric: Rubric) -> Iterator[Judgement]:
        """A verdict for each interaction and salt, in their order, each as soon as it and those before it are there."""
        ...
