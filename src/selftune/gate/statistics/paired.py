"""The arithmetic of a paired comparison, each formula with its source.

The comparison is between two arms that answered the same units, so everything here speaks of differences: candidate
minus champion, one per unit, each between -1 and 1.

No correction for looking at several categories is made. Correcting would make harm harder to show, and what many
vetoes cost an equal candidate is bounded before the run (`selftune.gate.planning`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist
from typing import TYPE_CHECKING

from selftune.scoring.intervals import normal_quantile, wilson_interval

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = [
    "Difference",
    "counted_interval",
    "difference_interval",
    "interval_p_value",
    "mcnemar_mid_p",
    "spread_of",
    "wilson_interval",
]


@dataclass(frozen=True, kw_only=True)
class Difference:
    """Candidate minus champion over n units.

    Attributes:
        mean: Plain mean of the differences.
        interval: [low, high] at `level`, two-sided.
        p_value: Of the hypothesis that the arms are exchangeable, two-sided.
        gained: Units on which the candidate did better; `lost`: worse.
        method: How interval and p-value were reckoned.
    """

    mean: float
    interval: tuple[float, float]
    level: float
    p_value: float
    n: int
    gained: int
    lost: int
    method: str


def difference_interval(differences: Sequence[float], level: float) -> tuple[float, float]:
    """Interval [low, high] of the mean paired difference: two made-up units are added, one won and one lost.

    The plain interval of n equal differences has no width and would call 5 wins of 5 certain. Adding one +1 and one -1
    keeps it honest at any n, and never lets it be narrower than about 2.8 / n. For right-or-wrong units this is the
    interval of Bonett and Price exactly, recommended by Fagerland, Lydersen and Laake; for graded scores, which vary
    less, the same two units make it too wide rather than too narrow.

    Source:
        D. G. Bonett and R. M. Price, "Adjusted Wald confidence interval for a difference of binomial proportions based
        on paired data", J. Educ. Behav. Stat. 37 (2012), 479-488; M. W. Fagerland, S. Lydersen and P. Laake,
        "Recommended tests and confidence intervals for paired binomial proportions", Stat. Med. 33 (2014), 2850-2875.

    Raises:
        ValueError: there are no differences, or one lies outside [-1, 1].
    """
    _refuse_odd(differences)
    return _interval(math.fsum(differences), math.fsum(d * d for d in differences), len(differences), level)


def counted_interval(gained: int, lost: int, n: int, level: float) -> tuple[float, float]:
    """`difference_interval` of right-or-wrong units: so many gained and lost of n, the others equal."""
    return _interval(gained - lost, gained + lost, n, level)


def _interval(total: float, squares: float, units: int, level: float) -> tuple[float, float]:
    mean, error = _with_made_up_units(total, squares, units)
    margin = normal_quantile(level) * error
    return max(-1.0, mean - margin), min(1.0, mean + margin)


def _with_made_up_units(total: float, squares: float, units: int) -> tuple[float, float]:
    """Mean and standard error with one unit won and one lost."""
    n = units + 2
    mean = total / n
    return mean, math.sqrt(((squares + 2) / n - mean * mean) / n)


def interval_p_value(differences: Sequence[float]) -> float:
    """The two-sided p-value that goes with `difference_interval`: the two never contradict each other."""
    _refuse_odd(differences)
    mean, error = _with_made_up_units(math.fsum(differences), math.fsum(d * d for d in differences), len(differences))
    return 2 * NormalDist().cdf(-abs(mean) / error)


def mcnemar_mid_p(gained: int, lost: int) -> float:
    """Two-sided mid-p of McNemar's test that the arms are exchangeable: half the weight of the observed outcome.

    Source:
        M. W. Fagerland, S. Lydersen and P. Laake, "The McNemar test for binary matched-pairs data: mid-p and asymptotic
        are better than exact conditional", BMC Med. Res. Methodol. 13 (2013) 91.
    """
    discordant, fewer = gained + lost, min(gained, lost)
    ways, below = 1, 0
    for k in range(fewer):
        below += ways
        ways = ways * (discordant - k) // (k + 1)
    # Both tails at half the weight of the outcome itself; whole numbers until the one division, so it can't overflow.
    return (2 * below + ways) / (1 << discordant)


def _refuse_odd(differences: Sequence[float]) -> None:
    if not differences:
        raise ValueError("no differences")
    if not all(-1 <= difference <= 1 for difference in differences):
        raise ValueError("a difference lies outside [-1, 1]")


def spread_of(differences: Sequence[float]) -> float:
    """Standard deviation of the differences with the two made-up units of `difference_interval`; never 0."""
    _refuse_odd(differences)
    n = len(differences) + 2
    mean = math.fsum(differences) / n
    return math.sqrt((math.fsum(d * d for d in differences) + 2) / n - mean * mean)
