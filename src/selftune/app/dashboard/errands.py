"""What a page begins and does not wait for: an answer that comes word by word, a server that must start first.

An errand runs in a thread of this process and ends with it; whatever it puts on record is on record all the same.
"""

from __future__ import annotations

import secrets
import sys
import threading
import traceback
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from selftune.errors import LockedError, SelftuneError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_MOST: Final = 100


class Errand:
    """One thing that is under way, or was.

    Attributes:
        about: What it is done to; of two that are about the same, one waits for the other.
        title: What is being done, in words.
        path: The page that shows it.
    """

    def __init__(self, *, about: str, title: str, path: str) -> None:
        self.name = secrets.token_hex(8)
        self.about = about
        self.title = title
        self.path = path
        self.problem: tuple[str, str] | None = None
        self.over = False
        self._heard: list[str] = []

    def hear(self, text: str) -> None:
        """Take in a piece of what comes."""
        self._heard.append(text)

    @property
    def heard(self) -> str:
        """What has come by now."""
        return "".join(self._heard)


class Errands:
    """The errands of one dashboard; the oldest that are over are forgotten."""

    def __init__(self) -> None:
        self._lock = threading.Condition()
        self._known: dict[str, Errand] = {}
        self._alone: set[str] = set()

    def begin(
        self, errand: Errand, work: Callable[[Errand], object], *, check: Callable[[], object] | None = None
    ) -> Errand:
        """Begin it in a thread of its own; `check` is called once nothing else is done to the same, and may raise.

        Raises:
            LockedError: another one about the same is under way.
        """
        with self._lock:
            self._wait_for(errand.about)
            if check is not None:
                check()
            over = [name for name, one in self._known.items() if one.over]
            for name in over[: max(0, len(self._known) - _MOST)]:
                del self._known[name]
            self._known[errand.name] = errand
        threading.Thread(target=_run, args=(errand, work), name=f"errand-{errand.name}", daemon=True).start()
        return errand

    @contextmanager
    def alone(self, about: str) -> Iterator[None]:
        """While this lasts, nothing else is done to the same: an errand waits, and so does whoever asks for this.

        Raises:
            LockedError: an errand about it is under way.
        """
        with self._lock:
            self._wait_for(about)
            self._alone.add(about)
        try:
            yield
        finally:
            with self._lock:
                self._alone.discard(about)
                self._lock.notify_all()

    def _wait_for(self, about: str) -> None:
        self._lock.wait_for(lambda: about not in self._alone)
        running = next((one for one in self._known.values() if one.about == about and not one.over), None)
        if running is not None:
            raise LockedError(
                f"something is under way here already: {running.title}.", next_step="Wait until it is done."
            )

    def about(self, about: str) -> Errand | None:
        """The newest errand about this; None where there was none."""
        with self._lock:
            return next((one for one in reversed(self._known.values()) if one.about == about), None)


def _run(errand: Errand, work: Callable[[Errand], object]) -> None:
    try:
        work(errand)
    except SelftuneError as error:
        errand.problem = (error.message, error.next_step)
    except Exception as error:  # noqa: BLE001 - the edge of a thread: whatever it is, somebody waits to be told
        traceback.print_exception(error, file=sys.stderr)
        errand.problem = (
            "This is a fault of selftune.",
            "What went wrong stands in the log of the dashboard. Try it once more.",
        )
    finally:
        errand.over = True
