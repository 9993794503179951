"""How many calls are made at a time: more while all goes well, half as many when the server has too much to do.

Additive increase, multiplicative decrease (Chiu and Jain, 1989, "Analysis of the increase and decrease algorithms for
congestion avoidance in computer networks"): of several clients on one server each finds its share.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class Throttle:
    """Admits calls, at most `limit` at a time, and none while the server has asked to be left alone.

    Attributes:
        limit: How many calls may be under way now; between 1 and `most`.
    """

    def __init__(self, most: int, clock: Callable[[], float]) -> None:
        self._most = most
        self._clock = clock
        self._under_way = 0
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._pauses = 0
        self._halved_at = float("-inf")
        self.limit = float(most)

    async def enter(self) -> float:
        """Wait for a place, first come first served; returns when the call began, which `overloaded` asks for."""
        if self._waiting or not self._free:
            place = asyncio.get_running_loop().create_future()
            self._waiting.append(place)
            try:
                await place
            except asyncio.CancelledError:
                if not place.cancelled():
                    self.leave()
                raise
        else:
            self._under_way += 1
        return self._clock()

    def leave(self) -> None:
        """Give the place back."""
        self._under_way -= 1
        self._wake()

    def succeeded(self) -> None:
        """One more place for each round of answers."""
        self.limit = min(self._most, self.limit + 1 / self.limit)

    def overloaded(self, began: float, wait_seconds: float | None) -> None:
        """Half as many places, once for each round: calls that began before the last cut say nothing new.

        Args:
            began: When the call that failed began.
            wait_seconds: For how long the server asked to be left alone.
        """
        if began > self._halved_at:
            self.limit = max(1.0, self.limit / 2)
            self._halved_at = self._clock()
        if wait_seconds:
            self._pauses += 1
            asyncio.get_running_loop().call_later(wait_seconds, self._resume)

    def _resume(self) -> None:
        self._pauses -= 1
        self._wake()

    @property
    def _free(self) -> bool:
        return not self._pauses and self._under_way < int(self.limit)

    def _wake(self) -> None:
        """Give free places to those who have waited longest."""
        while self._waiting and self._free:
            place = self._waiting.popleft()
            if not place.done():
                self._under_way += 1
                place.set_result(None)
