"""What a worker does: train the job in a folder up to its goal, and leave a checkpoint there. It keeps no record."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from selftune.errors import SelftuneError
from selftune.interrupts import stopped_by
from selftune.loop.jobs import train_job
from selftune.loop.night.engines.base import STOP
from selftune.training.machine import compute_with

THREADS: Final = 1
"""Of each training where several run beside each other, and of the steps around them: bits differ by their number."""


def train_folder(folder: str) -> bytes:
    """Go on with this job from its newest checkpoint; what it does wrong, the step that looks for it meets again.

    Bytes come back, which no one has to unpickle; what was learnt lies in the folder.
    """
    compute_with(THREADS)
    stop = Path(folder) / STOP
    if stop.exists():
        return b""
    try:
        with stopped_by(stop.exists):
            train_job(Path(folder), report=lambda _: None)
    except (SelftuneError, RuntimeError, MemoryError, OSError) as error:
        return f"{type(error).__name__}: {error}".encode()
    return b""
