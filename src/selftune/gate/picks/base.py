"""What a person chose between champion and candidate without knowing which is which."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from enum import StrEnum


class Choice(StrEnum):
    """Whose answer was taken; a tie takes neither."""

    CANDIDATE = "candidate"
    CHAMPION = "champion"
    TIE = "tie"


class PicksMay(StrEnum):
    """What a policy lets blind picks do."""

    PROMOTE = "may_promote"
    BE_REPORTED = "reported"


@dataclass(frozen=True, kw_only=True)
class Picks:
    """Blind picks between two builds, in the order they were made: one for each prompt.

    Attributes:
        identical: Pairs that nobody was shown, because both builds gave the same answer.
        seconds_each: What a pick took the person, in the middle; None before two picks in a row.
        statement_ids: What was said, pick by pick.
    """

    choices: tuple[Choice, ...] = ()
    identical: int = 0
    seconds_each: float | None = None
    statement_ids: tuple[str, ...] = ()

    @property
    def tally(self) -> Counter[Choice]:
        """How often each was taken."""
        return Counter(self.choices)

    @property
    def decided(self) -> int:
        """Picks that took a side."""
        return sum(choice is not Choice.TIE for choice in self.choices)
