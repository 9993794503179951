"""A routing that may try a candidate, for a project's gateway."""

from __future__ import annotations

import subprocess
import sys
from contextlib import suppress
from typing import TYPE_CHECKING

from selftune.app.gateway.canary.routing import CanaryRouting

if TYPE_CHECKING:
    from pathlib import Path

    from selftune.app.gateway.exchange import Routing


def open_routing(inner: Routing, folder: Path) -> CanaryRouting:
    """`inner` with a candidate beside its champion whenever one is tried in this project."""
    project = folder.resolve()
    return CanaryRouting(inner, project / ".selftune", settle=lambda: _settle(project))


def _settle(project: Path) -> None:
    """Have a command put the end on record, so that nobody has to type one; where that fails the next one does.

    The gateway itself opens no store: what waits for a database would wait in the way of every answer.
    """
    with suppress(OSError):
        subprocess.Popen(
            [sys.executable, "-P", "-m", "selftune", "canary", "status", "--project", str(project)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd=project / ".selftune",
            start_new_session=True,
        )
