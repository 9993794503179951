"""Which Python runs in the box: the one that needs the least of the host to be seen."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from selftune.errors import SandboxError

_USR: Final = Path("/usr")
_PACKAGES: Final = ("site-packages", "dist-packages")
_OTHERS_ENTER: Final = 0o001
_WHOLE: Final = ("asyncio", "json", "ctypes", "sqlite3")


@dataclass(frozen=True, kw_only=True)
class Interpreter:
    """A Python and what must be bound for it.

    Attributes:
        program: Its path, on the host and in the box alike.
        bound: Files and folders outside /usr that it needs.
        hidden: Folders with packages, which the box covers with nothing.
    """

    program: Path
    bound: tuple[Path, ...]
    hidden: tuple[Path, ...]


def choose_interpreter(*, dropped: bool) -> Interpreter:
    """A Python of our own minor version: that of /usr where it is whole, else the one this process runs on.

    Args:
        dropped: Whether the box is built by a user who owns nothing, who must be able to get at it.

    Raises:
        SandboxError: neither can be used.
    """
    base = Path(sys.base_prefix).resolve()
    minor = f"{sys.version_info.major}.{sys.version_info.minor}"
    system = _USR / "bin" / f"python{minor}"
    if not base.is_relative_to(_USR) and system.exists() and _is_whole(_USR / "lib" / f"python{minor}"):
        return _describe(system, _USR, minor)
    own = base / "bin" / f"python{minor}"
    if own.exists() and (not dropped or _open_to_others(own)):
        return _describe(own, base, minor)
    raise SandboxError(
        f"no Python {minor} can be shown to the sandbox: {own} is closed to others, and {system} is not there.",
        next_step=f"Install Python {minor} under /usr (`apt-get install python{minor}`), or run as an ordinary user.",
    )


def _describe(program: Path, prefix: Path, minor: str) -> Interpreter:
    libraries = [prefix / "lib", prefix / "lib64"]
    outside = not prefix.is_relative_to(_USR)
    hidden = [folder for root in libraries for folder in _packages(root, minor)]
    if (_USR / "local").is_dir() and not prefix.is_relative_to(_USR / "local"):
        hidden.append(_USR / "local")
    return Interpreter(
        program=program,
        bound=(program, *(folder for folder in libraries if folder.is_dir())) if outside else (),
        hidden=tuple(sorted(set(hidden))),
    )


def _packages(root: Path, minor: str) -> list[Path]:
    """Folders of packages under a library folder; Debian keeps its own beside that of the version."""
    homes = (root / f"python{minor}", root / "python3")
    found = [home / name for home in homes for name in _PACKAGES]
    # A link (lib64 -> lib) is covered where it leads to.
    return [folder for folder in found if folder.is_dir() and folder.resolve() == folder]


def _is_whole(library: Path) -> bool:
    """Whether the standard library is there in full; distributions split it."""
    return all((library / name).is_dir() for name in _WHOLE)


def _open_to_others(path: Path) -> bool:
    """Whether a user who owns nothing may walk to a file, by the modes of the folders above it."""
    return all(folder.stat().st_mode & _OTHERS_ENTER for folder in path.resolve().parents)
