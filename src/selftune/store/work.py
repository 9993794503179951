"""Scratch of one step: what was paid for is found again after a crash, and gone when the step is finished."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import delete, insert, select, update

from selftune.errors import UsageError
from selftune.store.dialect import reading, writing
from selftune.store.tables import WORK

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine


class StepWork:
    """`context.Work` for one step."""

    def __init__(self, engine: Engine, folder: Path, step_key: str) -> None:
        self._engine = engine
        self._folder = folder_of_step(folder, step_key)
        self._step = step_key

    def get(self, key: str) -> bytes | None:
        """What was put under this key by an earlier try, or None."""
        with reading(self._engine) as connection:
            found: bytes | None = connection.execute(
                select(WORK.c.data).where(WORK.c.step == self._step, WORK.c.key == key)
            ).scalar()
        return found

    def put(self, key: str, data: bytes) -> None:
        """Keep data under a key, durably; the last one put under a key counts."""
        with writing(self._engine) as connection:
            place = (WORK.c.step == self._step) & (WORK.c.key == key)
            if connection.execute(update(WORK).where(place).values(data=data)).rowcount == 0:
                connection.execute(insert(WORK).values(step=self._step, key=key, data=data))

    def folder(self, name: str) -> Path:
        """A folder of this name that survives a crash and goes when the step is finished.

        Raises:
            UsageError: the name is not the plain name of a folder.
        """
        if name in {"", ".", ".."} or Path(name).name != name:
            raise UsageError(f"{name!r} can't name a work folder.", next_step="Use a plain name, without slashes.")
        place = self._folder / name
        place.mkdir(parents=True, exist_ok=True)
        return place


def folder_of_step(folder: Path, step_key: str) -> Path:
    """Where a step's work folders lie; the colon of a digest is no file name on every system."""
    return folder / step_key.replace(":", "-")


def clear_rows(connection: Connection, step_key: str) -> None:
    """Forget what a step has put."""
    connection.execute(delete(WORK).where(WORK.c.step == step_key))


def clear_folder(folder: Path, step_key: str) -> None:
    """Remove a step's folders."""
    shutil.rmtree(folder_of_step(folder, step_key), ignore_errors=True)


def clear_all(folder: Path) -> None:
    """Remove the folders of every step."""
    for place in folder.iterdir():
        shutil.rmtree(place, ignore_errors=True)
