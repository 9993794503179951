"""What two equal models differ by: measured from repeats of the same arm, and from trainings that were the same.

Repeats of one arm on the same items show how far sampling alone moves a mean. Trainings under one recipe with other
seeds show more: how far the whole way to a model does, which no repeat of an evaluation can see. A gain below the floor
of either may be noise, however many items it was measured on. Standard library only.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import fmean, variance
from typing import TYPE_CHECKING, Final

from selftune.gate.statistics.student import t_quantile

if TYPE_CHECKING:
    from collections.abc import Sequence

_LEAST: Final = 2
_CLOSE: Final = 1e-15
_HALVINGS: Final = 200


@dataclass(frozen=True, kw_only=True)
class Noise:
    """How much the mean of an arm varies from one run of it to the next.

    Attributes:
        deviation: The standard deviation of a run's mean.
        interval: [low, high] of the deviation at the level asked for, if runs vary normally.
        floor: Two equal arms, run once each, differ by more only as seldom as the level allows to be wrong.
        runs: How many there were.
        freedom: Degrees of freedom behind the deviation.
    """

    deviation: float
    interval: tuple[float, float]
    floor: float
    runs: int
    freedom: int


def noise_of_trainings(means: Sequence[float], *, level: float = 0.95) -> Noise:
    """From the means of two or more arms that were made in the same way: one recipe, other seeds.

    Source:
        G. W. Snedecor and W. G. Cochran, "Statistical Methods", 8th ed. (1989), section 5.11 (the interval), 4.9 (the
        least significant difference).

    Raises:
        ValueError: there are fewer than two.
    """
    if len(means) < _LEAST:
        raise ValueError("one run shows no noise")
    return _noise(variance(means), len(means), len(means) - 1, level)


def noise_of_repeats(repeats: Sequence[Sequence[float]], *, level: float = 0.95) -> Noise:
    """From the scores of one arm, one sequence for each item with its score in each repeat; all equally many.

    Each item's own variance is pooled over the items, so that two repeats of many items already say much.

    Raises:
        ValueError: there is no item, or an item has fewer than two repeats, or another number than the others.
    """
    runs = {len(scores) for scores in repeats}
    if len(runs) != 1 or min(runs) < _LEAST:
        raise ValueError("noise is measured on items with equally many repeats, two at least")
    times = min(runs)
    pooled = fmean(variance(scores) for scores in repeats)
    return _noise(pooled / len(repeats), times, len(repeats) * (times - 1), level)


def chance_below(limit: float, deviation: float, runs: int) -> float:
    """How likely the deviation that so many normal runs show is below a limit; the true one is `deviation`, above 0.

    Source:
        Cochran's theorem: (runs - 1) s squared / deviation squared is chi-square with runs - 1 degrees of freedom.
    """
    freedom = runs - 1
    return _chi_square_below(min(freedom * (limit / deviation) ** 2, _furthest(freedom)), freedom)


def _noise(squared: float, runs: int, freedom: int, level: float) -> Noise:
    tail, deviation = (1 - level) / 2, math.sqrt(squared)
    return Noise(
        deviation=deviation,
        interval=(
            deviation * math.sqrt(freedom / chi_square_quantile(1 - tail, freedom)),
            deviation * math.sqrt(freedom / chi_square_quantile(tail, freedom)),
        ),
        floor=t_quantile(level, freedom) * math.sqrt(2) * deviation,
        runs=runs,
        freedom=freedom,
    )


def chi_square_quantile(chance: float, freedom: int) -> float:
    """The value that a chi-square variable stays below with this chance: 3.84 for 0.95 and one degree of freedom.

    Source:
        M. Abramowitz and I. A. Stegun, "Handbook of Mathematical Functions" (1964), 26.4.19 and 6.5.29.
    """
    low, high = 0.0, _furthest(freedom)
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if _chi_square_below(middle, freedom) < chance else (low, middle)
    return high


def _furthest(freedom: int) -> float:
    """Beyond ten deviations and 20 lies less than one in a hundred million."""
    return freedom + 10 * math.sqrt(2 * freedom) + 20


def _chi_square_below(value: float, freedom: int) -> float:
    """The series of the incomplete gamma function; its terms first grow and then fall, all of them positive."""
    half, x = freedom / 2, value / 2
    term = math.exp(half * math.log(x) - x - math.lgamma(half + 1))
    total, step = term, half
    while term > _CLOSE * total:
        step += 1
        term *= x / step
        total += term
    return min(1.0, total)
