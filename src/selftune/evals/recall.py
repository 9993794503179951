"""What this very build answered to this very question under this very server is taken from the record, not asked again.

Words stay in the records; beside them lies a list of evaluations by build and proof, which quotes nobody and can go at
any time. A part is always asked anew: where one of its answers is not the one on record, all are.
"""

from __future__ import annotations

import json
import math
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from selftune.errors import IntegrityError
from selftune.evals.answers import Reply
from selftune.evals.base import Score
from selftune.records import Evaluation, digest_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from selftune.context import Context
    from selftune.evals.answers import Played, Question
    from selftune.records import Build, GenerationParameters, ItemOutcome, ServingProof

_FOLDER: Final = "evaluations"
# Share of the answers on record that is asked anew all the same, and the fewest.
_ANEW: Final = 0.02
_FEWEST: Final = 2
# So many evaluations are looked through, the newest first: a hold-out that grows is found in the last of them.
_LOOKED_THROUGH: Final = 16


def asked_of(question: Question, parameters: GenerationParameters) -> str:
    """Names what is asked and how it is drawn; greedy answers depend on no seed."""
    drawn = question.seed if parameters.temperature > 0 else None
    asked = [question.opening, question.item.follow_ups, question.repeat, parameters, drawn]
    return digest_of(["left open", *asked] if question.left_open else asked)


class Answers:
    """The answers on record of one build behind one server, as it has just proved itself."""

    def __init__(self, build: Build, proof: ServingProof, context: Context) -> None:
        self._build = build
        self._proof = proof
        self._read = context.read
        name = digest_of([build.digest, proof]).removeprefix("sha256:")[:32]
        self._list: Path | None = None if context.notes is None else context.notes / _FOLDER / f"{name}.jsonl"

    def find(self, questions: Sequence[Question], parameters: GenerationParameters) -> dict[int, ItemOutcome]:
        """What is on record for these questions, by their places."""
        places = {asked_of(question, parameters): question.place for question in questions}
        found: dict[int, ItemOutcome] = {}
        for evaluation in self._evaluations():
            for outcome in evaluation.outcomes:
                if outcome.asked in places:
                    found.setdefault(places[outcome.asked], outcome)
            if len(found) == len(places):
                break
        return found

    def add(self, evaluation: Evaluation) -> None:
        """List an evaluation that is about to be kept; one that is not kept after all is passed over later."""
        if self._list is not None:
            self._list.parent.mkdir(parents=True, exist_ok=True)
            with self._list.open("a", encoding="utf-8") as stream:
                stream.write(json.dumps(evaluation.id) + "\n")

    def _evaluations(self) -> Iterator[Evaluation]:
        """The newest first, each held against build and proof: the list alone proves nothing."""
        if self._list is None or not self._list.is_file():
            return
        lines = self._list.read_text(encoding="utf-8").splitlines()
        for line in lines[: -_LOOKED_THROUGH - 1 : -1]:
            # A line that was cut short, or whose evaluation was never kept, costs an answer asked anew and no more.
            with suppress(ValueError, IntegrityError):
                evaluation = self._read.record(json.loads(line), Evaluation)
                if evaluation.build_digest == self._build.digest and evaluation.proof == self._proof:
                    yield evaluation


def ask_anew(questions: Sequence[Question], found: Mapping[int, ItemOutcome]) -> list[Question]:
    """Those of the questions with an answer on record that are asked all the same: the first in the drawn order."""
    known = [question for question in questions if question.place in found]
    return known[: max(_FEWEST, math.ceil(_ANEW * len(known)))]


def all_match(played: Sequence[Played], found: Mapping[int, ItemOutcome]) -> bool:
    """Whether every answer that was asked anew is the one on record, letter by letter."""
    return all(one.replies == replies_of(found[one.question.place]) for one in played)


def replies_of(outcome: ItemOutcome) -> tuple[Reply, ...]:
    """What was answered, turn by turn."""
    texts = outcome.turns or (outcome.answer,)
    thoughts: Sequence[str | None] = outcome.reasoning or [None] * len(texts)
    return tuple(
        Reply(text=text, cut=turn in outcome.cut, reasoning=thought)
        for turn, (text, thought) in enumerate(zip(texts, thoughts, strict=True), start=1)
    )


def grade_of(outcome: ItemOutcome) -> Score:
    """The grade on record: nobody was asked for it this time."""
    return Score(
        value=outcome.score,
        reasons=outcome.reasons[:-1] if outcome.cut else outcome.reasons,
        critical_failures=outcome.critical_failures,
        turn_of_break=outcome.turn_of_break,
        failure=outcome.failure,
        measures=outcome.measures,
        judged_by=outcome.judged_by,
    )
