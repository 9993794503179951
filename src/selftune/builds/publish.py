"""A file appears whole or not at all: written beside its place, flushed to disk, then renamed."""

from __future__ import annotations

import errno
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from selftune.errors import BudgetError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT})


@contextmanager
def publish(target: Path) -> Iterator[Path]:
    """A path to write to; on leaving without error it becomes `target`, else it is removed.

    Raises:
        BudgetError: the disk is full; what stood at `target` stands there still.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f".{target.name}.{os.getpid()}.partial")
    try:
        yield partial
        _flush(partial, os.O_RDWR)
        partial.replace(target)
        _flush(target.parent, os.O_RDONLY)
    except OSError as error:
        if error.errno not in _FULL:
            raise
        raise BudgetError(
            f"the disk is full: {target.name} could not be written.", next_step=f"Free space under {target.parent}."
        ) from error
    finally:
        partial.unlink(missing_ok=True)


def _flush(path: Path, flags: int) -> None:
    descriptor = os.open(path, flags)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
