"""Watching a candidate beside the champion while both answer, and looking after every difference.

Somebody bets, difference by difference, that the candidate does worse than the champion by more than what is tolerated:
1 is the worse outcome. A difference d is that of two answers to one request, from -1 to 1, or what a user tells whom
chance dealt to one side (`dealing.py`), with other limits. If, whatever went before, the expectation of d is at most
`tolerated`, and d can't be less than `least`, then for each fixed stake s from 0 to below 1 / (tolerated - least)

    capital *= 1 + s * (d - tolerated)

is a supermartingale that starts at 1, and so is the mean of several such capitals. By Ville's inequality (1939) it ever
reaches 1 / alpha with a chance of at most alpha, whenever one looks and whenever one stops. Nothing is assumed of how
the outcomes are spread, and they may drift together with the day: only the difference counts.

A mean is refuted by the bets against it in the same way, so that all that are not refuted make an interval, each end of
which holds at level 1 - alpha at every n at once.

Sources: I. Waudby-Smith and A. Ramdas, "Estimating means of bounded random variables by betting", J. R. Stat. Soc. B 86
(2024), 1-27, here with one side and a mixture of stakes in place of their plug-in. T. Cover, "Universal portfolios",
Mathematical Finance 1 (1991), 1-29: a mixture of n stakes loses at most a factor n against the best of them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

STAKES: Final = (0.02, 0.05, 0.1, 0.2, 0.35, 0.55, 0.75, 0.9)
"""Shares of the largest stake that can't lose all: small ones find small harm, large ones find large harm soon."""


_HALVINGS: Final = 20


@dataclass(frozen=True, kw_only=True)
class Payoff:
    """A difference that was seen, and between what it had to lie by all that was known before it."""

    value: float
    least: float = -1.0
    most: float = 1.0


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

    def after(self, seen: Payoff) -> Watch:
        """The same with one more difference.

        Raises:
            ValueError: it lies outside its limits, or these leave nothing to lose.
        """
        difference, least = seen.value, seen.least
        if not (least <= difference <= seen.most and least < 0):
            raise ValueError(f"{difference} is no difference between {least} and {seen.most}")
        gain = (difference - self.tolerated) / (self.tolerated - least)
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
        watched = watched.after(Payoff(value=difference))
    return watched


def bounds(payoffs: Sequence[Payoff], alpha: float) -> tuple[float, float]:
    """The mean differences, from -1 to 1, that the bets refute on neither side; each end holds at level 1 - alpha."""
    low = _most_refuted([one.value for one in payoffs], [one.least for one in payoffs], alpha)
    high = _most_refuted([-one.value for one in payoffs], [-one.most for one in payoffs], alpha)
    return low, -high


def log_mean(logs: tuple[float, ...]) -> float:
    """The logarithm of the mean of what these are logarithms of."""
    most = max(logs)
    return most + math.log(math.fsum(math.exp(log - most) for log in logs) / len(logs))


def _most_refuted(values: Sequence[float], least: Sequence[float], alpha: float) -> float:
    """The greatest mean that is refuted as too small; -1 where none is: what refutes a mean refutes all below it."""
    import numpy as np

    value, lowest, stakes = np.asarray(values), np.asarray(least), np.asarray(STAKES)[:, None]
    low, high = -1.0, 1.0
    for _ in range(_HALVINGS):
        mean = (low + high) / 2
        logs = np.cumsum(np.log1p(stakes * (value - mean) / (mean - lowest)), axis=1)
        capital = np.logaddexp.reduce(logs, axis=0) - math.log(len(STAKES))
        low, high = (mean, high) if (capital >= -math.log(alpha)).any() else (low, mean)
    return low
