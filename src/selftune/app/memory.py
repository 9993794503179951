"""How much memory a run takes at its worst moment, the servers that it starts included."""

from __future__ import annotations

import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Final, Self

from selftune.platforms import peak_memory_bytes

if TYPE_CHECKING:
    from collections.abc import Callable

_KIB: Final = 1024
_EVERY_SECONDS: Final = 0.25


def resident_bytes() -> int:
    """Resident memory of this process and of everything it has started, now; shared pages count in each of them."""
    import psutil

    own = psutil.Process()
    held: int = own.memory_info().rss
    for child in own.children(recursive=True):
        with suppress(psutil.NoSuchProcess):
            held += child.memory_info().rss
    return held


class MemoryWatch:
    """Looks four times a second, while it is open, and keeps the largest sum.

    Servers come and go during a run, so no look at its end can tell its peak; and the system's own figure for children
    counts this process twice, because on Linux a child begins with its parent's peak. A peak of this process alone
    between two looks is not missed, one of a server is.
    """

    def __init__(
        self, measure: Callable[[], int] = resident_bytes, own_peak: Callable[[], int] = peak_memory_bytes
    ) -> None:
        self._measure = measure
        self._own_peak = own_peak
        self._most = 0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._keep_looking, name="memory-watch", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def look(self) -> None:
        """Measure once more."""
        self._most = max(self._most, self._measure())

    @property
    def peak_bytes(self) -> int:
        """The largest sum so far; never less than the peak of this process."""
        return max(self._most, self._own_peak())

    def _keep_looking(self) -> None:
        self.look()
        while not self._over.wait(_EVERY_SECONDS):
            self.look()
        self.look()
