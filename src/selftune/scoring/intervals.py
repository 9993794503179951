"""The interval of a single share, used wherever one is printed."""

from __future__ import annotations

import math
from statistics import NormalDist


def normal_quantile(level: float) -> float:
    """Two-sided quantile of the standard normal: 1.96 for a level of 0.95."""
    return NormalDist().inv_cdf(0.5 + level / 2)


def wilson_interval(hits: float, n: float, level: float) -> tuple[float, float]:
    """Score interval [low, high] of a share: `hits` out of `n` at a two-sided confidence `level`.

    `hits` may be a sum of scores between 0 and 1: such a score varies at most as much as a coin of the same mean
    (Bhatia and Davis 2000, American Mathematical Monthly 107), so the interval is then too wide, never too narrow.

    Source:
        E. B. Wilson, "Probable inference, the law of succession, and statistical inference", JASA 22 (1927), 209-212.

    Raises:
        ValueError: no trials, or more hits than trials.
    """
    if n < 1 or not 0 <= hits <= n:
        raise ValueError(f"{hits} hits of {n} are no share")
    z = normal_quantile(level)
    share = hits / n
    centre = share + z * z / (2 * n)
    spread = z * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    scale = 1 + z * z / n
    # Rounding may leave the limit a hair beyond the share itself at 0 and 1.
    return max(0.0, min(share, (centre - spread) / scale)), min(1.0, max(share, (centre + spread) / scale))
