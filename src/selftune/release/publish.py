"""Files that appear whole or not at all, and stay after a power cut."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

from selftune.platforms import sync_folder


def publish_bytes(path: Path, data: bytes, *, mode: int = 0o644) -> None:
    """Replace a file by these bytes in one step: a reader sees the old content or the new, never a part."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        temporary.chmod(mode)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def publish_link(source: Path, path: Path) -> None:
    """Give a blob a second name, by hard link where the file system can, by copy where it can't."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.unlink(missing_ok=True)
    try:
        os.link(source, temporary)
    except OSError:
        shutil.copyfile(source, temporary)
    temporary.replace(path)
    # Two names of one file: rename does nothing then, and leaves the first (POSIX rename).
    temporary.unlink(missing_ok=True)
    sync_folder(path.parent)
