"""Verdicts that need not be paid for again: of earlier cycles, and of a try of this step that was cut off."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from selftune.records import Judgement, JudgementStatus, decode_record, digest_of, encode_record

if TYPE_CHECKING:
    from collections.abc import Iterator

    from selftune.context import Context
    from selftune.judges.base import JudgesMany
    from selftune.records import Rubric


class Recall:
    """Finds a verdict on the same question: interaction, rubric, judge, prompt and parameters.

    A verdict of an earlier cycle counts as long as the endpoint reports the model that gave it: once another one
    answers, nothing that was said before is found any more. A failure is never found: the next try may succeed.
    """

    def __init__(self, judge: JudgesMany, rubric: Rubric, context: Context) -> None:
        self._context = context
        self._question = (judge.identity, rubric.id, judge.prompt_digest(rubric))
        self._model: str | None = None
        self._on_record: dict[str, str] = {}
        for _, judgement in context.read.each(Judgement):
            asked = (judgement.judge, judgement.rubric_digest, judgement.prompt_digest)
            if asked == self._question and judgement.status is JudgementStatus.SCORED:
                self._notice(judgement)
                self._on_record[judgement.interaction_id] = judgement.id

    def find(self, interaction_id: str) -> Judgement | None:
        """The verdict that was paid for, or None."""
        judgement_id = self._on_record.get(interaction_id)
        if judgement_id is not None:
            return self._context.read.record(judgement_id, Judgement)
        kept = self._context.work.get(self._key(interaction_id))
        return None if kept is None else decode_record(kept.decode(), Judgement)

    def keep(self, judgement: Judgement) -> None:
        """Find this one again, should the step be cut off before its records are kept."""
        if judgement.status is JudgementStatus.SCORED:
            self._notice(judgement)
            self._context.work.put(self._key(judgement.interaction_id), encode_record(judgement).encode())

    def _notice(self, judgement: Judgement) -> None:
        if judgement.reported_model not in {None, self._model}:
            self._model = judgement.reported_model
            self._on_record.clear()

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
