"""The sign-flip test of a mean difference, and the interval that it leaves.

If the arms are exchangeable, each cluster's difference could as well have had the other sign. The interval holds every
shift that the test does not refute, so interval and p-value never contradict each other, and both hold exactly at any
number of items, however the scores are distributed, so long as equal arms are exchangeable.

Source:
    R. A. Fisher, "The Design of Experiments" (1935), section 21; for the interval J. L. Hodges and E. L. Lehmann,
    "Estimates of location based on rank tests", Ann. Math. Stat. 34 (1963), 598-611, and P. Good, "Permutation,
    Parametric and Bootstrap Tests of Hypotheses", 3rd ed. (2005), section 3.2; for drawn flips B. Phipson and
    G. K. Smyth, "Permutation p-values should never be zero", Stat. Appl. Genet. Mol. Biol. 9 (2010) 39.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from selftune.gate.statistics.clusters import Clusters

EXACT: Final = 13
"""Up to so many clusters every assignment of signs is counted."""

DRAWN: Final = 9_999
_ROOM: Final = 1 << 21
_ROUNDING: Final = 1e-9
_HALVINGS: Final = 60


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
    test = _Test(clusters, seed)
    mean = math.fsum(clusters.totals) / sum(clusters.sizes)
    return Flipped(
        p_value=test.p_value(0.0),
        interval=(test.edge(mean, 1 - level, -1), test.edge(mean, 1 - level, 1)),
        exact=test.exact,
    )


class _Test:
    """The sums under flipped signs, kept so that a shift costs one pass over them."""

    def __init__(self, clusters: Clusters, seed: int) -> None:
        import numpy as np

        totals, sizes = np.asarray(clusters.totals), np.asarray(clusters.sizes, dtype=float)
        self._total, self._size = float(totals.sum()), float(sizes.sum())
        self._unit = float(np.abs(totals).max()) or 1.0
        self.exact = len(totals) <= EXACT
        flips = 1 << len(totals) if self.exact else DRAWN
        self._sums, self._sizes = np.empty(flips), np.empty(flips)
        draw, step = np.random.default_rng(seed), max(1, _ROOM // len(totals))
        for start in range(0, flips, step):
            rows = min(step, flips - start)
            signs = _all_signs(start, rows, len(totals)) if self.exact else _drawn_signs(draw, rows, len(totals))
            self._sums[start : start + rows] = signs @ totals
            self._sizes[start : start + rows] = signs @ sizes

    def p_value(self, shift: float) -> float:
        """Of "the true mean difference is this shift"."""
        import numpy as np

        observed = abs(self._total - shift * self._size)
        slack = _ROUNDING * (self._unit + abs(shift) * self._size)
        beyond = int(np.count_nonzero(np.abs(self._sums - shift * self._sizes) >= observed - slack))
        # The observed signs are one of all assignments; to drawn ones they are added.
        return beyond / len(self._sums) if self.exact else (beyond + 1) / (len(self._sums) + 1)

    def edge(self, mean: float, alpha: float, side: int) -> float:
        """The farthest shift on one side of the mean that is not refuted."""
        reach = max(self._unit, abs(mean))
        while self.p_value(mean + side * reach) > alpha:
            reach *= 2
            if reach > _FAR * self._unit:
                return side * math.inf
        inside, outside = 0.0, reach
        for _ in range(_HALVINGS):
            middle = (inside + outside) / 2
            inside, outside = (middle, outside) if self.p_value(mean + side * middle) > alpha else (inside, middle)
        return mean + side * outside


_FAR: Final = 1e6


def _all_signs(start: int, rows: int, count: int) -> Any:
    import numpy as np

    numbers = np.arange(start, start + rows)[:, None]
    return 1.0 - 2.0 * ((numbers >> np.arange(count)) & 1)


def _drawn_signs(draw: Any, rows: int, count: int) -> Any:
    import numpy as np

    return 1.0 - 2.0 * draw.integers(0, 2, (rows, count), dtype=np.int8)
