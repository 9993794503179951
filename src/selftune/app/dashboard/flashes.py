"""What an action says on the next page: once, to the session that acted."""

from __future__ import annotations

import threading
from typing import Final

_MOST: Final = 20


class Flashes:
    """Words that wait for the next page of a session; gone when the dashboard ends."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: dict[str, list[str]] = {}

    def put(self, session: str, *lines: str) -> None:
        """Keep these lines for the next page."""
        with self._lock:
            self._waiting[session] = [*self._waiting.get(session, []), *lines][-_MOST:]

    def take(self, session: str) -> list[str]:
        """The lines that wait, which then wait no more."""
        with self._lock:
            return self._waiting.pop(session, [])
