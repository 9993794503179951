"""The sign-flip test of a mean difference, and the interval that it leaves.

If the arms are exchangeable, each cluster's difference could as well have had the other sign. Turning the signs of some
clusters moves the sum farther from a shift, or leaves it as far, exactly when the shift lies between the mean of those
clusters and the mean of all others. So one pass over subsets gives the p-value of every shift, and the interval that
holds the shifts which are not refuted is a pair of order statistics: interval and test can't contradict each other.
Both hold exactly at any number of items, however the scores are distributed, so long as equal arms are exchangeable.

Source:
    R. A. Fisher, "The Design of Experiments" (1935), section 21; for the interval J. A. Hartigan, "Using subsample
    values as typical values", J. Am. Stat. Assoc. 64 (1969), 1303-1317; for drawn flips B. Phipson and G. K. Smyth,
    "Permutation p-values should never be zero", Stat. Appl. Genet. Mol. Biol. 9 (2010) 39.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from selftune.gate.statistics.clusters import Clusters

EXACT: Final = 16
"""Up to so many clusters every assignment of signs is counted."""

DRAWN: Final = 9_999
_BYTE: Final = 8
_ROWS: Final = 1_000
_ROUNDING: Final = 1e-9


@dataclass(frozen=True, kw_only=True)
class Flipped:
    """What the test found; the ends of the interval are infinite where no shift is refuted on that side."""

    p_value: float
    interval: tuple[float, float]
    exact: bool


def flip_signs(clusters: Clusters, level: float, *, seed: int = 0) -> Flipped:
    """Two-sided p-value of "the arms are exchangeable", and the interval [low, high] of the mean difference.

    The same seed gives the same flips, so the same evidence gives the same answer.
    """
    import numpy as np

    exact = len(clusters.totals) <= EXACT
    lows, highs = _means_of_both_sides(clusters, None if exact else np.random.default_rng(seed))
    # The signs as they were are one of all assignments; to drawn ones they are added.
    of_all, added = (len(lows), 0) if exact else (len(lows) + 1, 1)
    slack = _ROUNDING * max(abs(total) / size for total, size in zip(clusters.totals, clusters.sizes, strict=True))
    beyond = int(np.count_nonzero((lows <= slack) & (highs >= -slack)))
    # A shift is refuted when so few subsets, or fewer, lie on its two sides.
    refuting = math.floor((1 - level) * of_all + _ROUNDING) - added
    return Flipped(
        p_value=(beyond + added) / of_all,
        interval=(-_farthest(-lows, refuting), _farthest(highs, refuting)),
        exact=exact,
    )


def _farthest(ends: Any, refuting: int) -> float:
    """The end that `refuting` others lie beyond or at; without bound where not even one end may lie beyond a shift."""
    import numpy as np

    return float(-np.partition(-ends, refuting)[refuting]) if refuting >= 0 else math.inf


def _means_of_both_sides(clusters: Clusters, draw: Any | None) -> tuple[Any, Any]:
    """For each subset the mean of its values and of all others, the lower and the higher; a side may be empty.

    Without a generator the subsets are all that there are.
    """
    import numpy as np

    # Sum and size in one number: the real part and the imaginary part.
    pairs = np.asarray(clusters.totals) + 1j * np.asarray(clusters.sizes, dtype=float)
    chosen = _subset_sums(pairs) if draw is None else _drawn_subset_sums(pairs, draw)
    others = pairs.sum() - chosen
    there = (chosen.imag > 0) & (others.imag > 0)
    means = [side.real[there] / side.imag[there] for side in (chosen, others)]
    lows, highs = np.full(len(chosen), -np.inf), np.full(len(chosen), np.inf)
    lows[there], highs[there] = np.minimum(*means), np.maximum(*means)
    return lows, highs


def _subset_sums(values: Any) -> Any:
    """The sum over each of the 2**n subsets of values [n, ...]."""
    import numpy as np

    sums = np.zeros((1, *values.shape[1:]), dtype=values.dtype)
    for value in values:
        sums = np.concatenate((sums, sums + value))
    return sums


def _drawn_subset_sums(values: Any, draw: Any) -> Any:
    """Sums over drawn subsets; eight values are one random byte, looked up, which takes an eighth of the time."""
    import numpy as np

    sums = np.zeros((DRAWN, *values.shape[1:]), dtype=values.dtype)
    for start in range(0, len(values), _BYTE):
        table = _subset_sums(values[start : start + _BYTE])
        sums += table[draw.integers(0, len(table), DRAWN, dtype=np.uint8)]
    return sums


def flip_many(differences: Any, *, seed: int = 0) -> Any:
    """The p-values of `flip_signs` for many comparisons of one size at once: differences [comparisons, clusters].

    For simulations: the subsets are drawn once, and all comparisons are multiplied with them.
    """
    import numpy as np

    members = np.eye(differences.shape[1], dtype=np.float32)
    exact = differences.shape[1] <= EXACT
    chosen = _subset_sums(members) if exact else _drawn_subset_sums(members, np.random.default_rng(seed))
    totals, added = differences.sum(axis=1), 0 if exact else 1
    slack = _ROUNDING * np.abs(differences).max(axis=1) ** 2
    beyond = np.zeros(len(differences), dtype=int)
    for start in range(0, len(chosen), _ROWS):
        sums = chosen[start : start + _ROWS].astype(float) @ differences.T
        # Zero lies between the two sides' means where their sums differ in sign.
        beyond += (sums * (totals - sums) <= slack).sum(axis=0)
    return (beyond + added) / (len(chosen) + added)
