"""What an alarm looks at, and what it says of it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

LEVEL: Final = 0.02
"""Each alarm is wrong about so many ordinary histories at most, over all the series that it looks at together."""


class AlarmName(StrEnum):
    """What is suspicious."""

    TOO_FAST = "too fast"
    TOO_CLEAN = "too clean"
    TOO_EVEN = "too even"
    COLLAPSE = "collapse"
    HAND_PICKED = "hand-picked"
    RETRIED = "retried until green"


class Verdict(StrEnum):
    """What came of a look: nothing, too little to look at, a word of advice, or a hold."""

    QUIET = "quiet"
    TOO_SHORT = "too short"
    ADVISE = "advise"
    HOLD = "hold"


@dataclass(frozen=True, kw_only=True)
class History:
    """A series of figures, oldest first.

    Attributes:
        labels: What each value is of: a release, sessions 1 to 250.
        errors: The standard error of each value, where it is known.
        of: Of how many each value is the share; empty where they are no shares.
        flags: Whether it is a share of what was found wrong, of which there may be too few.
    """

    name: str
    values: tuple[float, ...]
    labels: tuple[str, ...] = ()
    errors: tuple[float, ...] = ()
    of: tuple[int, ...] = ()
    flags: bool = False

    def label(self, at: int) -> str:
        """What a value is of; its number from 1 where nobody said."""
        return self.labels[at] if self.labels else f"value {at + 1}"


@dataclass(frozen=True, kw_only=True)
class Look:
    """One thing that was looked at, with its figures, whether or not it is suspicious.

    Attributes:
        about: The series, or the texts.
        told: What was found, in a sentence with its figures.
        p_value: How often chance alone looks like this; None where no chance was reckoned.
        limit: What the p-value is held against: the alarm's level, shared over what it looks at.
        n: On how many values or texts it rests.
    """

    alarm: AlarmName
    about: str
    verdict: Verdict
    told: str
    p_value: float | None = None
    limit: float | None = None
    n: int = 0


def evened(history: History) -> tuple[Sequence[float], Sequence[float]]:
    """Values and their errors as they are compared: shares on the scale where all of them vary alike.

    Source:
        M. S. Bartlett, "The use of transformations", Biometrics 3 (1947), 39-52 (the angle whose sine squared is the
        share, with a standard error of half the inverse root of n).
    """
    if not history.of:
        return history.values, history.errors
    angles = [math.asin(math.sqrt(min(1.0, max(0.0, share)))) for share in history.values]
    return angles, [0.5 / math.sqrt(n) for n in history.of]


def in_words(p_value: float) -> str:
    """A chance for a sentence."""
    return f"{p_value:.2g}" if p_value >= 1e-12 else "less than 1e-12"  # noqa: PLR2004 - where the arithmetic ends
