"""Whether figures are cleaner than chance allows: nothing found where something was to be expected, no spread at all.

Standard library only.
"""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING

from selftune.gate.statistics.student import incomplete_beta

if TYPE_CHECKING:
    from collections.abc import Sequence

_FEWEST = 3


def none_by_chance(n: int, *, found: float, of: int) -> float:
    """How often nothing is found among n, where `found` of `of` were found before and nothing has changed.

    All that was found lies among the earlier ones: one way to share it out in a table of two by two, of all ways that
    are as likely. `found` may be a fraction, where a rate that was falling is taken to have fallen further.

    Source:
        R. A. Fisher, "The logic of inductive inference", J. R. Stat. Soc. 98 (1935), 39-82 (the exact test).

    Raises:
        ValueError: more was found than there was, or a number is below 0.
    """
    if n < 0 or not 0 <= found <= of:
        raise ValueError(f"{found} found of {of}, and then none of {n}")
    ways = math.lgamma(of + 1) - math.lgamma(of - found + 1)
    return math.exp(ways + math.lgamma(of + n - found + 1) - math.lgamma(of + n + 1))


def so_even_by_chance(recent: Sequence[float], before: Sequence[float]) -> float | None:
    """How often values vary as little from one to the next as the recent ones do, if they vary as those before.

    None where either are fewer than three, or where those before did not vary.

    Source:
        J. von Neumann, R. H. Kent, H. R. Bellinson and B. I. Hart, "The mean square successive difference", Ann. Math.
        Stat. 12 (1941), 153-162: a trend does not pass for spread; their ratio by the F distribution with two thirds of
        the degrees of freedom, M. Abramowitz and I. A. Stegun, "Handbook of Mathematical Functions" (1964), 26.6.2.
    """
    if min(len(recent), len(before)) < _FEWEST:
        return None
    varied = _successive(before)
    if not varied:
        return None
    freedom, other = (len(recent) - 1) / 1.5, (len(before) - 1) / 1.5
    ratio = freedom * _successive(recent) / varied
    return incomplete_beta(ratio / (ratio + other), freedom / 2, other / 2)


def once_by_chance(tries: int, alpha: float) -> float:
    """How often at least one of so many independent tries passes a test that errs in a share `alpha` of them."""
    return 1 - (1 - alpha) ** tries


def _successive(values: Sequence[float]) -> float:
    return math.fsum((later - earlier) ** 2 for earlier, later in pairwise(values)) / (len(values) - 1)
