"""Many tests at once, and tests night after night: what is left of each p-value. Standard library only.

Within a night the experiments share the night's alpha (Bonferroni, or Holm where all p-values are at hand): whichever
of them is promoted, the night errs no more often than its alpha. Over the nights of a season LORD++ deals the alpha
out: a share of at most `LordPlan.alpha` of its promotions is expected to be false (the ratio of the expected numbers,
one promotion being counted where there is none), and while no candidate is better, the chance that a season promotes
at all stays below half of that. Every season begins anew: without an end, what is left after a month of honest
nights without a find would be a chance in ten thousand, and no gain could pass.

It asks that a night's p-value is valid given what earlier nights decided. Items that never change weaken this: a
candidate that got lucky on them once stays lucky, which is why hold-out items are drawn anew.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


def benjamini_hochberg(p_values: Sequence[float]) -> tuple[float, ...]:
    """Adjusted p-values in the order given: calling those up to q different errs in a share of q of the calls.

    Source:
        Y. Benjamini and Y. Hochberg, "Controlling the false discovery rate", J. R. Stat. Soc. B 57 (1995), 289-300;
        adjusted form: D. Yekutieli and Y. Benjamini, J. Stat. Plan. Inference 82 (1999), 171-196.

    Raises:
        ValueError: a p-value lies outside 0 to 1.
    """
    _refuse_no_chance(p_values)
    adjusted, least = [0.0] * len(p_values), 1.0
    descending = sorted(range(len(p_values)), key=p_values.__getitem__, reverse=True)
    for place, index in enumerate(descending):
        least = min(least, max(p_values[index], p_values[index] * len(p_values) / (len(p_values) - place)))
        adjusted[index] = least
    return tuple(adjusted)


def holm(p_values: Sequence[float]) -> tuple[float, ...]:
    """Adjusted p-values in the order given: calling those up to alpha different errs at all in a share alpha of cases.

    Source:
        S. Holm, "A simple sequentially rejective multiple test procedure", Scand. J. Stat. 6 (1979), 65-70.

    Raises:
        ValueError: a p-value lies outside 0 to 1.
    """
    _refuse_no_chance(p_values)
    adjusted, most = [0.0] * len(p_values), 0.0
    for place, index in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        most = max(most, min(1.0, p_values[index] * (len(p_values) - place)))
        adjusted[index] = most
    return tuple(adjusted)


def _refuse_no_chance(p_values: Sequence[float]) -> None:
    if not all(0 <= p <= 1 for p in p_values):
        raise ValueError("a p-value lies outside 0 to 1")


@dataclass(frozen=True, kw_only=True)
class LordPlan:
    """LORD++: how much of alpha each night's test gets, so that looking every night fools nobody.

    Attributes:
        alpha: Expected share of false promotions among a season's promotions, at most.
        wealth: What the first tests may spend before anything was found; half of alpha.
        season: Nights until it begins anew.
    """

    alpha: float = 0.05
    wealth: float = 0.025
    season: int = 30

    def __post_init__(self) -> None:
        if not 0 < self.wealth <= self.alpha < 1 or self.season < 1:
            raise ValueError(f"no online test can be made of {self}")


def level_of_test(number: int, found: Sequence[int], plan: LordPlan) -> float:
    """The alpha of a season's test `number` (from 1), when the tests numbered in `found` before it were significant.

    Source:
        A. Ramdas, F. Yang, M. J. Wainwright and M. I. Jordan, "Online control of the false discovery rate with
        decaying memory", NeurIPS 2017 (LORD++). The series of shares is free as long as it falls and sums to at most
        1; ours falls as 1 / j over the season, which leaves its last night a thirtieth of what the first had.

    Raises:
        ValueError: the season has no such test, or a finding is numbered as this test or a later one.
    """
    if not 1 <= number <= plan.season or any(not 1 <= at < number for at in found):
        raise ValueError("a season's tests are numbered from 1, and what was found lies before")
    level = plan.wealth * _share(number, plan)
    for place, at in enumerate(sorted(found)):
        # The first finding pays back what the start has not spent, each later one the whole of alpha.
        level += (plan.alpha if place else plan.alpha - plan.wealth) * _share(number - at, plan)
    return level


def _share(step: int, plan: LordPlan) -> float:
    return 1 / (step * math.fsum(1 / j for j in range(1, plan.season + 1)))


def alpha_for(
    nights: Sequence[bool], *, experiments: int = 1, most: float = 0.05, plan: LordPlan | None = None
) -> float:
    """The two-sided alpha of each experiment's test tonight, after these nights.

    A promotion takes a gain, so only one side of a two-sided test can promote: its alpha may be twice the chance.

    Args:
        nights: For each earlier night in which a gain was tested, the oldest first, whether it promoted. Nights whose
            answer was `invalid` tested nothing and are left out.
        experiments: How many candidates are tested tonight; they share the night's alpha.
        most: The policy's own alpha, which is never exceeded.
        plan: By default 5 % and seasons of 30 nights.

    Raises:
        ValueError: there is no experiment.
    """
    if experiments < 1:
        raise ValueError("a night without an experiment tests nothing")
    plan = plan or LordPlan()
    season = nights[len(nights) - len(nights) % plan.season :]
    found = [number for number, promoted in enumerate(season, start=1) if promoted]
    return min(most, 2 * level_of_test(len(season) + 1, found, plan) / experiments)
