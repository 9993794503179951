"""Watching a candidate beside the champion while both answer, and looking after every answer.

Somebody bets, answer by answer, that the candidate does worse than the champion by more than what is tolerated. Each
answer of the candidate is held against the champion's around it: d = its outcome minus their mean, from -1 to 1, where
1 is the worse outcome. If, whatever went before, the expectation of d is at most `tolerated`, then for each fixed
stake s from 0 to below 1 / (1 + tolerated)

    capital *= 1 + s * (d - tolerated)

is a supermartingale that starts at 1, and so is the mean of several such capitals. By Ville's inequality (1939) it ever
reaches 1 / alpha with a chance of at most alpha, whenever one looks and whenever one stops. Nothing is assumed of how
the outcomes are spread, and they may drift together with the day: only the difference counts.

Sources: I. Waudby-Smith and A. Ramdas, "Estimating means of bounded random variables by betting", J. R. Stat. Soc. B 86
(2024), 1-27, here with one side and a mixture of stakes in place of their plug-in. T. Cover, "Universal portfolios",
Mathematical Finance 1 (1991), 1-29: a mixture of n stakes loses at most a factor n against the best of them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

STAKES: Final = (0.02, 0.05, 0.1, 0.2, 0.35, 0.55, 0.75, 0.9)
"""Shares of the largest stake that can't lose all: small ones find small harm, large ones find large harm soon."""


@dataclass(frozen=True, kw_only=True)
class Watch:
    """What the bets on harm have become; 1 before the first difference.

    Attributes:
        tolerated: The mean difference that is still no harm, 0 or more and below 1.
        n: Differences that were looked at.
        total: Their sum.
        logs: The logarithm of the capital at each of `STAKES`.
        peak: The logarithm of the greatest capital so far.
    """

    tolerated: float
    n: int = 0
    total: float = 0.0
    logs: tuple[float, ...] = (0.0,) * len(STAKES)
    peak: float = 0.0

    def __post_init__(self) -> None:
        if not 0 <= self.tolerated < 1:
            raise ValueError(f"a mean difference of {self.tolerated} can't be tolerated: it is 0 or more and below 1")

    def after(self, difference: float) -> Watch:
        """The same with one more difference.

        Raises:
            ValueError: it lies outside [-1, 1].
        """
        if not -1 <= difference <= 1:
            raise ValueError(f"{difference} is no difference of two outcomes between 0 and 1")
        gain = (difference - self.tolerated) / (1 + self.tolerated)
        logs = tuple(log + math.log1p(stake * gain) for log, stake in zip(self.logs, STAKES, strict=True))
        return Watch(
            tolerated=self.tolerated,
            n=self.n + 1,
            total=self.total + difference,
            logs=logs,
            peak=max(self.peak, log_mean(logs)),
        )

    @property
    def mean(self) -> float | None:
        """The mean difference so far; None before the first."""
        return self.total / self.n if self.n else None

    @property
    def p_value(self) -> float:
        """Of "no more than tolerated", valid whenever one stops: one over the greatest capital."""
        return math.exp(-self.peak)

    def shows_harm(self, alpha: float) -> bool:
        """Whether harm beyond what is tolerated is shown, with a chance of at most alpha to say so wrongly, ever."""
        return self.peak >= -math.log(alpha)


def watch_all(differences: Iterable[float], tolerated: float) -> Watch:
    """What the bets come to after all these differences, in the order given; errors as `Watch`."""
    watched = Watch(tolerated=tolerated)
    for difference in differences:
        watched = watched.after(difference)
    return watched


def answers_at_worst(tolerated: float, alpha: float) -> int:
    """After how many answers in a row that are as bad as can be, each beside good ones, harm is shown."""
    watched = Watch(tolerated=tolerated)
    while not watched.shows_harm(alpha):
        watched = watched.after(1.0)
    return watched.n


def log_mean(logs: tuple[float, ...]) -> float:
    """The logarithm of the mean of what these are logarithms of."""
    most = max(logs)
    return most + math.log(math.fsum(math.exp(log - most) for log in logs) / len(logs))
