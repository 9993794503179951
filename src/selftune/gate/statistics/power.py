"""How many items it takes to see a gain, and how small a gain so many items can show. Standard library only.

Everything here is for paired differences, one per item; `spread` is their standard deviation, as `mean_difference` and
`spread_of` measure it. The tests behind it are those of `means` and `equivalence`.
"""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import TYPE_CHECKING, Final

from selftune.gate.statistics.bound import Held, hold_counts, shows_mean_above
from selftune.gate.statistics.paired import counted_interval, mcnemar_mid_p
from selftune.gate.statistics.student import incomplete_beta, t_quantile

if TYPE_CHECKING:
    from collections.abc import Callable

_NORMAL: Final = NormalDist()
_LEAST: Final = 2
_RARE: Final = 1e-9
_HALVINGS: Final = 40
_ROUNDING: Final = 1e-9
_MOST: Final = 4_000
_BELL: Final = tuple(1.0156 * NormalDist().inv_cdf((place + 0.5) / 41) for place in range(41))
"""Places of a standard normal distribution, spread by 1 as a whole."""


def detectable_gain(spread: float, n: int, *, alpha: float, power: float) -> float:
    """The smallest true mean difference that n items show with so much power, in a two-sided test at `alpha`.

    The noncentral t distribution in its normal approximation, which holds to a point of power from eight items on.

    Source:
        J. Cohen, "Statistical Power Analysis for the Behavioral Sciences", 2nd ed. (1988), chapter 2; M. Abramowitz and
        I. A. Stegun, "Handbook of Mathematical Functions" (1964), 26.7.10.

    Raises:
        ValueError: a single item shows nothing.
    """
    if n < _LEAST:
        raise ValueError("a single item shows nothing")
    place, stretch = _rejects_from(n, alpha)
    return (place + _NORMAL.inv_cdf(power) * stretch) * spread / math.sqrt(n)


def power_of(spread: float, n: int, *, gain: float, alpha: float) -> float:
    """The chance that n items show a true mean difference `gain`: `detectable_gain` solved for the power."""
    if n < _LEAST:
        raise ValueError("a single item shows nothing")
    place, stretch = _rejects_from(n, alpha)
    return _NORMAL.cdf((gain * math.sqrt(n) / spread - place) / stretch)


def _rejects_from(n: int, alpha: float) -> tuple[float, float]:
    """Where the test begins to reject, in standard errors, and how much the error's own error blurs that."""
    t, freedom = t_quantile(1 - alpha, n - 1), n - 1
    return t * (1 - 1 / (4 * freedom)), math.sqrt(1 + t * t / (2 * freedom))


def items_needed(spread: float, gain: float, *, alpha: float, power: float) -> int:
    """The fewest items that show a true mean difference `gain` with so much power: `detectable_gain` solved for n.

    Raises:
        ValueError: the gain is not above 0.
    """
    if gain <= 0:
        raise ValueError("no number of items shows a gain of nothing")
    normal = ((_NORMAL.inv_cdf(1 - alpha / 2) + _NORMAL.inv_cdf(power)) * spread / gain) ** 2
    n = max(_LEAST, math.ceil(normal))
    while detectable_gain(spread, n, alpha=alpha, power=power) > gain:
        n += 1
    return n


def items_needed_for_equality(spread: float, margin: float, *, alpha: float, power: float, width: float = 1.0) -> int:
    """The fewest items that show two equal arms equivalent within a margin, by two one-sided tests at `alpha` each.

    The made-up unit of `equivalence` is reckoned in, for normal differences on a scale that is `width` wide.

    Source:
        S. A. Julious, "Sample sizes for clinical trials with normal data", Stat. Med. 23 (2004), 1921-1986, section 5.

    Raises:
        ValueError: the margin is not above 0.
    """
    if margin <= 0:
        raise ValueError("nothing is equivalent within a margin of nothing")
    n = _LEAST
    while _power_for_equality(spread, n, margin, alpha, width) < power:
        # In steps of a hundredth: items are not counted more finely than they are known.
        n += max(1, n // 100)
    return n


def _power_for_equality(spread: float, n: int, margin: float, alpha: float, width: float) -> float:
    """The chance that the mean of n equal differences lies where both one-sided tests show it within the margin."""
    low, high = -margin, margin
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        shown = shows_mean_above(_held_around(middle, spread, n, width), -margin, alpha)
        low, high = (low, middle) if shown else (middle, high)
    reach = -high * math.sqrt(n) / spread if spread else math.copysign(math.inf, -high)
    return max(0.0, 2 * _NORMAL.cdf(reach) - 1)


def _held_around(mean: float, spread: float, n: int, width: float) -> Held:
    """What `equivalence` makes of n normal differences around this mean, and of its made-up loss."""
    values = [max(-width, min(width, mean + spread * place)) for place in _BELL]
    return Held(
        totals=(-width, *values), sizes=(1.0,) * (len(values) + 1), counts=(1.0, *[n / len(values)] * len(values))
    )


def power_of_counts(n: int, *, gained: float, lost: float, alpha: float) -> float:
    """The chance that n right-or-wrong items show a gain, when each is gained or lost with these chances: exact.

    A gain is shown as in `means`: the interval of Bonett and Price lies above zero, and McNemar's mid-p is at most
    alpha.

    Source:
        M. A. Schork and G. W. Williams, "Number of observations required for the comparison of two correlated
        proportions", Commun. Stat. B 9 (1980), 349-357: the sum over the number of items that differ.

    Raises:
        ValueError: the chances are none.
    """
    return _chance_of(n, gained, lost, lambda wins, losses: _shows_gain(wins, losses, n, alpha))


def power_to_hold(n: int, *, gained: float, lost: float, margin: float, alpha: float) -> float:
    """The chance that n right-or-wrong items show that no `margin` was lost, one-sided at alpha: exact, as above.

    It is shown by the bound of `bound`, as the gate asks for it.
    """
    return _chance_of(
        n,
        gained,
        lost,
        lambda wins, losses: shows_mean_above(hold_counts(wins, losses, n), -margin, alpha),
    )


def chance_of_harm(n: int, *, gained: float, lost: float, margin: float, alpha: float) -> float:
    """The chance that n right-or-wrong items show harm: clear of noise at a two-sided alpha, and `margin` or more."""
    least = margin * n * (1 - _ROUNDING)

    def harmed(losses: int, wins: int) -> bool:
        return losses - wins >= least and _shows_gain(losses, wins, n, alpha)

    return _chance_of(n, lost, gained, harmed)


def items_needed_to_hold(
    mean: float, spread: float, margin: float, *, n: int, alpha: float, power: float
) -> int | None:
    """About the fewest items, more than n, that show no `margin` lost; None where it takes more than `_MOST`.

    Each differs by `mean` with so much `spread`, on a scale one wide: reckoned for right-or-wrong items of that mean
    and spread. None too where the mean itself lies at the margin or below it.
    """
    square = min(1.0, spread**2 + mean**2)
    gained, lost = max(0.0, (square + mean) / 2), max(0.0, (square - mean) / 2)
    if mean <= -margin:
        return None

    low, high = n, max(2 * n, _LEAST)
    while high <= _MOST and power_to_hold(high, gained=gained, lost=lost, margin=margin, alpha=alpha) < power:
        low, high = high, 2 * high
    if high > _MOST:
        return None
    # A hundredth is near enough: items are not counted more finely than their spread is known.
    while high - low > max(1, low // 100):
        middle = (low + high) // 2
        enough = power_to_hold(middle, gained=gained, lost=lost, margin=margin, alpha=alpha) >= power
        low, high = (low, middle) if enough else (middle, high)
    return high


def _shows_gain(wins: int, losses: int, n: int, alpha: float) -> bool:
    return counted_interval(wins, losses, n, 1 - alpha)[0] > 0 and mcnemar_mid_p(wins, losses) <= alpha


def _chance_of(n: int, gained: float, lost: float, shown: Callable[[int, int], bool]) -> float:
    """The chance of outcomes (wins, losses) that show something which more wins of as many differing items show too."""
    differing = gained + lost
    if not (min(gained, lost) >= 0 and differing <= 1):
        raise ValueError("an item is gained or lost with chances that sum to at most 1")
    share = gained / differing if differing else 0.0
    total = 0.0
    for discordant in range(n + 1):
        weight = _binomial(discordant, n, differing)
        if weight > _RARE:
            total += weight * _at_least(_fewest_wins(discordant, shown), discordant, share)
    return total


def _at_least(least: int, n: int, p: float) -> float:
    """The chance of so many of n, or more (Abramowitz and Stegun 26.5.24)."""
    if least <= 0 or least > n:
        return float(least <= 0)
    return incomplete_beta(p, least, n - least + 1)


def _fewest_wins(discordant: int, shown: Callable[[int, int], bool]) -> int:
    """Of so many differing items, how many must be won to show it; more than there are if none would do."""
    low, high = -1, discordant + 1
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if shown(middle, discordant - middle) else (middle, high)
    return high


def _binomial(k: int, n: int, p: float) -> float:
    """The chance of k of n."""
    if p <= 0 or p >= 1:
        return float(k == (n if p >= 1 else 0))
    ways = math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)
    return math.exp(ways + k * math.log(p) + (n - k) * math.log1p(-p))
