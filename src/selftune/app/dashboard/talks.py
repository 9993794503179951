"""The conversations that go on in this dashboard: in memory alone, for what was said is in the log."""

from __future__ import annotations

import secrets
import threading
from typing import TYPE_CHECKING, Final

from selftune.errors import UnknownNameError

if TYPE_CHECKING:
    from selftune.app.conversing import Talk

_MOST: Final = 50


class Talks:
    """Conversations by name, the one that changed last at the end; the oldest are forgotten."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: dict[str, Talk] = {}

    @staticmethod
    def new_name() -> str:
        """A name that nothing has."""
        return secrets.token_hex(6)

    def put(self, talk: Talk) -> None:
        """Keep a conversation as it stands now."""
        with self._lock:
            self._known.pop(talk.name, None)
            self._known[talk.name] = talk
            for name in list(self._known)[:-_MOST]:
                del self._known[name]

    def get(self, name: str) -> Talk:
        """The conversation of this name.

        Raises:
            UnknownNameError: there is none since the dashboard was started.
        """
        with self._lock:
            if name not in self._known:
                raise UnknownNameError("conversation of this start of the dashboard", name, self._known)
            return self._known[name]

    def newest(self) -> tuple[Talk, ...]:
        """All of them, the one that changed last first."""
        with self._lock:
            return tuple(reversed(self._known.values()))
