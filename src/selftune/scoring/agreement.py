"""How far two scorers agree: weighted kappa and rank correlation, each with its interval.

Pairs are (first scorer, second scorer) on one scale. Where a measure has no meaning (a scorer who always says the same,
too few pairs) its value is None: that is no agreement of zero.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from selftune.scoring.intervals import normal_quantile

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    Pairs = Sequence[tuple[float, float]]


_FEWEST: Final = 4
_NOTHING: Final = 1e-12


class Weighting(StrEnum):
    """How much a disagreement counts: by its distance, or by the square of it."""

    LINEAR = "linear"
    QUADRATIC = "quadratic"


@dataclass(frozen=True, kw_only=True)
class Agreement:
    """A measure of agreement between -1 and 1 over `n` pairs; None where there is none to be had.

    Attributes:
        interval: Two-sided, at `level`; None when `n` is too small for one, or the value itself is missing.
    """

    value: float | None
    interval: tuple[float, float] | None
    n: int
    level: float = 0.95


def measure_kappa(pairs: Pairs, weighting: Weighting = Weighting.QUADRATIC, level: float = 0.95) -> Agreement:
    """Weighted kappa with an interval: the jackknife's standard error on Fisher's z scale, a quantile of Student's t.

    Without a single disagreement there is no spread to go by. Then the lower limit supposes the largest share of
    disagreements that leaves so many agreements likely (Clopper and Pearson 1934), each as wide as the scale allows.

    Source:
        B. Efron and C. Stein, "The jackknife estimate of variance", Annals of Statistics 9 (1981), 586-596; J. L.
        Fleiss and M. Davies, "Jackknifing functions of multinomial frequencies, with an application to a measure of
        concordance", American Journal of Epidemiology 115 (1982), 841-845.
    """
    n, value = len(pairs), weighted_kappa(pairs, weighting)
    if value is None or n < _FEWEST:
        return Agreement(value=value, interval=None, n=n, level=level)
    if value > 1 - _NOTHING:
        least = _least_after_no_disagreement(pairs, weighting, level)
        return Agreement(value=1.0, interval=(least, 1.0), n=n, level=level)
    spread = _jackknife_error(pairs, weighting)
    if spread is None or value < -1 + _NOTHING:
        return Agreement(value=value, interval=None, n=n, level=level)
    reach = student_quantile(level, n - 1) * spread / (1 - value**2)
    z = math.atanh(value)
    return Agreement(value=value, interval=(math.tanh(z - reach), math.tanh(z + reach)), n=n, level=level)


def weighted_kappa(pairs: Pairs, weighting: Weighting = Weighting.QUADRATIC) -> float | None:
    """1 less the mean disagreement, over that of the same scores paired at random; None if chance leaves no room.

    Source:
        J. Cohen, "Weighted kappa: nominal scale agreement with provision for scaled disagreement or partial credit",
        Psychological Bulletin 70 (1968), 213-220, equation 6.
    """
    return _kappa(Counter(pairs), _WEIGHTS[weighting])


def kappa_of_table(table: Sequence[Sequence[float]], weights: Sequence[Sequence[float]]) -> float | None:
    """The same from a square table of counts or shares and one of disagreement weights, category by category."""
    size = range(len(table))
    counts = {(float(row), float(column)): table[row][column] for row in size for column in size}
    return _kappa(counts, lambda one, other: weights[int(one)][int(other)])


def measure_spearman(pairs: Pairs, level: float = 0.95) -> Agreement:
    """Spearman's rank correlation, ties at their mean rank, with an interval on Fisher's z scale.

    Source:
        D. G. Bonett and T. A. Wright, "Sample size requirements for estimating Pearson, Kendall and Spearman
        correlations", Psychometrika 65 (2000), 23-28: variance of z = (1 + r^2 / 2) / (n - 3).
    """
    value = spearman(pairs)
    return _on_fisher_scale(value, len(pairs), level, lambda rho: (1 + rho**2 / 2) / (len(pairs) - 3))


def spearman(pairs: Pairs) -> float | None:
    """Pearson's correlation of the ranks; None when a scorer gives everything the same rank."""
    return _pearson(_ranks([one for one, _ in pairs]), _ranks([other for _, other in pairs]))


def student_quantile(level: float, freedom: float) -> float:
    """Two-sided quantile of Student's t, from that of the normal by four terms of the Cornish-Fisher expansion.

    Within 1 % from 3 degrees of freedom on at the level of 0.95.

    Source:
        M. Abramowitz and I. A. Stegun, Handbook of Mathematical Functions (1964), 26.7.5.
    """
    z = normal_quantile(level)
    terms = (
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
        (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / 92160,
    )
    return z + math.fsum(term / freedom**power for power, term in enumerate(terms, start=1))


_WEIGHTS: Final[dict[Weighting, Callable[[float, float], float]]] = {
    Weighting.LINEAR: lambda one, other: abs(one - other),
    Weighting.QUADRATIC: lambda one, other: (one - other) ** 2,
}


def _kappa(counts: Mapping[tuple[float, float], float], weight: Callable[[float, float], float]) -> float | None:
    total = sum(counts.values())
    if total <= 0:
        return None
    first, second = defaultdict[float, float](float), defaultdict[float, float](float)
    for (one, other), count in counts.items():
        first[one] += count
        second[other] += count
    seen = sum(count * weight(*pair) for pair, count in counts.items()) / total
    by_chance = sum(m * k * weight(one, other) for one, m in first.items() for other, k in second.items()) / total**2
    return 1 - seen / by_chance if by_chance > _NOTHING else None


def _jackknife_error(pairs: Pairs, weighting: Weighting) -> float | None:
    """The standard error of kappa; equal pairs leave equal values behind, so each kind is left out once."""
    n, kinds = len(pairs), Counter(pairs)
    left: list[tuple[int, float]] = []
    for pair, count in kinds.items():
        value = _kappa(kinds - Counter([pair]), _WEIGHTS[weighting])
        if value is None:
            return None
        left.append((count, value))
    mean = sum(count * value for count, value in left) / n
    return math.sqrt((n - 1) / n * sum(count * (value - mean) ** 2 for count, value in left))


def _least_after_no_disagreement(pairs: Pairs, weighting: Weighting, level: float) -> float:
    values = {value for pair in pairs for value in pair}
    weight = _WEIGHTS[weighting]
    counts = Counter(one for one, _ in pairs)
    by_chance = sum(m * k * weight(one, other) for one, m in counts.items() for other, k in counts.items())
    share: float = 1 - ((1 - level) / 2) ** (1 / len(pairs))
    return max(-1.0, 1 - share * weight(max(values), min(values)) / (by_chance / len(pairs) ** 2))


def _on_fisher_scale(value: float | None, n: int, level: float, variance: Callable[[float], float]) -> Agreement:
    if value is None or n <= _FEWEST or abs(value) > 1 - _NOTHING:
        return Agreement(value=value, interval=None, n=n, level=level)
    z, reach = math.atanh(value), normal_quantile(level) * math.sqrt(variance(value))
    return Agreement(value=value, interval=(math.tanh(z - reach), math.tanh(z + reach)), n=n, level=level)


def _pearson(first: Sequence[float], second: Sequence[float]) -> float | None:
    if not first:
        return None
    mean_first, mean_second = math.fsum(first) / len(first), math.fsum(second) / len(second)
    shared = math.fsum((a - mean_first) * (b - mean_second) for a, b in zip(first, second, strict=True))
    spread = math.sqrt(
        math.fsum((a - mean_first) ** 2 for a in first) * math.fsum((b - mean_second) ** 2 for b in second)
    )
    return max(-1.0, min(1.0, shared / spread)) if spread > 0 else None


def _ranks(values: Sequence[float]) -> list[float]:
    """The rank of each value, from 1; equal values share the mean of their ranks."""
    order = sorted(range(len(values)), key=values.__getitem__)
    ranks = [0.0] * len(values)
    start = 0
    while start < len(order):
        end = start
        while end < len(order) and values[order[end]] == values[order[start]]:
            end += 1
        for place in order[start:end]:
            ranks[place] = (start + 1 + end) / 2
        start = end
    return ranks


def _sign(difference: float) -> int:
    return (difference > 0) - (difference < 0)
