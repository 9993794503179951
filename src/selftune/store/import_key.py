"""The key by which imports recognise what came in before, in a file beside the store."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from sqlalchemy import select

from selftune.errors import UsageError
from selftune.store.tables import SOURCES

if TYPE_CHECKING:
    from pathlib import Path

    from sqlalchemy import Connection


class ImportKey:
    """The key of one project, looked at once."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._secret: bytes | None = None

    def is_made(self) -> bool:
        """Whether there is one."""
        return self._path.exists()

    def secret(self, connection: Connection) -> bytes:
        """The key itself, made at its first use.

        Raises:
            UsageError: it is gone, though imports were remembered with it.
        """
        if self._secret is None:
            used = connection.execute(select(SOURCES.c.key).limit(1)).first() is not None
            self._secret = load_import_key(self._path, used=used)
        return self._secret


def load_import_key(path: Path, *, used: bool) -> bytes:
    """The key in this file, made at its first use.

    Args:
        path: The file.
        used: Whether anything was remembered by a key before: then none is made anew.

    Raises:
        UsageError: it is gone, though imports were remembered with it.
    """
    from selftune.ledger.keys import read_secret, write_secret

    if not path.exists():
        if used:
            raise UsageError(
                f"{path} is missing: without it, what was imported before would be imported again.",
                next_step="Restore it from a backup of the project.",
            )
        try:
            write_secret(path, os.urandom(32))
        except FileExistsError:
            # Another process was first; its key is the project's.
            return read_secret(path)
    return read_secret(path)
