"""The spool: segments of entries in a folder, appended to by one writer, read by one ingest, deleted once stored.

A segment that is written to is called `NUMBER.open`, one that is whole `NUMBER.spool`. What a cut left at the end of a
segment is set aside as `NUMBER.torn`, under the segment's own number: nobody was told that it was kept.
"""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import filelock

from selftune.app.gateway.capture.frames import framed, read_frames
from selftune.errors import LockedError
from selftune.failpoints import reach
from selftune.platforms import sync_folder

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

FOLDER: Final = "spool"
OPEN: Final = ".open"
WHOLE: Final = ".spool"
TORN: Final = ".torn"
_LOCK: Final = "writer.lock"
_DIGITS: Final = 12
# Windows would make two bytes of a line end.
_NEW: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | getattr(os, "O_BINARY", 0)


@dataclass(frozen=True, kw_only=True)
class Segment:
    """A file of the spool.

    Attributes:
        number: Its place in the order in which they were written.
        whole: Whether nothing is appended to it any more.
    """

    path: Path
    number: int
    whole: bool


class Spool:
    """Appends entries durably; one writer to a folder at a time."""

    def __init__(self, folder: Path, *, segment_bytes: int = 16 << 20) -> None:
        """Take the folder, and finish what an earlier writer left open.

        Raises:
            LockedError: another writer has it.
        """
        self.folder = folder
        self._segment_bytes = segment_bytes
        self._file: int | None = None
        self._path = folder
        self._size = 0
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._lock = filelock.FileLock(folder / _LOCK)
        try:
            self._lock.acquire(timeout=0)
        except filelock.Timeout as error:
            raise LockedError(
                "another gateway writes to this project's spool.", next_step="Use that one, or end it first."
            ) from error
        for left in segments(folder):
            if not left.whole:
                _finish(left)
        self._next = max((one.number for one in _numbered(folder)), default=0) + 1

    def append(self, payloads: Sequence[bytes]) -> None:
        """Put entries at the end, all with one sync of the disk; when it returns they are there for good.

        Raises:
            OSError: the disk is full or failed; none of them counts as written, and the next call begins anew.
        """
        data = framed(payloads)
        if self._file is None:
            self._begin()
        assert self._file is not None, "it was opened just now"  # noqa: S101 - can't happen
        try:
            _write_all(self._file, data)
            reach("gateway-after-write")
            os.fsync(self._file)
        except OSError:
            self._give_up()
            raise
        reach("gateway-after-fsync")
        self._size += len(data)
        if self._size >= self._segment_bytes:
            self.rotate()

    def rotate(self) -> None:
        """Close the segment that is written to; nothing where there is none."""
        if self._file is None:
            return
        os.close(self._file)
        self._file = None
        reach("gateway-spool-rotate")
        self._path.replace(self._path.with_suffix(WHOLE))
        sync_folder(self.folder)

    def close(self) -> None:
        """Close what is open and let go of the folder."""
        try:
            self.rotate()
        finally:
            self._lock.release()

    def _begin(self) -> None:
        self._path = self.folder / f"{self._next:0{_DIGITS}}{OPEN}"
        self._file = os.open(self._path, _NEW, 0o600)
        self._next, self._size = self._next + 1, 0
        sync_folder(self.folder)

    def _give_up(self) -> None:
        """Leave a segment whose end nobody knows: after a failed sync the same file is not to be trusted again."""
        assert self._file is not None, "only what is open can fail"  # noqa: S101 - can't happen
        with suppress(OSError):
            os.ftruncate(self._file, self._size)
        os.close(self._file)
        self._file = None
        # Its name stays `.open` where even that fails; the next start finishes it.
        with suppress(OSError):
            _finish(Segment(path=self._path, number=int(self._path.stem), whole=False))


def segments(folder: Path) -> list[Segment]:
    """The segments of a spool, oldest first."""
    return [one for one in _numbered(folder) if one.path.suffix in {OPEN, WHOLE}]


def read_segment(segment: Segment, start: int = 0) -> Iterator[tuple[bytes | None, int]]:
    """Each entry from a place on, with the place behind it; None for one that is damaged."""
    try:
        with segment.path.open("rb") as stream:
            stream.seek(start)
            data = stream.read()
    except FileNotFoundError:
        # It was renamed just now; under its new name it is read the next time.
        return
    yield from ((frame.payload, start + frame.end) for frame in read_frames(data))


def discard(segment: Segment, end: int) -> Path | None:
    """Delete a segment that the store has, read up to `end`; what could not be read of it is set aside by name."""
    try:
        data = segment.path.read_bytes()
    except FileNotFoundError:
        # Another process took it in too, and was faster.
        return None
    damaged = [data[frame.start : frame.end] for frame in read_frames(data) if frame.payload is None]
    aside = _set_aside(segment, b"".join((*damaged, data[end:])))
    segment.path.unlink(missing_ok=True)
    sync_folder(segment.path.parent)
    return aside


def _finish(segment: Segment) -> None:
    """Call a segment whole, without the half of an entry at its end."""
    data = segment.path.read_bytes()
    end = max((frame.end for frame in read_frames(data)), default=0)
    if _set_aside(segment, data[end:]) is not None:
        os.truncate(segment.path, end)
    if end:
        segment.path.replace(segment.path.with_suffix(WHOLE))
    else:
        segment.path.unlink()
    sync_folder(segment.path.parent)


def _set_aside(segment: Segment, rest: bytes) -> Path | None:
    """Keep bytes that are no entry; None where there are none."""
    if not rest:
        return None
    path = segment.path.with_suffix(TORN)
    with path.open("ab") as stream:
        stream.write(rest)
    path.chmod(0o600)
    return path


def _numbered(folder: Path) -> list[Segment]:
    found = (path for path in folder.iterdir() if path.stem.isdigit())
    return sorted(
        (Segment(path=path, number=int(path.stem), whole=path.suffix == WHOLE) for path in found),
        key=lambda one: one.number,
    )


def _write_all(file: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(file, view) :]
