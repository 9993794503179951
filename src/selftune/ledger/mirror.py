"""The ledger as files: entries appended and fsynced, a torn tail dropped, checkpoints beside them.

The truth is in the store; the mirror is what a stranger can check. Whoever writes holds `locked()`.
"""

from __future__ import annotations

import json
import os
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Final

from selftune.errors import DamagedFileError
from selftune.failpoints import reach
from selftune.ledger.verify import CHECKPOINTS, DOMAIN, NO_HASH, WITNESSES, canonical, entry_hash, file_of, message_of
from selftune.platforms import sync_folder

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from selftune.ledger.entries import Entry
    from selftune.ledger.keys import MachineKey

_WINDOW_BYTES: Final = 1 << 16


@dataclass(frozen=True, kw_only=True)
class Tail:
    """The last entry in the files: its place in the ledger and its hash; 0 and zeros for none."""

    seq: int = 0
    hash: str = NO_HASH


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """A signed tree head: the root over the first `size` entries, at a time, by a key; `number` counts from 1."""

    number: int
    size: int
    root: str
    at: str
    key: str
    signature: str

    @property
    def line(self) -> bytes:
        """The line as it stands in the mirror, without the line feed."""
        return canonical(asdict(self))


class Mirror:
    """The files of one ledger folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._known: tuple[Path, int, Tail] | None = None

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the folder against other writers, of this process too."""
        from filelock import FileLock

        self.folder.mkdir(parents=True, exist_ok=True)
        with FileLock(self.folder / ".lock", thread_local=False):
            yield

    def tail(self) -> Tail:
        """The last whole entry; a line that a crash left torn behind it is removed, of the checkpoints too.

        Raises:
            DamagedFileError: the last line is whole but altered.
        """
        if self._known is not None and _is_last(self._known[0]) and self._known[0].stat().st_size == self._known[1]:
            return self._known[2]
        for name in (CHECKPOINTS, WITNESSES):
            if (self.folder / name).exists():
                _last_line(self.folder / name)
        for path in sorted(self.folder.glob("[0-9]*.jsonl"), reverse=True):
            line = _last_line(path)
            if line is not None:
                tail = _read_tail(path, line)
                self._known = (path, path.stat().st_size, tail)
                return tail
        return Tail()

    def append(self, entries: Iterable[Entry]) -> None:
        """Write entries behind the last one, in order; on the disk when this returns."""
        for name, group in groupby(entries, key=lambda entry: file_of(entry.seq)[0]):
            path, written = self.folder / name, list(group)
            fresh = not path.exists()
            with path.open("ab") as stream:
                stream.writelines(entry.line + b"\n" for entry in written)
                stream.flush()
                os.fsync(stream.fileno())
                size = stream.tell()
            if fresh:
                sync_folder(self.folder)
            self._known = (path, size, Tail(seq=written[-1].seq, hash=written[-1].hash))

    def add_checkpoint(self, *, size: int, root: str, at: str, key: MachineKey) -> Checkpoint:
        """Sign a tree head and keep it behind the others; on the disk when this returns."""
        path = self.folder / CHECKPOINTS
        last = _last_line(path) if path.exists() else None
        number = 1 if last is None else _count(path, last, "number") + 1
        fields = {"at": at, "key": key.public, "number": number, "root": root, "size": size}
        signature = key.sign(message_of(DOMAIN, fields))
        reach("checkpoint-signed")
        made = Checkpoint(number=number, size=size, root=root, at=at, key=key.public, signature=signature)
        self._add_line(path, made.line)
        return made

    def add_witness(self, line: bytes) -> None:
        """Keep what a witness has co-signed behind the others; on the disk when this returns."""
        path = self.folder / WITNESSES
        if path.exists():
            _last_line(path)
        reach("witness-kept")
        self._add_line(path, line)

    def _add_line(self, path: Path, line: bytes) -> None:
        fresh = not path.exists()
        with path.open("ab") as stream:
            stream.write(line + b"\n")
            stream.flush()
            os.fsync(stream.fileno())
        if fresh:
            sync_folder(self.folder)


def _is_last(path: Path) -> bool:
    """Whether no later file has been begun."""
    return path.exists() and not path.with_name(f"{int(path.stem) + 1:08d}.jsonl").exists()


def _last_line(path: Path) -> bytes | None:
    """The last whole line, without its line feed; what a crash left behind it is cut off. None if there is none."""
    with path.open("r+b") as stream:
        size = end = stream.seek(0, os.SEEK_END)
        window = b""
        while window.count(b"\n") < 2 and end > 0:  # noqa: PLR2004 - the feed before the last line and the one after it
            start = max(0, end - _WINDOW_BYTES)
            stream.seek(start)
            window = stream.read(end - start) + window
            end = start
        whole = window.rfind(b"\n") + 1
        if end + whole < size:
            stream.truncate(end + whole)
            os.fsync(stream.fileno())
        return window[:whole].split(b"\n")[-2] if whole else None


def _read_tail(path: Path, line: bytes) -> Tail:
    entry = _parse(path, line)
    if entry_hash(line, entry.get("hash")) != entry.get("hash"):
        raise _damaged(path)
    return Tail(seq=_count(path, line, "seq"), hash=str(entry["hash"]))


def _count(path: Path, line: bytes, name: str) -> int:
    value = _parse(path, line).get(name)
    if not isinstance(value, int):
        raise _damaged(path)
    return value


def _parse(path: Path, line: bytes) -> dict[str, object]:
    try:
        value = json.loads(line)
    except ValueError as error:
        raise _damaged(path) from error
    if not isinstance(value, dict):
        raise _damaged(path)
    return value


def _damaged(path: Path) -> DamagedFileError:
    return DamagedFileError(
        f"the last line of {path} was altered.",
        next_step="Move the file away: the next start writes its entries again from the store; keep it as evidence.",
    )
