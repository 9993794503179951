"""How large a difference is beside the spread, and whether scores fall into two heaps. Standard library only."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import fmean
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

UNIFORM: Final = 5 / 9
"""The bimodality coefficient of a uniform distribution: what lies above it may have two heaps."""

PARTED: Final = 0.8
"""Share of the variance that must lie between two heaps: of a uniform distribution 0.75 does, of a normal one 0.64."""

_LEAST: Final = 8
_ROUNDING: Final = 1e-12


def cohens_d(champion: Sequence[float], candidate: Sequence[float]) -> float | None:
    """The difference of the means in units of the arms' mean spread; None when neither varies, or with one item.

    The standardiser is the root of the mean of the two variances (`d_av`): pairing does not inflate it, so figures of
    paired and unpaired comparisons can be held side by side.

    Source:
        J. Cohen, "Statistical Power Analysis for the Behavioral Sciences", 2nd ed. (1988), 2.3; D. Lakens, "Calculating
        and reporting effect sizes", Front. Psychol. 4 (2013) 863, formula 10.
    """
    if min(len(champion), len(candidate)) < 2:  # noqa: PLR2004 - one value has no spread
        return None
    spread = math.sqrt((_variance(champion) + _variance(candidate)) / 2)
    largest = max(map(abs, (*champion, *candidate)))
    return (fmean(candidate) - fmean(champion)) / spread if spread > _ROUNDING * largest else None


def _variance(values: Sequence[float]) -> float:
    centre = fmean(values)
    return math.fsum((value - centre) ** 2 for value in values) / (len(values) - 1)


@dataclass(frozen=True, kw_only=True)
class Bimodality:
    """Whether scores fall into two heaps, which a mean between them hides.

    Attributes:
        coefficient: Sarle's; above `UNIFORM` the scores are flatter than a uniform distribution, or very skewed.
        parted: Share of the variance that lies between the two heaps.
        two_heaps: Whether that is as much as `PARTED`, and at least a tenth of the scores lies in each heap.
        low: Mean and count of the scores below the cut; `high`: of those above it.
    """

    coefficient: float
    parted: float
    two_heaps: bool
    low: tuple[float, int]
    high: tuple[float, int]


def bimodality(scores: Sequence[float]) -> Bimodality | None:
    """The coefficient and the two heaps; None with fewer than eight scores, or when all are equal.

    Source:
        SAS Institute, "SAS/STAT User's Guide", the CLUSTER procedure; R. Pfister et al., "Good things peak in pairs: a
        note on the bimodality coefficient", Front. Psychol. 4 (2013) 700. The heaps are those of the cut with the
        least variance within them (N. Otsu, "A threshold selection method from gray-level histograms", 1979).
    """
    n = len(scores)
    centre = fmean(scores) if n else 0.0
    second = math.fsum((score - centre) ** 2 for score in scores) / n if n else 0.0
    if n < _LEAST or second <= (_ROUNDING * max(map(abs, scores))) ** 2:
        return None
    third = math.fsum((score - centre) ** 3 for score in scores) / n
    fourth = math.fsum((score - centre) ** 4 for score in scores) / n
    skewness = third / second**1.5 * math.sqrt(n * (n - 1)) / (n - 2)
    excess = (n - 1) / ((n - 2) * (n - 3)) * ((n + 1) * (fourth / second**2 - 3) + 6)
    coefficient = (skewness**2 + 1) / (excess + 3 * (n - 1) ** 2 / ((n - 2) * (n - 3)))
    low, high = _heaps(sorted(scores))
    parted = low[1] * high[1] * (high[0] - low[0]) ** 2 / n**2 / second
    two_heaps = parted >= PARTED and min(low[1], high[1]) >= n / 10
    return Bimodality(coefficient=coefficient, parted=parted, two_heaps=two_heaps, low=low, high=high)


def _heaps(ordered: Sequence[float]) -> tuple[tuple[float, int], tuple[float, int]]:
    """The cut that leaves the least variance within the two parts: the greatest between them."""
    n, total = len(ordered), math.fsum(ordered)
    best, cut, below, sum_below = -1.0, 1, 0.0, 0.0
    for place in range(1, n):
        below += ordered[place - 1]
        if ordered[place] == ordered[place - 1]:
            continue
        between = place * (n - place) * (below / place - (total - below) / (n - place)) ** 2
        if between > best:
            best, cut, sum_below = between, place, below
    return (sum_below / cut, cut), ((total - sum_below) / (n - cut), n - cut)
