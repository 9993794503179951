"""What is sent to another machine: files as one stream of bytes that is the same every time, so it can be resumed.

Size and digest of the stream are known before the first byte leaves, and are held against what arrived.
"""

from __future__ import annotations

import hashlib
import tarfile
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

_PRIVATE: Final = 0o600


class Takes(Protocol):
    """Bytes go in."""

    def write(self, data: bytes, /) -> object:
        """Take all of them."""
        ...


@dataclass(frozen=True, kw_only=True)
class Parcel:
    """Files by the names that they have there, sorted."""

    files: tuple[tuple[str, Path], ...]


@dataclass(frozen=True, kw_only=True)
class Seal:
    """What a parcel is known by at both ends: its bytes, and their SHA-256 in hex."""

    size: int
    sha256: str


def parcel_of(folder: Path, *, without: Iterable[str] = ()) -> Parcel:
    """Every file below a folder but those in the named ones of its own folders."""
    left_out = frozenset(without)
    paths = (path for path in folder.rglob("*") if path.is_file())
    named = ((path.relative_to(folder), path) for path in paths)
    return Parcel(files=tuple(sorted((str(name), path) for name, path in named if name.parts[0] not in left_out)))


def write_parcel(parcel: Parcel, stream: Takes) -> None:
    """Write it as a tar archive that tells neither time nor owner: the same files give the same bytes."""
    with tarfile.open(fileobj=stream, mode="w|", format=tarfile.PAX_FORMAT) as archive:  # type: ignore[call-overload] # it only writes
        for name, path in parcel.files:
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = path.stat().st_size, _PRIVATE
            with path.open("rb") as content:
                archive.addfile(entry, content)


def seal_of(parcel: Parcel) -> Seal:
    """Its size and digest, without writing it anywhere."""
    counted = _Counted()
    write_parcel(parcel, counted)
    return Seal(size=counted.size, sha256=counted.digest.hexdigest())


class _Counted:
    def __init__(self) -> None:
        self.size = 0
        self.digest = hashlib.sha256()

    def write(self, data: bytes, /) -> None:
        self.size += len(data)
        self.digest.update(data)


class Rest:
    """Passes on all but the first bytes, which are at the other end already; `look_up` may end it between two."""

    def __init__(self, stream: Takes, skipped: int, look_up: Callable[[], None]) -> None:
        self._stream = stream
        self._left = skipped
        self._look_up = look_up

    def write(self, data: bytes, /) -> None:
        """Pass on what is not to be skipped."""
        self._look_up()
        rest = data[self._left :]
        self._left = max(0, self._left - len(data))
        if rest:
            self._stream.write(rest)
