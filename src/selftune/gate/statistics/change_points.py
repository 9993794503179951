"""Where the level of a series changes, and how surely: maximum CUSUM, by permutation.

Source:
    E. S. Page, "Continuous inspection schemes", Biometrika 41 (1954), 100-115, for cumulative sums; A. Sen and M. S.
    Srivastava, "On tests for detecting change in mean", Ann. Stat. 3 (1975), 98-108, for the largest standardised
    difference over all places; J. Antoch and M. Huskova, "Permutation tests in change point analysis", Stat. Probab.
    Lett. 53 (2001), 37-46, for its null by permutation; A. J. Scott and M. Knott, "A cluster analysis method for
    grouping means in the analysis of variance", Biometrics 30 (1974), 507-512, for going on within the parts; B.
    Phipson and G. K. Smyth, "Permutation P-values should never be zero", Stat. Appl. Genet. Mol. Biol. 9 (2010).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

FEWEST: Final = 4
"""Values on either side of a change, unless another number is asked for."""

_DRAWS: Final = 999
_AT_ONCE: Final = 1_000_000
# Sums of the same figures in another order differ in their last bits.
_SLACK: Final = 1e-9


@dataclass(frozen=True, kw_only=True)
class ChangePoint:
    """One change of level.

    Attributes:
        at: The first value of the new level, counted from 0.
        before: Mean from the change before this one (or the beginning) up to here.
        after: Mean from here up to the next change, or the end.
        p_value: How often values in random order show a change as large somewhere in this part of the series.
        n: How many values this part has.
    """

    at: int
    before: float
    after: float
    p_value: float
    n: int

    @property
    def step(self) -> float:
        """What the level rose by; below 0 where it fell."""
        return self.after - self.before


def change_points(
    values: Sequence[float], *, level: float, fewest: int = FEWEST, block: int = 1, draws: int = _DRAWS, seed: int = 0
) -> tuple[ChangePoint, ...]:
    """The places where the level of a series changes, first to last; none where there is none, or too few values.

    The largest change is looked for first; where it is one, each of the two parts is looked at in its turn. A steady
    slope is no change of level, and is called several of them all the same: ask `trend_of` about a slope.

    Args:
        values: In their order.
        level: How sure each change must be: at 0.95 one level series in 20 is said to change.
        fewest: Values that each side of a change has at least.
        block: So many neighbours change places together, where values that follow each other are alike.
        draws: Random orders that each change is held against.
        seed: Of those orders.

    Raises:
        ValueError: a value is no finite number, the level does not lie between 0 and 1, or so few orders can't show it.
    """
    if not all(map(math.isfinite, values)):
        raise ValueError("change points are looked for among finite values")
    if not 0 < level < 1 or 1 / (draws + 1) > 1 - level or fewest < 1 or block < 1:
        raise ValueError(f"{draws} orders in blocks of {block} can't show a change at a level of {level}")
    import numpy as np

    series = np.asarray(values, dtype=float)
    found = sorted(_split(series, 0, len(series), level, fewest, block, draws, np.random.default_rng(seed)))
    edges = [0, *(at for at, _, _ in found), len(series)]
    means = [float(series[begin:end].mean()) for begin, end in pairwise(edges) if end > begin]
    return tuple(
        ChangePoint(at=at, before=means[place], after=means[place + 1], p_value=p_value, n=n)
        for place, (at, p_value, n) in enumerate(found)
    )


def _split(
    series: Any, begin: int, end: int, level: float, fewest: int, block: int, draws: int, draw: Any
) -> Iterator[tuple[int, float, int]]:
    """(place, p-value, n) of each change between two places."""
    n = end - begin
    if n < 2 * fewest or series[begin:end].min() == series[begin:end].max():
        return
    part = series[begin:end]
    sums = _standardised(part[None, :], fewest)[0]
    largest = float(sums.max())
    p_value = (_as_large(part, largest, fewest, block, draws, draw) + 1) / (draws + 1)
    if p_value > 1 - level:
        return
    at = begin + fewest + int(sums.argmax())
    yield at, p_value, n
    yield from _split(series, begin, at, level, fewest, block, draws, draw)
    yield from _split(series, at, end, level, fewest, block, draws, draw)


def _standardised(orders: Any, fewest: int) -> Any:
    """Of each order [orders, n]: the distance between the means on both sides of each place, in the same unit."""
    import numpy as np

    n = orders.shape[1]
    before = np.arange(fewest, n - fewest + 1)
    sums = (orders - orders.mean(axis=1, keepdims=True)).cumsum(axis=1)[:, before - 1]
    return np.abs(sums) / np.sqrt(before * (n - before) / n)


def _as_large(part: Any, largest: float, fewest: int, block: int, draws: int, draw: Any) -> int:
    """How many random orders of the blocks show a change as large."""
    import numpy as np

    n, room, count = len(part), largest * (1 - _SLACK), 0
    at_once = max(1, _AT_ONCE // n)
    for first in range(0, draws, at_once):
        rows = min(at_once, draws - first)
        if block == 1:
            orders = draw.permuted(np.broadcast_to(part, (rows, n)), axis=1)
        else:
            orders = np.stack([part[_shuffled_blocks(n, block, draw)] for _ in range(rows)])
        count += int((_standardised(orders, fewest).max(axis=1) >= room).sum())
    return count


def _shuffled_blocks(n: int, block: int, draw: Any) -> Any:
    """The places 0 to n - 1, whole blocks of them in another order; where blocks begin is drawn too."""
    import numpy as np

    cut = int(draw.integers(block))
    blocks = np.split(np.arange(n), np.arange(cut, n, block)[int(cut == 0) :])
    return np.concatenate([blocks[at] for at in draw.permutation(len(blocks))])
