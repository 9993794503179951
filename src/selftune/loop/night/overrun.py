"""The last resort against a training that hangs: past its time the process ends, whatever it is stuck in.

A wish to stop is heard between two passes of a training. Code of others that never returns hears nothing, may hold the
interpreter's lock, and would hold the device until morning. So a timer of `faulthandler` runs beside it, which needs no
lock: it writes down where every thread is stuck and ends the process. All that was finished is kept, the keeper sees
that the process is gone and serves, and the next command goes on.
"""

from __future__ import annotations

import faulthandler
import math
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

GRACE_SECONDS: Final = 240.0
"""What a night may outlast its deadline by where something does not stop: less than the five minutes it never may."""
HUNG: Final = "hung.log"


@contextmanager
def ended_after(seconds: float, logs: Path) -> Iterator[None]:
    """End this process should the block not be left after so many seconds; the exit code is 1 then.

    Args:
        seconds: Infinite where there is no end.
        logs: Folder in which `hung.log` says where it was stuck; an empty one is taken away again.
    """
    if math.isinf(seconds):
        yield
        return
    logs.mkdir(parents=True, exist_ok=True)
    log = logs / HUNG
    with log.open("w", encoding="utf-8") as stream:
        faulthandler.dump_traceback_later(max(seconds, 0.001), exit=True, file=stream)
        try:
            yield
        finally:
            faulthandler.cancel_dump_traceback_later()
    log.unlink()
