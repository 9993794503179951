"""Looking after every item without fooling oneself: a bet against "the candidate is no better".

The capital of somebody who bets on the candidate item by item is a martingale when there is no difference: it passes
1 / alpha with a chance of at most alpha, whenever one looks (Ville 1939). Its interval holds at every n at once.

Source:
    I. Waudby-Smith and A. Ramdas, "Estimating means of bounded random variables by betting", J. R. Stat. Soc. B 86
    (2024), 1-27: the hedged capital process with predictable plug-in bets.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

_GRID: Final = 400
_MOST: Final = 0.5
"""Of the capital that could be lost, so much is staked at most: nobody goes bankrupt on one item."""


@dataclass(frozen=True, kw_only=True)
class AnytimeResult:
    """What the bets came to after `n` differences.

    Attributes:
        p_value: One over the greatest capital of a bet on either side, at most 1; valid whenever one stops.
        interval: Of the mean difference, valid at every n at once.
        decided_at: After how many differences the interval first lay clear of zero; None if it never did.
    """

    n: int
    p_value: float
    interval: tuple[float, float]
    decided_at: int | None


def bet(differences: Sequence[float], alpha: float) -> AnytimeResult:
    """Everything the bets show of differences between -1 and 1, taken in the order given.

    Raises:
        ValueError: there are none, one lies outside [-1, 1], or alpha is no chance.
    """
    if not differences or not all(-1 <= d <= 1 for d in differences) or not 0 < alpha < 1:
        raise ValueError("bets need differences between -1 and 1, and a chance to be wrong")
    shares = [(d + 1) / 2 for d in differences]
    stakes = _stakes(shares, alpha)
    greatest, decided = 0.0, None
    zero = _Capital(0.5)
    for place, (share, stake) in enumerate(zip(shares, stakes, strict=True), start=1):
        zero.take(share, stake)
        greatest = max(greatest, zero.log_capital)
        if decided is None and greatest >= -math.log(alpha):
            decided = place
    low, high = _interval(shares, stakes, alpha)
    return AnytimeResult(
        n=len(shares), p_value=math.exp(-greatest), interval=(2 * low - 1, 2 * high - 1), decided_at=decided
    )


class _Capital:
    """Half the money bet on a mean above `mean`, half on one below."""

    def __init__(self, mean: float) -> None:
        self._mean = mean
        self._above = self._below = 0.0

    def take(self, share: float, stake: float) -> None:
        above = min(stake, _MOST / self._mean) if self._mean > 0 else stake
        below = min(stake, _MOST / (1 - self._mean)) if self._mean < 1 else stake
        self._above += math.log1p(above * (share - self._mean))
        self._below += math.log1p(-below * (share - self._mean))

    @property
    def log_capital(self) -> float:
        larger, smaller = max(self._above, self._below), min(self._above, self._below)
        return larger + math.log1p(math.exp(smaller - larger)) - math.log(2)


def _stakes(shares: Sequence[float], alpha: float) -> list[float]:
    """How much to bet on each item, from those before it alone."""
    total, squares, stakes = 0.5, 0.25, []
    for n, share in enumerate(shares, start=1):
        variance = squares / n
        stakes.append(math.sqrt(2 * math.log(2 / alpha) / (variance * n * math.log(1 + n))))
        total += share
        squares += (share - total / (n + 1)) ** 2
    return stakes


def _interval(shares: Sequence[float], stakes: Sequence[float], alpha: float) -> tuple[float, float]:
    """The means that the bets do not refute; those between two refuted ones of a grid count as not refuted."""
    refuted = []
    for step in range(_GRID + 1):
        capital, out = _Capital(step / _GRID), False
        for share, stake in zip(shares, stakes, strict=True):
            capital.take(share, stake)
            out = out or capital.log_capital >= -math.log(alpha)
        refuted.append(out)
    kept = [step for step, out in enumerate(refuted) if not out]
    if not kept:
        centre = math.fsum(shares) / len(shares)
        return centre, centre
    return max(0.0, (kept[0] - 1) / _GRID), min(1.0, (kept[-1] + 1) / _GRID)
