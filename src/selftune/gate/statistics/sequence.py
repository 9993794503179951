"""Looking after every item without fooling oneself: a bet against "the candidate is no better".

The capital of somebody who bets on the candidate item by item is a martingale when there is no difference: it passes
1 / alpha with a chance of at most alpha, whenever one looks (Ville 1939). Its interval holds at every n at once.

Source:
    I. Waudby-Smith and A. Ramdas, "Estimating means of bounded random variables by betting", J. R. Stat. Soc. B 86
    (2024), 1-27: the hedged capital process with predictable plug-in bets.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

_GRID: Final = 400
_MOST: Final = 0.5
"""Of the capital that could be lost, so much is staked at most: nobody goes bankrupt on one item."""


@dataclass(frozen=True, kw_only=True)
class AnytimeResult:
    """What the bets came to after `n` differences.

    Attributes:
        p_value: One over the greatest capital of a bet on either side, at most 1; valid whenever one stops.
        interval: Of the mean difference, valid at every n at once.
        decided_at: After how many differences the interval first lay clear of zero; None if it never did.
    """

    n: int
    p_value: float
    interval: tuple[float, float]
    decided_at: int | None


def bet(differences: Sequence[float], alpha: float) -> AnytimeResult:
    """Everything the bets show of differences between -1 and 1, taken in the order given.

    Raises:
        ValueError: there are none, one lies outside [-1, 1], or alpha is no chance.
    """
    if not differences or not all(-1 <= d <= 1 for d in differences) or not 0 < alpha < 1:
        raise ValueError("bets need differences between -1 and 1, and a chance to be wrong")
    import numpy as np

    shares = (np.asarray(differences) + 1) / 2
    stakes = stakes_on(shares, alpha)
    capital = log_capital(shares, stakes, 0.5)
    decisive = capital >= -math.log(alpha)
    low, high = _interval(shares, stakes, alpha)
    return AnytimeResult(
        n=len(shares),
        p_value=math.exp(-max(0.0, float(capital.max()))),
        interval=(2 * low - 1, 2 * high - 1),
        decided_at=int(decisive.argmax()) + 1 if decisive.any() else None,
    )


def stakes_on(shares: Any, alpha: float) -> Any:
    """How much to bet on each item [..., items], from those before it alone; shares run from 0 to 1."""
    import numpy as np

    n = np.arange(1, shares.shape[-1] + 1)
    so_far = (0.5 + np.cumsum(shares, axis=-1)) / (n + 1)
    squares = np.cumsum((shares - so_far) ** 2, axis=-1)
    before = np.concatenate((np.zeros_like(squares[..., :1]), squares[..., :-1]), axis=-1)
    variance = (0.25 + before) / n
    return np.sqrt(2 * math.log(2 / alpha) / (variance * n * np.log(1 + n)))


def log_capital(shares: Any, stakes: Any, mean: Any) -> Any:
    """What a start of 1 has become after each item, as a logarithm: half is bet on more than `mean`, half on less.

    `mean` is one number from 0 to 1, or an array whose last axis has length 1: then the answer has a row for each.
    """
    import numpy as np

    mean = np.asarray(mean, dtype=float)
    with np.errstate(divide="ignore"):
        most_above, most_below = _MOST / mean, _MOST / (1 - mean)
    above = np.cumsum(np.log1p(np.minimum(stakes, most_above) * (shares - mean)), axis=-1)
    below = np.cumsum(np.log1p(-np.minimum(stakes, most_below) * (shares - mean)), axis=-1)
    return np.logaddexp(above, below) - math.log(2)


def _interval(shares: Any, stakes: Any, alpha: float) -> tuple[float, float]:
    """The means that the bets do not refute; those between two refuted ones of a grid count as not refuted."""
    import numpy as np

    refuted = np.array(
        [bool((log_capital(shares, stakes, step / _GRID) >= -math.log(alpha)).any()) for step in range(_GRID + 1)]
    )
    kept = np.flatnonzero(~refuted)
    if not len(kept):
        centre = float(shares.mean())
        return centre, centre
    return max(0.0, (int(kept[0]) - 1) / _GRID), min(1.0, (int(kept[-1]) + 1) / _GRID)
