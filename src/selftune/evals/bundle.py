"""What an evaluation was made with, so that whoever gets another figure can see what is different."""

from __future__ import annotations

import hashlib
import platform
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Final

import selftune

_TOLD: Final = 16


@cache
def made_with() -> tuple[str, ...]:
    """Name and version of what asked and scored; the server's own stand in its proof."""
    return (
        f"selftune {version('selftune')}",
        f"source sha256:{source_digest(Path(selftune.__path__[0]))[:_TOLD]}",
        f"Python {platform.python_version()}",
        f"{platform.system()} {platform.machine()}",
    )


def source_digest(package: Path) -> str:
    """SHA-256 in hex over names and texts of a package's Python files: a version number outlives many a change."""
    state = hashlib.sha256()
    for file in sorted(package.rglob("*.py")):
        text = file.read_bytes()
        state.update(f"{file.relative_to(package).as_posix()} {len(text)}\n".encode())
        state.update(text)
    return state.hexdigest()
