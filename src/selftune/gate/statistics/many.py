"""Many tests at once, and tests night after night: what is left of each p-value. Standard library only."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

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
    if not all(0 <= p <= 1 for p in p_values):
        raise ValueError("a p-value lies outside 0 to 1")
    adjusted, least = [0.0] * len(p_values), 1.0
    descending = sorted(range(len(p_values)), key=p_values.__getitem__, reverse=True)
    for place, index in enumerate(descending):
        least = min(least, max(p_values[index], p_values[index] * len(p_values) / (len(p_values) - place)))
        adjusted[index] = least
    return tuple(adjusted)


@dataclass(frozen=True, kw_only=True)
class LordPlan:
    """LORD++: how much of alpha each night's test gets, so that looking every night fools nobody.

    Attributes:
        alpha: Expected share of false promotions among all promotions, ever, at most.
        wealth: What the first tests may spend before anything was found; half of alpha.
    """

    alpha: float = 0.05
    wealth: float = 0.025

    def __post_init__(self) -> None:
        if not 0 < self.wealth <= self.alpha < 1:
            raise ValueError(f"no online test can be made of {self}")


def level_of_test(number: int, found: Sequence[int], plan: LordPlan) -> float:
    """The alpha of test `number` (from 1), when the tests numbered in `found` before it were significant.

    Source:
        A. Ramdas, F. Yang, M. J. Wainwright and M. I. Jordan, "Online control of the false discovery rate with
        decaying memory", NeurIPS 2017 (LORD++); the series is that of A. Javanmard and A. Montanari,
        "Online rules for control of false discovery rate and false discovery exceedance",
        Ann. Stat. 46 (2018), 526-554.

    Raises:
        ValueError: the number is below 1, or a finding is numbered as this test or a later one.
    """
    if number < 1 or any(not 1 <= at < number for at in found):
        raise ValueError("tests are numbered from 1, and what was found lies before")
    first, *later = sorted(found) or [number]
    level = plan.wealth * _share(number)
    if first < number:
        level += (plan.alpha - plan.wealth) * _share(number - first)
    return level + plan.alpha * math.fsum(_share(number - at) for at in later)


_SCALE: Final = 0.07720838
"""Makes the shares sum to at most 1 (Javanmard and Montanari 2018, after equation 31)."""


def _share(step: int) -> float:
    return _SCALE * math.log(max(step, 2)) / (step * math.exp(math.sqrt(math.log(step))))
