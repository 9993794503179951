"""How long a server may take until it has started and proven itself, and how one that hangs is ended."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from selftune.errors import IntegrityError, ServingError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from psutil import Process

START_SECONDS: Final = 420.0
"""What a start may take where nobody says less: a large model from a slow disk, and its first answers."""


@contextmanager
def answering_within(seconds: float, what: str) -> Iterator[None]:
    """End every process that the block has started, should it not be through after so many seconds.

    What waits for a process that hangs then breaks off at once. A server that another program started is no process
    of ours: for that one its own driver's patience holds.

    Raises:
        ServingError: it took longer; the message says so in the place of how it broke off.
    """
    before, late = _own(), threading.Event()

    def end() -> None:
        late.set()
        _end(_own() - before)

    timer = threading.Timer(seconds, end)
    timer.daemon = True
    timer.start()
    try:
        yield
    except IntegrityError as error:
        if late.is_set():
            raise _hung(what, seconds) from error
        raise
    finally:
        timer.cancel()
    if late.is_set():
        raise _hung(what, seconds)


def _hung(what: str, seconds: float) -> ServingError:
    return ServingError(
        f"{what} did not answer within {seconds:.0f} s of its start, and was ended.",
        next_step="Look at .selftune/logs/live, then run `selftune start`.",
    )


def _own() -> set[Process]:
    """What this process has started, and what that has."""
    import psutil

    return set(psutil.Process().children(recursive=True))


def _end(processes: set[Process]) -> None:
    import psutil

    for process in processes:
        try:
            process.kill()
        except psutil.NoSuchProcess:
            continue
