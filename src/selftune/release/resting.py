"""A time in which no model serves, because whoever asked for it needs the device; it ends even if nobody ends it."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from typing import Final

from selftune.release.patience import START_SECONDS

# As in a keeper's note: two readings of the start of one process differ by less than this.
_SAME_START_SECONDS: Final = 1.0


@dataclass(frozen=True, kw_only=True)
class Rest:
    """What a keeper is asked to rest for.

    Attributes:
        why: What is told to who asks for an answer meanwhile.
        pid: The process that asked. When it is gone nobody needs the device any more, however it ended.
        start_time: When that process began: a reused pid has another.
        seconds: After so many the keeper wakes by itself, even if that process hangs; None: no limit.
        within: How many seconds the start that ends the rest may take.
    """

    why: str
    pid: int
    start_time: float
    seconds: float | None = None
    within: float = START_SECONDS


def rest_of_ours(why: str, seconds: float | None, *, within: float = START_SECONDS) -> Rest:
    """A rest for this very process."""
    import psutil

    began = psutil.Process().create_time()
    return Rest(why=why, pid=os.getpid(), start_time=began, seconds=seconds, within=within)


def lives(rest: Rest) -> bool:
    """Whether the process that asked is still there."""
    import psutil

    try:
        process = psutil.Process(rest.pid)
        same = abs(process.create_time() - rest.start_time) < _SAME_START_SECONDS
        return same and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def passing_seconds() -> float:
    """Seconds that only grow, those included in which the machine slept, where the system counts them."""
    clock = getattr(time, "CLOCK_BOOTTIME", None)
    return time.monotonic() if clock is None else time.clock_gettime(clock)
