"""What is handed into a box: files in memory that nobody can change."""

from __future__ import annotations

import contextlib
import fcntl
import os
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

_SEALS: Final = fcntl.F_SEAL_SEAL | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE


@contextlib.contextmanager
def sealed(content: bytes) -> Iterator[int]:
    """A file in memory that nobody can change or make longer, at its beginning."""
    number = os.memfd_create("box", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    try:
        with os.fdopen(number, "wb", closefd=False) as file:
            file.write(content)
        fcntl.fcntl(number, fcntl.F_ADD_SEALS, _SEALS)
        os.lseek(number, 0, os.SEEK_SET)
        yield number
    finally:
        os.close(number)
