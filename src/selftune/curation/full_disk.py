"""A disk that is full under what is kept beside the log: said in our words, and nothing that was kept goes."""

from __future__ import annotations

import shutil
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from selftune.errors import BudgetError

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator
    from pathlib import Path

_FULL: Final = "SQLITE_FULL"
# SQLite also fails to read and write, and to open its journal, where there is no room for one more page.
_FOR_WANT_OF_ROOM: Final = ("SQLITE_IOERR", "SQLITE_CANTOPEN")
_ROOM_NEEDED: Final = 64 * 1024


@contextmanager
def told_when_full(folder: Path | None) -> Iterator[None]:
    """Inside, a disk without room for this folder's files ends in an error with a next step.

    Raises:
        BudgetError: the disk is full; what the files held before stands there still.
    """
    import sqlite3

    try:
        yield
    except sqlite3.OperationalError as error:
        if folder is None or not is_full(error, folder):
            raise
        raise BudgetError(
            f"the disk is full: {folder} could not be written.",
            next_step="Free some disk space, then run the same command again: finished steps are kept.",
        ) from error


def is_full(error: sqlite3.DatabaseError, folder: Path) -> bool:
    """Whether SQLite says of a file in this folder that its disk is full, or fails on a disk that is."""
    name = getattr(error, "sqlite_errorname", "")
    return name == _FULL or (name.startswith(_FOR_WANT_OF_ROOM) and shutil.disk_usage(folder).free < _ROOM_NEEDED)
