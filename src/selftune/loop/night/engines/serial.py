"""No engine: one job after the other, in this process. Where nothing else is asked for, steps train their own jobs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from selftune.interrupts import stopped_by
from selftune.loop.night.engines.working import train_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path


class Serial:
    """One worker: this process."""

    workers = 1

    def train(
        self,
        folders: Sequence[Path],
        *,
        should_stop: Callable[[], bool],
        seconds: float,  # noqa: ARG002 - a recipe's own seconds bound it
    ) -> tuple[str | None, ...]:
        """Train one after the other; none is ever lost."""
        with stopped_by(should_stop):
            for folder in folders:
                train_folder(str(folder))
        return (None,) * len(folders)
