"""The key by which imports recognise what came in before, in a file beside the store."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from selftune.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path


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
