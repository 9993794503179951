"""Whether figures that follow each other rise: a test of order, and the usual step. Standard library only.

Source:
    H. B. Mann, "Nonparametric tests against trend", Econometrica 13 (1945), 245-259; M. G. Kendall, "Rank Correlation
    Methods", 4th ed. (1975), chapters 1 and 4 (with ties: section 4.4, continuity correction included); for the step
    P. K. Sen, "Estimates of the regression coefficient based on Kendall's tau", J. Am. Stat. Assoc. 63 (1968),
    1379-1389.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from itertools import combinations, permutations
from statistics import NormalDist, median
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

FEWEST: Final = 2
_COUNTED: Final = 8
"""Up to so many values with ties every order is gone through; without ties all orders are counted at any number."""


@dataclass(frozen=True, kw_only=True)
class Trend:
    """How figures follow each other.

    Attributes:
        step: Median of the steps between all pairs, each divided by how far the two lie apart.
        rises: Pairs of which the later one is higher, less those of which it is lower, of `pairs`.
        p_value: One-sided, of "every order is as likely": how often chance alone would rise so much.
    """

    step: float
    rises: int
    pairs: int
    p_value: float
    n: int


def trend_of(values: Sequence[float]) -> Trend:
    """The trend of values in their order, one place apart.

    The test asks for order alone, so it does not matter how noisy each value is, only that under "no trend" any order
    is as likely. Four values that rise each time have a p-value of 1 in 24; fewer can't show a trend at 5 %.

    Raises:
        ValueError: fewer than two values, or one is no finite number.
    """
    if len(values) < FEWEST or not all(map(math.isfinite, values)):
        raise ValueError(f"a trend takes two finite values; given: {list(values)}")
    rises, pairs = _rises(values), len(values) * (len(values) - 1) // 2
    return Trend(step=usual_step(values), rises=rises, pairs=pairs, p_value=_p_value(values, rises), n=len(values))


def usual_step(values: Sequence[float]) -> float:
    """Sen's slope of two or more values in their order: the median of the steps between all pairs."""
    return median((values[j] - values[i]) / (j - i) for i, j in combinations(range(len(values)), 2))


def _rises(values: Sequence[float]) -> int:
    return sum((later > earlier) - (later < earlier) for earlier, later in combinations(values, 2))


def _p_value(values: Sequence[float], rises: int) -> float:
    n = len(values)
    if len(set(values)) == n:
        orders = _orders_by_falls(n)
        # With so many falls among all pairs the rest rises.
        most_falls = (len(orders) - 1 - rises) // 2
        return sum(orders[: most_falls + 1]) / math.factorial(n)
    if n <= _COUNTED:
        return sum(_rises(order) >= rises for order in permutations(values)) / math.factorial(n)
    tied = sum(t * (t - 1) * (2 * t + 5) for t in Counter(values).values())
    variance = (n * (n - 1) * (2 * n + 5) - tied) / 18
    return 1.0 if not variance else 1 - NormalDist().cdf((rises - 1) / math.sqrt(variance))


def _orders_by_falls(n: int) -> list[int]:
    """How many orders of n different values have 0, 1, 2 … pairs that fall; each value more may stand anywhere."""
    orders = [1]
    for placed in range(1, n):
        orders = [sum(orders[max(0, falls - placed) : falls + 1]) for falls in range(len(orders) + placed)]
    return orders
