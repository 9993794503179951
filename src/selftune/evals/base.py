"""What a scorer must do: look at one answer to one item and say what it is worth, and why."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from selftune.records import SuiteItem


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
    """

    value: float | None
    reasons: tuple[str, ...] = ()
    critical_failures: tuple[str, ...] = ()
    unscored_reason: str | None = None
    turn_of_break: int | None = None
    failure: str | None = None
    measures: tuple[tuple[str, float], ...] = ()


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
