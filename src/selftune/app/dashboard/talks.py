"""The conversations that go on in this dashboard, in memory alone: what was said lies in the log.

What is forgotten there goes here too, before a page shows it or a model is told it again.
"""

from __future__ import annotations

import secrets
import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from selftune.errors import UnknownNameError
from selftune.records import Interaction

if TYPE_CHECKING:
    from collections.abc import Callable

    from selftune.app.conversing import Talk
    from selftune.store import Store

_MOST: Final = 50


class Talks:
    """Conversations by name, the one that changed last at the end; the oldest are forgotten."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: dict[str, Talk] = {}
        self._looked_at: int | None = None

    @staticmethod
    def new_name() -> str:
        """A name that nothing has."""
        return secrets.token_hex(6)

    def put(self, talk: Talk) -> None:
        """Keep a conversation as it stands now."""
        with self._lock:
            self._known.pop(talk.name, None)
            self._known[talk.name] = talk
            # What it was begun with may have been forgotten meanwhile.
            self._looked_at = None
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

    def take_up(self, name: str, read: Callable[[str], Talk]) -> None:
        """Have `read` bring a conversation that is not here; errors as `read`. Of two at once the first counts."""
        with self._lock:
            if name in self._known:
                return
        talk = read(name)
        with self._lock:
            self._known.setdefault(name, talk)
            self._looked_at = None

    def drop_forgotten(self, store: Store) -> None:
        """Let go of what is in the log no more although it was: of an exchange, and of all that was said before it."""
        with self._lock:
            entry = store.last_entry()
            if entry == self._looked_at:
                return
            kept = {name for talk in self._known.values() for name in _kept_in(talk)}
            gone = kept - {one.id for one in store.kept_records(sorted(kept), Interaction)}
            for name, talk in self._known.items():
                if gone & _kept_in(talk):
                    self._known[name] = _without(talk, gone)
            self._looked_at = entry

    def newest(self) -> tuple[Talk, ...]:
        """All of them, the one that changed last first."""
        with self._lock:
            return tuple(reversed(self._known.values()))


def _kept_in(talk: Talk) -> set[str]:
    return {one.interaction for one in talk.exchanges if one.interaction is not None}


def _without(talk: Talk, gone: set[str]) -> Talk:
    """What was said after the last exchange that is gone; each later one held all that was said before it."""
    last = max(at for at, one in enumerate(talk.exchanges) if one.interaction in gone)
    return replace(talk, system="", exchanges=talk.exchanges[last + 1 :])
