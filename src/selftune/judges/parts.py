"""Parts of a verdict that are paid for once: a member's, one order's, the one that waits for its spoiled copy.

The stage keeps verdicts that are whole. What a whole one is made of is kept here as it comes, so that a step that is
cut off between two parts finds the first one again.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from selftune.failpoints import reach
from selftune.records import Judgement, JudgementStatus, decode_record, digest_of, encode_record

if TYPE_CHECKING:
    from collections.abc import Callable

    from selftune.context import Work
    from selftune.judges.base import JudgesMany, Sitting
    from selftune.records import Interaction, Rubric


def keep_parts(
    sitting: Sitting,
    judge: JudgesMany,
    rubric: Rubric,
    work: Work | None,
    *,
    worth_keeping: Callable[[Judgement], bool] = lambda _: True,
) -> Sitting:
    """The sitting of this judge, each of its verdicts kept in `work` before anybody sees it; None keeps nothing."""
    if work is None:
        return sitting
    question = digest_of(["part", judge.identity, rubric.id, judge.prompt_digest(rubric)])
    return _KeptSitting(sitting, question, work, worth_keeping)


class _KeptSitting:
    """A sitting that answers from scratch what it was asked before; a failure is asked for again."""

    def __init__(self, sitting: Sitting, question: str, work: Work, worth_keeping: Callable[[Judgement], bool]) -> None:
        self._sitting = sitting
        self._question = question
        self._work = work
        self._worth_keeping = worth_keeping
        self._found: list[Judgement] = []

    @property
    def under_way(self) -> int:
        return self._sitting.under_way + len(self._found)

    def ask(self, interaction: Interaction, salt: str) -> bool:
        kept = self._work.get(self._key(interaction.id))
        if kept is None:
            return self._sitting.ask(interaction, salt)
        self._found.append(replace(decode_record(kept.decode(), Judgement), salt=salt))
        return True

    def collect(self) -> list[Judgement]:
        found, self._found = self._found, []
        if found:
            return found
        heard = self._sitting.collect()
        for judgement in heard:
            if judgement.status is JudgementStatus.SCORED and self._worth_keeping(judgement):
                self._work.put(self._key(judgement.interaction_id), encode_record(judgement).encode())
                reach("judge-part-kept")
        return heard

    def _key(self, interaction_id: str) -> str:
        return digest_of([self._question, interaction_id])
