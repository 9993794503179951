"""Where a project stands, read for a command that says so and ends."""

from __future__ import annotations

import atexit
import gc
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def read_standing(folder: Path) -> dict[str, Any]:
    """What `status_summary` tells of the project in `folder`; raises what `open_project` does."""
    with _no_collector():
        from selftune.loop.project import open_project

        with open_project(folder) as opened:
            from selftune.app.summary import status_summary  # a folder without a project needs none of it

            return status_summary(opened)


@contextmanager
def _no_collector() -> Iterator[None]:
    """Look for no cycles meanwhile, nor as the process ends: that takes a sixth of all the time, and finds few."""
    collects = gc.isenabled()
    gc.disable()
    atexit.register(gc.freeze)
    try:
        yield
    finally:
        if collects:
            gc.enable()
