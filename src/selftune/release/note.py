"""`.selftune/serving.json`: what a running keeper says about itself, and whether to believe it."""

from __future__ import annotations

import errno
import json
import os
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from selftune.errors import DamagedFileError
from selftune.records import ServingProof, canonical_json
from selftune.release.publish import publish_bytes

if TYPE_CHECKING:
    from pathlib import Path

    from psutil import Process

NOTE: Final = "serving.json"
_IDLE: Final = "serving.idle"
# Kernels count a process's start in ticks of 10 ms; two readings of one process differ by less than this.
_SAME_START_SECONDS: Final = 1.0
# A note is filled up with blanks to so many bytes: whatever the next one says, it has room where this one lies.
_ROOM_BYTES: Final = 4096
_NO_ROOM: Final = frozenset({errno.ENOSPC, errno.EDQUOT})


@dataclass(frozen=True, kw_only=True)
class Note:
    """The keeper's own word; only its owner may read it, because of the token.

    Attributes:
        start_time: When the process began, as the system counts it: a reused pid has another.
        address: Public OpenAI-compatible base URL.
        version: The release that answers; None while there is none.
        problem: Why the active release does not serve, when an earlier one does instead.
        token: Lets a program of the same user change what serves.
        resting: Why nothing serves, where somebody asked for that; None otherwise.
        place: Number of the keeper's folder in its file system, which a copy of the folder does not share and a moved
            one keeps; 0 in the note of an older keeper.
    """

    pid: int
    start_time: float
    port: int
    address: str
    token: str
    started_at: str
    name: str | None = None
    version: str | None = None
    build_digest: str | None = None
    proof: ServingProof | None = None
    problem: str | None = None
    resting: str | None = None
    place: int = 0


def place_of(hidden: Path) -> int:
    """The number that tells a folder from its copies."""
    return hidden.stat().st_ino


def is_copied(note: Note, hidden: Path) -> bool:
    """Whether the note came along when the folder of another project was copied: its keeper serves that one."""
    return note.place != 0 and note.place != place_of(hidden)


def write_note(note: Note, hidden: Path) -> None:
    """Publish the note, readable by its owner alone; on a full disk, in the place of the last one.

    Raises:
        OSError: there is no room for it, and none in whose place it could be written.
    """
    path, data = hidden / NOTE, canonical_json(note).encode().ljust(_ROOM_BYTES)
    try:
        publish_bytes(path, data, mode=0o600)
    except OSError as error:
        if error.errno not in _NO_ROOM or not path.exists():
            raise
        _write_over(path, data)


def _write_over(path: Path, data: bytes) -> None:
    """Write a file's bytes anew where they lie, in one call: a reader of a page sees the old ones or these."""
    handle = os.open(path, os.O_WRONLY)
    try:
        if os.write(handle, data) < len(data):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
        os.fsync(handle)
    finally:
        os.close(handle)


def read_note(hidden: Path) -> Note | None:
    """The note as it lies there, whether or not its keeper still lives; None without one.

    Raises:
        DamagedFileError: it can't be read.
    """
    import msgspec

    path = hidden / NOTE
    try:
        return msgspec.convert(json.loads(path.read_bytes()), type=Note, strict=False)
    except FileNotFoundError:
        return None
    except (ValueError, msgspec.ValidationError) as error:
        raise DamagedFileError(f"{path} can't be read: {error}.", next_step=f"Delete {path}.") from error


def remove_note(hidden: Path) -> None:
    """Take the note away; it may be gone already."""
    (hidden / NOTE).unlink(missing_ok=True)


def note_idle(hidden: Path) -> None:
    """Say that the keeper ends because nobody asked, and not because somebody stopped it."""
    with suppress(OSError):  # without room nobody wakes it: a person still can
        (hidden / _IDLE).touch()


def ended_idle(hidden: Path) -> bool:
    """Whether the last keeper ended because nobody asked: whoever is asked next may start it again."""
    return (hidden / _IDLE).exists()


def forget_idle(hidden: Path) -> None:
    """A keeper is started or stopped by somebody's word: from here on that counts."""
    (hidden / _IDLE).unlink(missing_ok=True)


def keeper_process(note: Note) -> Process | None:
    """The living process that wrote the note; None when it is gone or its pid is another's by now."""
    import psutil

    try:
        process = psutil.Process(note.pid)
        same = abs(process.create_time() - note.start_time) < _SAME_START_SECONDS
        return process if same and process.status() != psutil.STATUS_ZOMBIE else None
    except psutil.NoSuchProcess:
        return None
