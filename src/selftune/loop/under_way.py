"""How far work has come, in a note beside the store: another process, such as the dashboard, shows it.

A note is no record and proves nothing. It is written once a second at most, and that none could be written ends no
work.
"""

from __future__ import annotations

import json
import os
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Final

import msgspec

from selftune.governance.brake.at_work import who_works

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from psutil import Process

    from selftune.context import Progress
    from selftune.loop.executor import Observer

FOLDER: Final = "under_way"
_SECONDS: Final = 1.0
_SAME_MOMENT_SECONDS: Final = 1.0


@dataclass(frozen=True, kw_only=True)
class UnderWay:
    """Where a process stands with the stage that it is at.

    Attributes:
        pid: The process.
        stage: As the executor calls it; empty between two stages.
        done: How much of `total`; the latter None where it can't be known.
        began: When the stage began, `noted` when this was written: seconds since 1970.
        ends: When the time that the command may take is over; None without a limit.
        finished: Stages that it has finished, oldest first.
    """

    pid: int
    stage: str = ""
    done: int = 0
    total: int | None = None
    note: str = ""
    began: float = 0.0
    noted: float = 0.0
    ends: float | None = None
    finished: tuple[str, ...] = ()

    @property
    def seconds_left(self) -> float | None:
        """What is left of the stage at its pace so far; None where nothing can be reckoned."""
        if not self.total or not self.done or self.done > self.total:
            return None
        return (self.noted - self.began) * (self.total - self.done) / self.done


class Noted:
    """An observer that also leaves the note."""

    def __init__(
        self, observer: Observer, hidden: Path, *, seconds: float | None = None, clock: Callable[[], float] = time.time
    ) -> None:
        self._observer = observer
        self._file = hidden / FOLDER / f"{os.getpid()}.json"
        self._clock = clock
        self._ends = None if seconds is None else clock() + seconds
        self._now = UnderWay(pid=os.getpid())
        self._finished: list[str] = []

    def started(self, stage: str) -> None:
        """A stage begins."""
        now = self._clock()
        self._write(UnderWay(pid=os.getpid(), stage=stage, began=now, noted=now))
        self._observer.started(stage)

    def progressed(self, stage: str, progress: Progress) -> None:
        """A stage has come this far."""
        now, seen = self._clock(), self._now
        if now - seen.noted >= _SECONDS or stage != seen.stage or progress.done == progress.total:
            began = seen.began if stage == seen.stage else now
            told = UnderWay(
                pid=seen.pid,
                stage=stage,
                done=progress.done,
                total=progress.total,
                note=progress.note,
                began=began,
                noted=now,
            )
            self._write(told)
        self._observer.progressed(stage, progress)

    def finished(self, stage: str, seconds: float, *, reused: bool) -> None:
        """A stage's records are kept."""
        self._finished.append(stage)
        self._write(UnderWay(pid=os.getpid(), noted=self._clock()))
        self._observer.finished(stage, seconds, reused=reused)

    def stopped(self, stage: str) -> None:
        """A stage ended without a result."""
        self._write(UnderWay(pid=os.getpid(), noted=self._clock()))
        self._observer.stopped(stage)

    def told(self, text: str) -> None:
        """Something that a person should know of."""
        self._observer.told(text)

    def _write(self, told: UnderWay) -> None:
        self._now = told
        whole = asdict(told) | {"ends": self._ends, "finished": self._finished}
        with suppress(OSError):
            self._file.parent.mkdir(exist_ok=True)
            temporary = self._file.with_suffix(".new")
            temporary.write_text(json.dumps(whole), encoding="utf-8")
            temporary.replace(self._file)


def what_is_under_way(hidden: Path) -> tuple[UnderWay, ...]:
    """Where each process stands that works here now; all but its number is empty where it has left no note."""
    return tuple(_standing(hidden, process) for process in who_works(hidden))


def _standing(hidden: Path, process: Process) -> UnderWay:
    unknown = UnderWay(pid=process.pid)
    try:
        found = msgspec.json.decode((hidden / FOLDER / f"{process.pid}.json").read_bytes(), type=UnderWay)
    except (OSError, msgspec.MsgspecError):
        return unknown
    # Numbers come again: what an earlier process of this number left says nothing of this one.
    return found if found.noted >= _began(process) else unknown


def _began(process: Process) -> float:
    import psutil

    try:
        return float(process.create_time()) - _SAME_MOMENT_SECONDS
    except psutil.Error:
        return 0.0
