"""Which processes work on a project, by notes beside its store: a stop finds them with the store locked or gone."""

from __future__ import annotations

import json
import os
import secrets
import socket
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from psutil import Process

AT_WORK: Final = "at_work"
# Kernels count a process's start in ticks of 10 ms; two readings of one process differ by less than this.
_SAME_START_SECONDS: Final = 1.0


@contextmanager
def at_work(hidden: Path) -> Iterator[None]:
    """Say while the block runs that this process works here. Where nothing can be written nothing is said."""
    note = hidden / AT_WORK / f"{os.getpid()}-{secrets.token_hex(4)}.json"
    with suppress(OSError):
        _say(note, hidden)
    try:
        yield
    finally:
        with suppress(OSError):
            note.unlink(missing_ok=True)


def who_works(hidden: Path) -> tuple[Process, ...]:
    """The living processes of this machine, other than this one, that work on the project with this hidden folder.

    A note that came along when the folder was copied is not believed, for its process works on another project.
    """
    found = {process.pid: process for note in sorted((hidden / AT_WORK).glob("*.json")) if (process := _of(note))}
    found.pop(os.getpid(), None)
    return tuple(found.values())


def _say(note: Path, hidden: Path) -> None:
    import psutil

    note.parent.mkdir(exist_ok=True)
    started = psutil.Process().create_time()
    told = {"host": socket.gethostname(), "started": started, "place": hidden.stat().st_ino}
    # Whole or not at all; nothing is synced, for a note outlives no power cut.
    temporary = note.with_suffix(".new")
    temporary.write_text(json.dumps(told), encoding="ascii")
    temporary.replace(note)


def _of(note: Path) -> Process | None:
    """The process that a note speaks of; None where it is gone, elsewhere, or works on another folder."""
    import psutil

    try:
        told = json.loads(note.read_bytes())
        pid, started = int(note.stem.partition("-")[0]), float(told["started"])
        if told["host"] != socket.gethostname() or told["place"] != note.parents[1].stat().st_ino:
            return None
        process = psutil.Process(pid)
        lives = process.status() != psutil.STATUS_ZOMBIE
        if lives and abs(process.create_time() - started) < _SAME_START_SECONDS:
            return process
    except psutil.NoSuchProcess:
        pass
    except (OSError, ValueError, KeyError, TypeError):
        return None
    # Nobody takes away what a killed process left.
    with suppress(OSError):
        note.unlink(missing_ok=True)
    return None
