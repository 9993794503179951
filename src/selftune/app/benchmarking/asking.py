"""Asking a model every question of a suite, in the drawn order, and keeping what it said and how long it took."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from selftune.app.benchmarking.answering import UnansweredError
from selftune.context import spread_seeds
from selftune.errors import UsageError
from selftune.evals.answers import Played, Reply, drawn_order, questions_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from selftune.app.benchmarking.answering import Answering, Said
    from selftune.evals.answers import Question
    from selftune.evals.config import EvaluationConfig
    from selftune.records import GenerationParameters, Suite

    Objection = Callable[[Question], str | None]

PATIENCE: Final = 5
"""So many questions in a row that nobody answered, and the server is taken for gone."""


@dataclass(frozen=True, kw_only=True)
class Heard:
    """What a model said to a suite.

    Attributes:
        played: The questions with what was answered, in the order of the suite.
        said: Every answer, with seconds and tokens; the one that warmed the server is not among them.
        warm_up: That one.
        wall_seconds: From the first question to the last answer.
        away: Why nobody answered any more; None where the suite was asked to its end.
    """

    played: tuple[Played, ...]
    said: tuple[Said, ...]
    warm_up: Said | None
    wall_seconds: float
    away: str | None = None


def take_items(suite: Suite, most: int) -> Suite:
    """The suite with so many items of those that its seed draws first, pairs whole; all of it for 0.

    Raises:
        UsageError: not even the first pair has room.
    """
    if not most or most >= len(suite.items):
        return suite
    taken: set[str] = set()
    groups: dict[str, set[str]] = {}
    for question in drawn_order(suite, questions_of(suite, [suite.seed])):
        groups.setdefault(question.item.pair or question.item.id, set()).add(question.item.id)
    for group in groups.values():
        if len(taken) + len(group) <= most:
            taken |= group
    if not taken:
        raise UsageError(f"suite {suite.name!r} counts by pairs.", next_step="Ask for 2 items or more: --items 2.")
    kept = tuple(item for item in suite.items if item.id in taken)
    return replace(suite, name=f"{suite.name}, {len(kept)} items", items=kept)


def questions_in_order(config: EvaluationConfig) -> tuple[Question, ...]:
    """What every model is asked: equal questions, seeds and order."""
    suite = config.suite
    return drawn_order(suite, questions_of(suite, spread_seeds(suite.seed, config.rounds)))


async def ask_suite(
    answering: Answering,
    questions: Sequence[Question],
    parameters: GenerationParameters,
    objection: Objection,
    clock: Callable[[], float],
    *,
    at_once: int = 1,
    heard: Callable[[], None] = lambda: None,
) -> Heard:
    """Ask all of them, so many conversations at a time; the first question goes before the others and is not counted.

    What `objection` names is not sent: it is unscored, and says why. `heard` is called after each question.
    """
    asking = _Asking(answering, parameters, objection, heard)
    warm_up = await asking.warm_up(questions)
    began = clock()
    left = iter(questions)
    await asyncio.gather(*(asking.work_off(left) for _ in range(at_once)))
    return Heard(
        played=tuple(sorted(asking.played, key=lambda one: one.question.place)),
        said=tuple(asking.said),
        warm_up=warm_up,
        wall_seconds=clock() - began,
        away=asking.away,
    )


class _Asking:
    """One model while it is asked."""

    def __init__(
        self, answering: Answering, parameters: GenerationParameters, objection: Objection, heard: Callable[[], None]
    ) -> None:
        self._answering = answering
        self._parameters = parameters
        self._objection = objection
        self._heard = heard
        self._silent = 0
        self.played: list[Played] = []
        self.said: list[Said] = []
        self.away: str | None = None

    async def warm_up(self, questions: Sequence[Question]) -> Said | None:
        """Ask the first question that may be sent; whoever does not answer even that is away."""
        first = next((question for question in questions if self._objection(question) is None), None)
        if first is None:
            return None
        try:
            return await self._answering.answer(first.request(()), self._parameters)
        except UnansweredError as error:
            self.away = str(error) if error.away else None
            return None

    async def work_off(self, left: Iterator[Question]) -> None:
        """Take one question after the other from what is left, until nobody answers."""
        while self.away is None and (question := next(left, None)) is not None:
            objection = self._objection(question)
            replies = (Reply(failure=objection),) if objection else await self._converse(question)
            self.played.append(Played(question=question, replies=replies))
            self._heard()

    async def _converse(self, question: Question) -> tuple[Reply, ...]:
        replies: list[Reply] = []
        for _ in range(question.turns):
            try:
                said = await self._answering.answer(question.request(replies), self._parameters)
            except UnansweredError as error:
                self._note_silence(error)
                return (*replies, Reply(failure=str(error)))
            self._silent = 0
            self.said.append(said)
            replies.append(said.reply)
        return tuple(replies)

    def _note_silence(self, error: UnansweredError) -> None:
        self._silent = self._silent + 1 if error.away else 0
        if self._silent >= PATIENCE:
            self.away = f"{error}, {PATIENCE} questions in a row"
