"""A share with its interval: one figure that several reports print."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from selftune.scoring.intervals import wilson_interval

_LEVEL: Final = 0.95


@dataclass(frozen=True, kw_only=True)
class Share:
    """A share of n, with Wilson's interval at 95 %."""

    value: float
    interval: tuple[float, float]
    n: int


def share_of(hits: int, n: int) -> Share:
    """The share of `hits` among n; there must be some."""
    return Share(value=hits / n, interval=wilson_interval(hits, n, _LEVEL), n=n)
