"""`.selftune/brake.json`: while it lies there no work goes on. Read without config, store or key.

Whatever lies under that name counts, also what can't be read: unsure means no. Each stop keeps who said it, when, and
why, until it is on record and lifted there.
"""

from __future__ import annotations

import json
import os
import secrets
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Final

from selftune.errors import DamagedFileError, LockedError
from selftune.failpoints import reach
from selftune.platforms import sync_folder
from selftune.release.publish import publish_bytes

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from pathlib import Path

BRAKE: Final = "brake.json"
DAMAGED: Final = "brake.damaged"
WAY_OUT: Final = 'Say why it may go on: selftune lift stop --because "..."'
_LOCK: Final = "brake.lock"
_STOP_WAITS: Final = 0.5
_LIFT_WAITS: Final = 10.0
_SALT_BYTES: Final = 16
_VERSION: Final = 1


@dataclass(frozen=True, kw_only=True)
class Stop:
    """One person's word that everything is to stop.

    Attributes:
        salt: Becomes the salt of its statement, so that it is put on record once, whatever is cut off.
        said_at: UTC, ISO 8601, by the clock of who said it.
        author_is_model: Whether no person said it.
    """

    salt: str
    author: str
    text: str
    said_at: str
    author_is_model: bool = False


@dataclass(frozen=True, kw_only=True)
class _Content:
    """What stands in the file."""

    version: int
    stops: tuple[Stop, ...]


def new_stop(author: str, text: str, said_at: str, *, author_is_model: bool = False) -> Stop:
    """A stop that is not in force yet."""
    salt = secrets.token_hex(_SALT_BYTES)
    return _sayable(Stop(salt=salt, author=author, text=text, said_at=said_at, author_is_model=author_is_model))


def is_braked(hidden: Path) -> bool:
    """Whether the brake of the project with this hidden folder is on; also where that can't be told."""
    try:
        os.lstat(hidden / BRAKE)
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        return True
    return True


class Braked:
    """A wish to stop for `interrupts.stopped_by`: true from when the brake was seen to be on."""

    def __init__(self, hidden: Path) -> None:
        self._hidden = hidden
        self._seen = False

    def __call__(self) -> bool:
        """Whether the brake is on, or was."""
        self._seen = self._seen or is_braked(self._hidden)
        return self._seen


def read_stops(hidden: Path) -> tuple[Stop, ...]:
    """The stops in force by the file, oldest first; none where it is not there.

    Raises:
        DamagedFileError: it can't be read, or names no stop; the brake is on all the same.
    """
    import msgspec

    try:
        content = msgspec.convert(json.loads((hidden / BRAKE).read_bytes()), type=_Content)
    except (FileNotFoundError, NotADirectoryError):
        return ()
    except (OSError, ValueError, RecursionError, msgspec.ValidationError) as error:
        raise _damaged(type(error).__name__) from error
    if content.version != _VERSION or not content.stops:
        raise _damaged("it names no stop")
    return tuple(map(_sayable, content.stops))


def put_on(hidden: Path, stop: Stop) -> bool:
    """Stop all work here, beside what stopped it before; returns whether the words of the stop could be kept.

    A full disk has no room for words, and still room for an empty file, which stops as well.

    Raises:
        OSError: not even that can be written.
    """
    reach("before-brake")
    with _alone(hidden, _STOP_WAITS, must=False):
        try:
            _write(hidden, (*_earlier(hidden), stop))
        except OSError:
            if not is_braked(hidden):
                (hidden / BRAKE).touch()
            return False
    reach("brake-on")
    return True


def take_off(hidden: Path, lifted: Collection[str]) -> bool:
    """Take the stops with these salts out of the file, which goes with its last one; returns whether it is gone.

    Raises:
        LockedError: somebody else is writing it.
        DamagedFileError: it can't be read.
    """
    with _alone(hidden, _LIFT_WAITS, must=True):
        stops = read_stops(hidden)
        left = tuple(stop for stop in stops if stop.salt not in lifted)
        if left == stops:
            return not stops
        reach("before-brake-off")
        if left:
            _write(hidden, left)
        else:
            (hidden / BRAKE).unlink()
            sync_folder(hidden)
    reach("brake-off")
    return not left


def mend(hidden: Path, stop: Stop) -> None:
    """Put a stop in the place of a file that can't be read; what lay there stays beside it, and nothing is lifted.

    Raises:
        LockedError: somebody else is writing it.
        OSError: it can't be put aside.
    """
    with _alone(hidden, _LIFT_WAITS, must=True):
        with suppress(DamagedFileError):
            if read_stops(hidden):
                return
        _keep_damaged(hidden)
        _write(hidden, (stop,))


def _earlier(hidden: Path) -> tuple[Stop, ...]:
    try:
        return read_stops(hidden)
    except DamagedFileError:
        _keep_damaged(hidden)
        return ()


def _keep_damaged(hidden: Path) -> None:
    """Keep what can't be read beside the brake, which is on without a gap."""
    path = hidden / BRAKE
    if path.is_dir() and not path.is_symlink():
        # The name is free for a moment: a file can't take the place of a folder in one step.
        path.rename(hidden / f"{DAMAGED}-{secrets.token_hex(4)}")
        return
    with suppress(FileNotFoundError):
        publish_bytes(hidden / f"{DAMAGED}-{secrets.token_hex(4)}", path.read_bytes())


def _write(hidden: Path, stops: tuple[Stop, ...]) -> None:
    content = {"version": _VERSION, "stops": [asdict(stop) for stop in stops]}
    publish_bytes(hidden / BRAKE, json.dumps(content, indent=1).encode())


@contextmanager
def _alone(hidden: Path, seconds: float, *, must: bool) -> Iterator[None]:
    """Keep other writers off. Who stops waits only a moment for them: its words may be lost so, its stop never."""
    from filelock import FileLock, Timeout

    lock = FileLock(hidden / _LOCK)
    held = False
    try:
        lock.acquire(timeout=seconds)
        held = True
    except (Timeout, OSError) as error:
        if must:
            raise LockedError(
                "somebody else is just writing the brake.", next_step="Run the same command again."
            ) from error
    try:
        yield
    finally:
        if held:
            lock.release()


def _damaged(why: str) -> DamagedFileError:
    return DamagedFileError(f".selftune/{BRAKE} can't be read ({why}); all work here is stopped.", next_step=WAY_OUT)


def _sayable(stop: Stop) -> Stop:
    """The stop with words that can be put on record: no stop fails for its words, so odd ones are kept as bytes."""
    text, author = (
        words.encode("utf-8", "backslashreplace").decode() if words.strip() else instead
        for words, instead in ((stop.text, "no reason was given"), (stop.author, "unknown"))
    )
    return replace(stop, text=text, author=author)
