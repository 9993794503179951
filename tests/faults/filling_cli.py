"""FAKE surroundings: the command line of selftune on a disk that another program fills up, for real, at one moment.

    FILL_AT=experiment-row:0 python filling_cli.py nightly --now

From that failpoint on so many KiB are free; the file that takes the rest is `fill` in the folder above the project.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from selftune import failpoints

FILL = Path("../fill")
PLACE, _, KIB = os.environ.get("FILL_AT", "").partition(":")


def fill(kib: int) -> None:
    """Leave so many KiB free on the disk that the project lies on."""
    free = os.statvfs(".")
    size = free.f_bavail * free.f_frsize - kib * 1024
    if size > 0 and not FILL.exists():
        with FILL.open("wb") as stream:
            os.posix_fallocate(stream.fileno(), 0, size)


def fill_at(name: str) -> None:
    """In the place of `failpoints.reach`."""
    if name == PLACE:
        sys.stderr.write(f"FAKE: the disk fills up at {name}\n")
        fill(int(KIB))


if __name__ == "__main__":
    failpoints.reach = fill_at  # before any module has taken the name over
    from selftune.app.cli.main import main

    main()
