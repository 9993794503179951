"""What a scorer must do: look at what was answered to one item and say what it is worth, and why."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from selftune.context import Context
    from selftune.records import SuiteItem

JUDGE: Final = "judge"
"""What an item names as its scorer to be graded by a judge; `judge:golden` names the rubric too."""

PAIRWISE: Final = "pairwise"
"""The same to be compared with the item's reference, in both orders, nobody being told which is which."""


@dataclass(frozen=True, kw_only=True)
class Score:
    """What one answer is worth.

    Attributes:
        value: 0 to 1; None when it could not be scored, then `unscored_reason` says why.
        reasons: What was found, in words a person can check against the answer.
        critical_failures: Names of failures that no mean may hide.
        turn_of_break: In a conversation, the turn at which the model gave way, from 1; None if it held.
        failure: What kind of failure it is, as `scoring.failures` names them.
        measures: Further figures by name.
        calls: How often a judge was asked for it.
        cost_usd: What these calls cost.
        judged_by: The model that answered for the judge, by its server's own word; None where none was asked.
    """

    value: float | None
    reasons: tuple[str, ...] = ()
    critical_failures: tuple[str, ...] = ()
    unscored_reason: str | None = None
    turn_of_break: int | None = None
    failure: str | None = None
    measures: tuple[tuple[str, float], ...] = ()
    calls: int = 0
    cost_usd: float = 0.0
    judged_by: str | None = None


class Scorer(Protocol):
    """Scores answers to a suite's items.

    Attributes:
        name: The name it is registered under.
        lineage: Models behind its scores; empty when it is code.
    """

    @property
    def name(self) -> str:
        """The name it is registered under."""
        ...

    @property
    def lineage(self) -> tuple[str, ...]:
        """Models behind its scores; empty when it is code."""
        ...

    def score(self, item: SuiteItem, answer: str) -> Score:
        """What this answer to this item is worth."""
        ...


@runtime_checkable
class ConversationScorer(Protocol):
    """A scorer that looks at every turn of an item with follow-ups; any other is handed the last answer alone."""

    def score_conversation(self, item: SuiteItem, answers: tuple[str, ...]) -> Score:
        """What these answers are worth: the first to `item.messages`, each later one to a follow-up, in order."""
        ...


@dataclass(frozen=True, kw_only=True)
class Answered:
    """An item with what a build said to it: what a grader looks at.

    Attributes:
        scorer: What the item or its suite names as scorer: `judge`, `judge:RUBRIC`, `pairwise` or `pairwise:RUBRIC`.
        answers: One for each turn.
    """

    item: SuiteItem
    scorer: str
    repeat: int
    answers: tuple[str, ...]


class Grader(Protocol):
    """The judge at the gate, handed in with the config: evaluation knows no judges.

    Attributes:
        name: Who grades, and by which rubric.
        lineage: Models behind its grades; empty when it is code.
        identity: Names a step by what can change a grade.
    """

    @property
    def name(self) -> str:
        """Who grades, and by which rubric."""
        ...

    @property
    def lineage(self) -> tuple[str, ...]:
        """Models behind its grades; empty when it is code."""
        ...

    @property
    def identity(self) -> str:
        """Names a step by what can change a grade."""
        ...

    def grade(self, answered: Sequence[Answered], context: Context) -> Iterator[Score]:
        """A score for each, in order; what an earlier try of the step paid for is not paid for again.

        Raises:
            JudgeMissingError: the judge is not there, or fell silent; what it said so far is kept.
            BudgetError: the money does not pay for one more; those before are kept.
        """
        ...


class Runtime(Protocol):
    """What stands between a build and whoever asks it: it gives out the answer, or what code puts in its place.

    Attributes:
        identity: Names what it does, so that answers which it gave out are held apart from others.
    """

    @property
    def identity(self) -> str:
        """Names what it does."""
        ...

    def give_out(self, item: SuiteItem, asked: str, answer: str) -> str:
        """What is given out where a build answered so to a turn of an item."""
        ...


def is_graded(scorer: str) -> bool:
    """Whether a scorer's name asks for the judge at the gate."""
    return scorer.partition(":")[0] in {JUDGE, PAIRWISE}
