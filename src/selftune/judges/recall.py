"""Verdicts that need not be paid for again: of earlier cycles, and of a try of this step that was cut off."""

from __future__ import annotations

from collections import deque
from itertools import islice
from typing import TYPE_CHECKING, Final

from selftune.records import Judgement, JudgementStatus, decode_record, digest_of, encode_record

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from selftune.context import Context
    from selftune.judges.base import JudgesMany
    from selftune.records import Interaction, Rubric

_BATCH: Final = 256


class Recall:
    """Finds verdicts on the same questions: interaction, rubric, judge, prompt and parameters.

    A verdict of an earlier cycle counts as long as the endpoint reports the model that gave it: once another one
    answers, nothing that was said before is found any more. A failure is never found: the next try may succeed.
    """

    def __init__(self, judge: JudgesMany, rubric: Rubric, context: Context) -> None:
        self._work = context.work
        self._question = (judge.identity, rubric.id, judge.prompt_digest(rubric))
        self._model: str | None = None
        self._on_record = context.read.standing_verdicts(
            judge.identity, rubric_digest=rubric.id, prompt_digest=judge.prompt_digest(rubric)
        )

    def over(self, interactions: Iterable[Interaction]) -> Iterator[tuple[Interaction, Judgement | None]]:
        """Each interaction with the verdict that was paid for, or None; asked for in batches."""
        source = iter(interactions)
        while batch := list(islice(source, _BATCH)):
            found = self._on_record([interaction.id for interaction in batch])
            for interaction in batch:
                verdict = found.get(interaction.id)
                stands = verdict is not None and self._model in {None, verdict.reported_model}
                yield interaction, verdict if stands else self._kept(interaction.id)

    def keep(self, judgement: Judgement) -> None:
        """Find this one again, should the step be cut off before its records are kept."""
        if judgement.status is JudgementStatus.SCORED:
            self._model = judgement.reported_model or self._model
            self._work.put(self._key(judgement.interaction_id), encode_record(judgement).encode())

    def _kept(self, interaction_id: str) -> Judgement | None:
        kept = self._work.get(self._key(interaction_id))
        return None if kept is None else decode_record(kept, Judgement)

    def _key(self, interaction_id: str) -> str:
        return digest_of(["verdict", *self._question, interaction_id])


class InOrder:
    """Verdicts that come in any order, let go in that of their questions."""

    def __init__(self) -> None:
        self._salts: deque[str] = deque()
        self._there: dict[str, Judgement] = {}

    def __len__(self) -> int:
        return len(self._salts)

    def expect(self, salt: str) -> None:
        """Note the next question, named by its salt."""
        self._salts.append(salt)

    def put(self, salt: str, judgement: Judgement) -> None:
        """Take the verdict on one of them."""
        self._there[salt] = judgement

    def release(self) -> Iterator[Judgement]:
        """Those before which none is missing."""
        while self._salts and self._salts[0] in self._there:
            yield self._there.pop(self._salts.popleft())
