"""How often one may ask: a bucket of tokens for each key, filled at the key's rate."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

_SECONDS_PER_MINUTE: Final = 60.0
_BURST_SECONDS: Final = 10.0
"""So many seconds' worth may be asked at once."""


class Limits:
    """Token buckets by the id of who asks; `clock` counts seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._buckets: dict[str, tuple[float, float]] = {}

    def wait_for(self, who: str, per_minute: int) -> float:
        """Take a token: 0 where there is one, else the seconds until there will be; `per_minute` 0 sets no limit."""
        if per_minute <= 0:
            return 0.0
        rate = per_minute / _SECONDS_PER_MINUTE
        most = max(1.0, math.floor(rate * _BURST_SECONDS))
        now = self._clock()
        left, then = self._buckets.get(who, (most, now))
        left = min(most, left + (now - then) * rate)
        if left < 1.0:
            self._buckets[who] = left, now
            return (1.0 - left) / rate
        self._buckets[who] = left - 1.0, now
        return 0.0
