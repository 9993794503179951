"""The folder of a build laid out on disk, for a server that reads PEFT's or Hugging Face's layout itself."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

from selftune.errors import DamagedFileError
from selftune.records import digest_file

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from selftune.records import Build


def lay_out(build: Build, name: str, find: Callable[[str], Path], folder: Path) -> Path:
    """The build's folder of this name under its readers' file names, as links where that works; returns its path.

    Raises:
        DamagedFileError: a file is not what the build says.
    """
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for entry in build.folder(name):
        source, target = find(entry.digest), folder / entry.name.removeprefix(f"{name}/")
        if digest_file(source) != entry.digest:
            raise DamagedFileError(
                f"{entry.name} is damaged: its digest is not the build's; it was not served.",
                next_step="Build it again, or roll back to an older release.",
            )
        try:
            os.link(source, target)
        except OSError:
            shutil.copyfile(source, target)
    return folder.resolve()
