"""Keys of clients: `.selftune/gateway/keys.json` holds their digests alone, so that reading it opens nothing.

A key is 256 random bits, so a plain digest of it can't be guessed back.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
import time
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from selftune.errors import ConfigError, DamagedFileError, UnknownNameError
from selftune.interactions.privacy.consent import ConsentLevel  # noqa: TC001 - the file is read by these types
from selftune.records import canonical_json
from selftune.release.publish import publish_bytes

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FOLDER: Final = "gateway"
FILE: Final = "keys.json"
PREFIX: Final = "st-"
DEFAULT: Final = "default"
_LOOK_SECONDS: Final = 0.5
_LOCK_SECONDS: Final = 10.0


class Scope(StrEnum):
    """What a key opens: asking models, saying what their answers were worth, reading what the gateway counts."""

    CHAT = "chat"
    FEEDBACK = "feedback"
    READ = "read"


@dataclass(frozen=True, kw_only=True)
class Key:
    """What is kept of a key; not the key.

    Attributes:
        id: Names it in the log and in commands.
        digest: SHA-256 of the key, in hex.
        consent: How far one may go with what it asks; None where the project's own word counts.
        requests_per_minute: How often it may ask; None where the config's own word counts, 0 for as often as it likes.
        revoked_at: Since when it opens nothing.
    """

    id: str
    name: str
    digest: str
    scopes: tuple[Scope, ...]
    consent: ConsentLevel | None
    requests_per_minute: int | None
    made_at: str
    revoked_at: str | None = None


class KeyRing:
    """The keys of a project as a server sees them; a change on disk is in force within half a second.

    `own` are keys that live as long as the server, and stand in no file of keys.
    """

    def __init__(self, hidden: Path, *, own: tuple[Key, ...] = ()) -> None:
        self._own = own
        self._path = hidden / FOLDER / FILE
        self._keys: tuple[Key, ...] = ()
        self._seen: tuple[int, int] | None = None
        self._looked = -_LOOK_SECONDS

    def find(self, shown: str) -> Key | None:
        """The key that was shown, a revoked one too; None where nobody knows it.

        Raises:
            DamagedFileError: the file of keys can't be read.
        """
        self._refresh()
        digest = digest_of_key(shown)
        found = self._match(digest)
        if found is None:
            # It may have been made just now.
            self._looked = -_LOOK_SECONDS
            self._refresh()
            found = self._match(digest)
        return found

    def _match(self, digest: str) -> Key | None:
        found = None
        # All are compared, whichever it is: how long it takes tells nobody how near a guess came.
        for key in (*self._own, *self._keys):
            if hmac.compare_digest(key.digest, digest):
                found = key
        return found

    def _refresh(self) -> None:
        now = time.monotonic()
        if now - self._looked < _LOOK_SECONDS:
            return
        self._looked = now
        try:
            state = self._path.stat()
        except FileNotFoundError:
            self._keys, self._seen = (), None
            return
        if (state.st_mtime_ns, state.st_ino) != self._seen:
            self._keys = _read(self._path)
            self._seen = state.st_mtime_ns, state.st_ino


def digest_of_key(secret: str) -> str:
    """What is kept of a key."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def read_keys(hidden: Path) -> tuple[Key, ...]:
    """Every key that was ever made here, the oldest first.

    Raises:
        DamagedFileError: the file can't be read.
    """
    path = hidden / FOLDER / FILE
    return _read(path) if path.exists() else ()


def make_key(
    hidden: Path,
    name: str,
    *,
    scopes: tuple[Scope, ...] = tuple(Scope),
    consent: ConsentLevel | None = None,
    requests_per_minute: int | None = None,
) -> tuple[Key, str]:
    """A new key, and what is to be shown once and is kept nowhere.

    Raises:
        ConfigError: a key that is in force has this name, it opens nothing, or its number is negative.
        DamagedFileError: the file can't be read.
    """
    if not scopes:
        raise ConfigError("a key without a scope opens nothing.", next_step=f"Name one of: {', '.join(Scope)}.")
    if requests_per_minute is not None and requests_per_minute < 0:
        raise ConfigError("a key can't ask less often than never.", next_step="Give 0 for as often as it likes.")
    drawn, secret = passing_key(name, scopes)
    key = replace(drawn, consent=consent, requests_per_minute=requests_per_minute)
    with _changing(hidden) as path:
        keys = read_keys(hidden)
        if any(one.name == name and one.revoked_at is None for one in keys):
            raise ConfigError(
                f"there is a key {name!r} already.", next_step="Choose another name, or revoke that one first."
            )
        _write(path, (*keys, key))
    return key, secret


def passing_key(name: str, scopes: tuple[Scope, ...]) -> tuple[Key, str]:
    """A key that is in no file, and what is to be shown."""
    secret = PREFIX + secrets.token_urlsafe(32)
    key = Key(
        id=f"k-{secrets.token_hex(4)}",
        name=name,
        digest=digest_of_key(secret),
        scopes=scopes,
        consent=None,
        requests_per_minute=None,
        made_at=_now(),
    )
    return key, secret


def revoke_key(hidden: Path, named: str) -> Key:
    """Have a key open nothing from now on; by its id or its name.

    Raises:
        UnknownNameError: no key in force is called so.
        DamagedFileError: the file can't be read.
    """
    with _changing(hidden) as path:
        keys = read_keys(hidden)
        found = next((key for key in keys if named in {key.id, key.name} and key.revoked_at is None), None)
        if found is None:
            raise UnknownNameError("key", named, [key.name for key in keys if key.revoked_at is None])
        revoked = replace(found, revoked_at=_now())
        _write(path, tuple(revoked if key is found else key for key in keys))
    return revoked


@contextmanager
def _changing(hidden: Path) -> Iterator[Path]:
    import filelock

    folder = hidden / FOLDER
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    with filelock.FileLock(folder / "keys.lock", timeout=_LOCK_SECONDS):
        yield folder / FILE


def _write(path: Path, keys: tuple[Key, ...]) -> None:
    publish_bytes(path, canonical_json({"keys": keys}).encode(), mode=0o600)


def _read(path: Path) -> tuple[Key, ...]:
    import msgspec

    try:
        return msgspec.convert(json.loads(path.read_bytes())["keys"], type=tuple[Key, ...], strict=False)
    except (ValueError, KeyError, TypeError, msgspec.ValidationError) as error:
        raise DamagedFileError(
            f"{path} can't be read: {error}.", next_step="Move it away and make new keys: selftune gateway key add NAME"
        ) from error


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
