"""What a rule of promotion sees of a night, and what it must do. Everything an outsider needs is in this file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

Scores = tuple[float | None, ...]
"""One score from 0 to 1 for each item, in the order of the items; None where the judge gave no verdict."""


@dataclass(frozen=True, kw_only=True)
class Item:
    """One item of the exam; nothing was ever trained or chosen on those of the tier `held_out`."""

    name: str
    category: str
    tier: str


@dataclass(frozen=True, kw_only=True)
class Night:
    """All that can be known about a candidate before it is promoted or not.

    Attributes:
        champion: What the model that serves now scored; `candidate`: the new one, before its serving form was made.
        champion_server: What the server that answered shows of its weights; `candidate_server`: the same.
        parity: Share of answers that the serving form gives as the trained model did; 0.9 is asked for.
        same_night: Whether the champion was judged tonight; otherwise its scores were kept from an earlier night.
        tried: Of so many candidates this one scored best, on these very answers.
        ask_again: Asks and judges both arms anew, tonight: (champion, candidate). Items spent are counted.
    """

    items: tuple[Item, ...]
    champion: Scores
    candidate: Scores
    champion_server: str
    candidate_server: str
    parity: float
    same_night: bool
    tried: int
    ask_again: Callable[[], tuple[Scores, Scores]]


class Rule(Protocol):
    """A rule of promotion; `title` is printed in the table."""

    @property
    def title(self) -> str:
        """One line that says the rule."""
        ...

    def promotes(self, night: Night) -> bool:
        """Whether the candidate takes the champion's place."""
        ...


def as_zeros(scores: Scores) -> list[float]:
    """The scores as they are read where nobody asks why one is missing."""
    return [0.0 if score is None else score for score in scores]


class AddsTwoHundredths:
    """The example: an adapter takes about as many lines. Keep what adds 0.02 to the champion's mean."""

    title = "adds 0.02 to the mean"

    def promotes(self, night: Night) -> bool:
        """A mean of all items against a mean of all items, and a margin for noise that nobody measured."""
        champion, candidate = as_zeros(night.champion), as_zeros(night.candidate)
        return sum(candidate) / len(candidate) >= sum(champion) / len(champion) + 0.02
