"""How low a mean may lie, for scores of any shape: the bound behind every "not worse".

Nothing is assumed of the differences but that they lie on a scale. What was not seen is stood in for by one made-up
unit at the scale's lower end, and all units are weighed anew at random, evenly over all ways to weigh them (a flat
Dirichlet distribution): the mean is at a margin or below it with the chance that such weights put it there. Where items
were only ever lost the bound is that of Clopper and Pearson. In every world that was tried it kept its level, and
nobody has found one where it does not; proven it is not.

The chance needs no draws. Random weights are independent exponentials over their sum, so the weighed mean is at most
the margin when the sum of exponentials, each times what its unit lies above the margin, is at most zero; and the moment
generating function of that sum is known.

Source:
    N. Gaffke, "Three test statistics for a nonparametric one-sided hypothesis on the mean of a nonnegative variable",
    Math. Methods Stat. 14 (2005), 451-467; E. Learned-Miller and P. S. Thomas, "A new confidence interval for the mean
    of a bounded random variable", arXiv:1905.06208 (2019). For the chance R. Lugannani and S. Rice, "Saddle point
    approximation for the distribution of the sum of independent random variables", Adv. Appl. Probab. 12 (1980),
    475-490, in the form of O. E. Barndorff-Nielsen, Biometrika 73 (1986), 307-322.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from statistics import NormalDist
from typing import TYPE_CHECKING, Final

from selftune.gate.statistics.clusters import MANY

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from selftune.gate.statistics.clusters import Clusters

_NORMAL: Final = NormalDist()
_STEPS: Final = 100
_CLOSE: Final = 1e-12
_FLAT: Final = 1e-3


@dataclass(frozen=True, kw_only=True)
class Held:
    """Units to be weighed at random, the made-up one among them: total and size of each, and how many are like it."""

    totals: tuple[float, ...]
    sizes: tuple[float, ...]
    counts: tuple[float, ...]

    def above(self, margin: float) -> list[float]:
        """What each unit lies above a margin, over all its items."""
        return [total - margin * size for total, size in zip(self.totals, self.sizes, strict=True)]

    def summed(self, values: Sequence[float]) -> float:
        """Over all units; a value for each that is unlike the others."""
        return math.fsum(value * count for value, count in zip(values, self.counts, strict=True))


def hold(clusters: Clusters, width: float) -> Held:
    """The units of a comparison on a scale `width` wide, and one of their mean size that was lost throughout."""
    size = sum(clusters.sizes) / len(clusters.sizes)
    alike = Counter(zip(clusters.totals, map(float, clusters.sizes), strict=True))
    alike[-width * size, size] += 1
    return Held(
        totals=tuple(total for total, _ in alike),
        sizes=tuple(each for _, each in alike),
        counts=tuple(map(float, alike.values())),
    )


def hold_counts(gained: float, lost: float, n: float) -> Held:
    """Right-or-wrong items: so many gained and lost of n, the others equal, and one more that was lost."""
    alike = [(value, count) for value, count in ((-1.0, lost + 1), (0.0, n - gained - lost), (1.0, gained)) if count]
    return Held(
        totals=tuple(value for value, _ in alike),
        sizes=(1.0,) * len(alike),
        counts=tuple(float(count) for _, count in alike),
    )


def chance_at_most(held: Held, margin: float) -> float:
    """The p-value of "the mean is at the margin or below it"; the margin lies above the scale's lower end."""
    return _NORMAL.cdf(_place(held, margin))


def shows_mean_above(held: Held, margin: float, alpha: float) -> bool:
    """Whether that p-value is at most alpha."""
    return _place(held, margin) <= _NORMAL.inv_cdf(alpha)


def lowest_mean(held: Held, alpha: float, width: float) -> float:
    """The bound: the highest margin that the mean is shown to lie above, at a one-sided alpha below one half."""
    sizes = held.summed(held.sizes)
    mean = held.summed(held.totals) / sizes
    error = math.sqrt(held.summed([away**2 for away in held.above(mean)])) / sizes
    wanted = _NORMAL.inv_cdf(alpha)
    return _crossing(lambda margin: _place(held, margin) - wanted, -width, mean, mean + wanted * error, error)


def _crossing(rises: Callable[[float], float], low: float, high: float, guess: float, slope: float) -> float:
    """Where a rising function is 0: secants, the first of slope 1 / `slope`, and halves where they leave the range."""
    before, there, steps = math.inf, math.nan, _STEPS
    guess = guess if low < guess < high else (low + high) / 2
    while abs(value := rises(guess)) > _CLOSE and high - low > _CLOSE and steps:
        low, high, steps = (guess, high, steps - 1) if value < 0 else (low, guess, steps - 1)
        if value != before and math.isfinite(before):
            slope = (guess - there) / (value - before)
        before, there, guess = value, guess, guess - value * slope
        guess = guess if low < guess < high else (low + high) / 2
    return guess


def _place(held: Held, margin: float) -> float:
    """The chance as a place on the normal axis; of so many unlike units that they no longer differ, to first order."""
    above = held.above(margin)
    if max(above) <= 0:
        return math.inf
    if len(above) > MANY:
        return -held.summed(above) / math.sqrt(held.summed([value**2 for value in above]))
    s, curve = _saddle(held, above)
    root = math.copysign(math.sqrt(2 * max(0.0, held.summed([math.log1p(-s * value) for value in above]))), s)
    if abs(root) < _FLAT:
        squares = held.summed([value**2 for value in above])
        skewness = 2 * held.summed([value**3 for value in above]) / math.pow(squares, 1.5)
        return root + skewness / 6
    return root + math.log(s * math.sqrt(curve) / root) / root


def _saddle(held: Held, above: Sequence[float]) -> tuple[float, float]:
    """Where the logarithm of the sum's moment generating function is flat, and how it curves there."""
    low, high, s, curve = 1 / min(above), 1 / max(above), 0.0, 0.0
    near, moved, steps = _CLOSE * (high - low), math.inf, _STEPS
    while moved > near and steps:
        tilted = [value / (1 - s * value) for value in above]
        slope, curve = held.summed(tilted), held.summed([value**2 for value in tilted])
        low, high = (s, high) if slope < 0 else (low, s)
        step = s - slope / curve
        moved, steps = abs(step - s), steps - 1
        s = step if low < step < high or moved <= near else (low + high) / 2
    return s, curve
