"""Waiting no longer than so long, for many at once: all wait equally long, so that one timer serves them."""

from __future__ import annotations

import asyncio
from collections import deque


class Patience:
    """Gives futures that are done after so many seconds, unless somebody has been faster."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._waiting: deque[tuple[float, asyncio.Future[None]]] = deque()
        self._timer: asyncio.TimerHandle | None = None

    def begin(self) -> asyncio.Future[None]:
        """A future whose time begins now."""
        loop = asyncio.get_running_loop()
        waited: asyncio.Future[None] = loop.create_future()
        self._waiting.append((loop.time() + self._seconds, waited))
        if self._timer is None:
            self._timer = loop.call_later(self._seconds, self._look)
        return waited

    def _look(self) -> None:
        """Let go of those whose time is over; the first of the others is the next to look at."""
        loop, waiting = asyncio.get_running_loop(), self._waiting
        now, self._timer = loop.time(), None
        while waiting and (waiting[0][0] <= now or waiting[0][1].done()):
            release(waiting.popleft()[1])
        if waiting:
            self._timer = loop.call_at(waiting[0][0], self._look)


def release(waited: asyncio.Future[None]) -> None:
    """Let go of what waits, if it does still."""
    if not waited.done():
        waited.set_result(None)
