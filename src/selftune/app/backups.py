"""`selftune backup`: a whole project as one file, while it works, with a digest of everything in it.

The file is a plain tar archive, its last member a manifest. First what becomes records is copied (captures, drafts,
dialogues that are not over), then the ledger's mirror, then the records, then the rest. So what becomes a record
meanwhile is in it, the records hold all that the mirror names, and the blobs are there that the records name. Records
that a server keeps come as a file, too. The archive holds people's words: it is as private as the project.
"""

from __future__ import annotations

import errno
import hashlib
import io
import os
import re
import shutil
import tarfile
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final

from selftune import __version__
from selftune.app.dashboard.sessions import FOLDER as DASHBOARD
from selftune.app.gateway.capture.spool import FOLDER as SPOOL
from selftune.app.gateway.capture.spool import OPEN, WHOLE
from selftune.app.gateway.keys import FOLDER as GATEWAY
from selftune.app.gateway.looking import NOTE as GATEWAY_NOTE
from selftune.context import Progress
from selftune.errors import BudgetError, UsageError
from selftune.loop.config import load_config
from selftune.loop.databases import store_database
from selftune.loop.opened import DRAFTS, HIDDEN, utc_now
from selftune.platforms import sync_folder
from selftune.records import canonical_json, digest_file
from selftune.release.note import NOTE as SERVING_NOTE
from selftune.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

FORMAT: Final = 1
_MOST_A_SECOND: Final = 100
ENDING: Final = ".selftune.tar"
MANIFEST: Final = "manifest.json"
ROOT: Final = "project"
KEYS: Final = "keys"
# What the next command makes again, or what tells of processes of now alone.
_NOT_KEPT: Final = frozenset({"index", "notes", "logs", "work", "staging", "ledger"})
DOORS: Final = (f"{HIDDEN}/{DASHBOARD}/", f"{HIDDEN}/{GATEWAY}/{GATEWAY_NOTE}", f"{HIDDEN}/{SERVING_NOTE}")
"""Where the processes of now answer and whom they let in: of use to nobody later, but to who should not come in."""
# It leaves these folders once it is a record; it is copied before the records are, and looked at once.
_DIALOGUES: Final = f"{HIDDEN}/personas/"
_WAITING: Final = (f"{HIDDEN}/{GATEWAY}/{SPOOL}/", f"{HIDDEN}/{DRAFTS}/", _DIALOGUES)
_PRIVATE: Final = 0o600
_NOT_A_NAME: Final = re.compile(r"[^A-Za-z0-9._-]+")


@dataclass(frozen=True, kw_only=True)
class FileSeal:
    """Size and SHA-256, in hex, of one file of a backup."""

    bytes: int
    sha256: str


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """What a backup says of itself.

    Attributes:
        kept_in: Where the records were kept when it was made.
        entries: The ledger's last place in it, `last_hash` that entry's hash.
        files: Every file, by its place in the project's folder.
        left_out: What was there and is not in it, with the reason.
    """

    format: int
    selftune: str
    made_at: str
    project: str
    kept_in: str
    with_keys: bool
    entries: int
    last_hash: str
    files: dict[str, FileSeal]
    left_out: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class BackedUp:
    """A backup that was written."""

    path: str
    bytes: int
    sha256: str
    files: int
    entries: int
    with_keys: bool
    left_out: tuple[str, ...]


def back_up(
    folder: Path, target: Path, *, with_keys: bool = False, told: Callable[[Progress], None] = lambda _: None
) -> BackedUp:
    """Write a project into a new file, or into a file of a fresh name in a folder; `told` hears of bytes.

    Raises:
        UsageError: the file is there already, or would lie in the project itself; or a folder of ours is a link.
        BudgetError: there is no room for it; nothing is left of it then.
        DatabaseAwayError: the database that keeps the records does not answer.
    """
    config, at = load_config(folder), utc_now()
    path = _place(folder, target, config.project.name, at)
    _refuse_linked(folder)
    database = store_database(config)
    with Store.open(folder, database=database) as store, _published(path) as stream:
        kept = _Kept(stream, told=told, total=_bytes_ahead(folder))
        with tempfile.TemporaryDirectory(dir=path.parent, prefix=".selftune-backup-") as scratch:
            waiting = _copy_waiting(folder, Path(scratch) / "waiting")
            entries, last_hash = _keep_store(store, Path(scratch), kept)
            for name, copy in waiting.items():
                kept.add(copy, name)
        _keep_files(folder, kept, with_keys=with_keys)
        manifest = Manifest(
            format=FORMAT,
            selftune=__version__,
            made_at=at,
            project=config.project.name,
            kept_in="file" if database is None else database.shown,
            with_keys=with_keys,
            entries=entries,
            last_hash=last_hash,
            files=kept.files,
            left_out=tuple(kept.left_out),
        )
        kept.end(manifest)
    return BackedUp(
        path=str(path),
        bytes=path.stat().st_size,
        sha256=digest_file(path).removeprefix("sha256:"),
        files=len(manifest.files),
        entries=manifest.entries,
        with_keys=with_keys,
        left_out=manifest.left_out,
    )


def _place(folder: Path, target: Path, name: str, at: str) -> Path:
    """The file to write.

    Raises:
        UsageError: it is there, or lies in the project.
    """
    if target.is_dir():
        stamp = at.replace(":", "").replace("+0000", "Z")
        stem = f"{_NOT_A_NAME.sub('-', name) or 'project'}-{stamp}"
        # Two within a second are two backups.
        tries = (stem, *(f"{stem}-{number}" for number in range(2, _MOST_A_SECOND)))
        target /= next((one for one in tries if not (target / f"{one}{ENDING}").exists()), stem) + ENDING
    path = target.resolve()
    if folder.resolve() in path.parents:
        raise UsageError(
            f"{path} lies in the project that it would keep twice.", next_step="Name a place on another disk."
        )
    _refuse_there(path)
    if not path.parent.is_dir():
        raise UsageError(f"{path.parent} is no folder.", next_step="Make it first.")
    return path


def _refuse_there(path: Path) -> None:
    if path.exists():
        raise UsageError(f"{path} is there already.", next_step="Name a new file, or a folder.")


def _refuse_linked(folder: Path) -> None:
    """See that no folder that would be kept is a link: what it leads to would be left out.

    Raises:
        UsageError: one is.
    """
    linked = (path for path in (folder / HIDDEN, *_folders(folder / HIDDEN)) if path.is_symlink())
    for path in linked:
        raise UsageError(
            f"{path} is a link, and links are not followed: what lies there would not be in the backup.",
            next_step=f"Put the folder itself in its place, from {path.readlink()}, then back up again.",
        )


def _folders(hidden: Path) -> Iterator[Path]:
    for parent, folders, _ in os.walk(hidden):
        if Path(parent) == hidden:
            folders[:] = [name for name in folders if name not in _NOT_KEPT]
        yield from (Path(parent) / name for name in folders)


def _copy_waiting(folder: Path, scratch: Path) -> dict[str, Path]:
    """Copies of what becomes records, by name; what goes while it is looked for is a record, or has another name."""
    scratch.mkdir()
    copied: dict[str, Path] = {}
    again = True
    while again:
        again = False
        for name, path in _files(folder):
            if not name.startswith(_WAITING) or name in copied or _is_passed_over(name) or not _is_plain(path):
                continue
            copy = scratch / str(len(copied))
            try:
                _copy_database(path, copy) if name.startswith(_DIALOGUES) else shutil.copyfile(path, copy)
            except FileNotFoundError:
                again = True
            else:
                copied[name] = copy
    # A segment that was closed between two looks is there under both names; the later copy holds all of it.
    return {
        name: copy
        for name, copy in copied.items()
        if not (name.endswith(OPEN) and name.removesuffix(OPEN) + WHOLE in copied)
    }


def _keep_store(store: Store, scratch: Path, kept: _Kept) -> tuple[int, str]:
    """Mirror and records; the ledger's last place and hash in them."""
    store.copy_mirror(scratch / "ledger")
    store.copy_to_file(scratch / "store.db")
    for path in sorted((scratch / "ledger").rglob("*")):
        if path.is_file():
            kept.add(path, f"{HIDDEN}/{path.relative_to(scratch).as_posix()}")
    kept.add(scratch / "store.db", f"{HIDDEN}/store.db")
    return read_end(scratch / "store.db")


def read_end(path: Path) -> tuple[int, str]:
    """The ledger's last place and hash by a file of records; 0 and nothing for an empty ledger."""
    from selftune.store.dialect import sqlite_module

    connection = sqlite_module().connect(path)
    try:
        row = connection.execute("SELECT size, last_hash FROM ledger_tree").fetchone()
    finally:
        connection.close()
    return (0, "") if row is None else (int(row[0]), str(row[1]))


def _keep_files(folder: Path, kept: _Kept, *, with_keys: bool) -> None:
    """The rest, sorted by name; what goes meanwhile is said to have gone."""
    for name, path in _files(folder):
        if _is_passed_over(name):
            continue
        if name.startswith(f"{HIDDEN}/{KEYS}/") and not with_keys:
            kept.left_out.append(f"{name}: a key, and keys were not asked for")
        elif not _is_plain(path):
            kept.left_out.append(f"{name}: no plain file")
        elif not name.startswith(_WAITING):
            try:
                kept.add(path, name)
            except FileNotFoundError:
                kept.left_out.append(f"{name}: it went while the backup was made")


def _is_passed_over(name: str) -> bool:
    """Whether a file tells of now alone, is made again, or comes with the copy of another one."""
    parts = name.split("/")
    if parts[0] != HIDDEN:
        return False
    if parts[1] in _NOT_KEPT or parts[1].startswith("store.") or name.endswith(".lock") or name.startswith(DOORS):
        return True
    return parts[1:3] == ["blobs", "incoming"] or (name.startswith(_DIALOGUES) and not name.endswith(".db"))


def _is_plain(path: Path) -> bool:
    return not path.is_symlink() and path.is_file()


def _files(folder: Path) -> Iterator[tuple[str, Path]]:
    for parent, folders, names in os.walk(folder):
        here = Path(parent)
        folders[:] = sorted(name for name in folders if here != folder or name != ".git")
        linked = [name for name in folders if (here / name).is_symlink()]
        for name in sorted([*names, *linked]):
            yield (here / name).relative_to(folder).as_posix(), here / name


def _copy_database(path: Path, copy: Path) -> None:
    """A file of dialogues that are not over, as it stands between two turns."""
    import sqlite3

    connection = sqlite3.connect(path)
    try:
        connection.execute("VACUUM INTO ?", (str(copy),))
    finally:
        connection.close()


def _bytes_ahead(folder: Path) -> int:
    """About how much will be kept: the records come as a copy of their file."""
    records = folder / HIDDEN / "store.db"
    kept = [path for name, path in _files(folder) if not _is_passed_over(name) and _is_plain(path)]
    return sum(path.stat().st_size for path in (*kept, records) if path.is_file())


@dataclass
class _Kept:
    """The archive while it is written; `told` hears how much of about `total` bytes is in it."""

    stream: IO[bytes]
    told: Callable[[Progress], None]
    total: int
    files: dict[str, FileSeal] = field(default_factory=dict)
    left_out: list[str] = field(default_factory=list)
    _done: int = 0

    def __post_init__(self) -> None:
        self._archive = tarfile.open(fileobj=self.stream, mode="w:", format=tarfile.PAX_FORMAT)  # noqa: SIM115 - `end` does

    def add(self, path: Path, name: str) -> None:
        """Put a file in, as long as it is now: what somebody adds to it meanwhile is not in it."""
        with path.open("rb") as content:
            size = os.fstat(content.fileno()).st_size
            read = _Hashed(content, self._hear)
            self._archive.addfile(_entry(f"{ROOT}/{name}", size), read)
            if os.fstat(content.fileno()).st_size < size:
                raise UsageError(f"{path} was cut while it was copied.", next_step="Say it again.")
        self.files[name] = FileSeal(bytes=size, sha256=read.digest.hexdigest())

    def _hear(self, count: int) -> None:
        self._done += count
        self.told(Progress(done=self._done, total=max(self.total, self._done)))

    def end(self, manifest: Manifest) -> None:
        """Put the manifest behind everything."""
        text = canonical_json(manifest).encode()
        self._archive.addfile(_entry(MANIFEST, len(text)), io.BytesIO(text))
        self._archive.close()


class _Hashed:
    """A file whose bytes are counted into a digest as they are read; `heard` is told how many came."""

    def __init__(self, content: IO[bytes], heard: Callable[[int], None]) -> None:
        self._content = content
        self._heard = heard
        self.digest = hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        """The next bytes."""
        data = self._content.read(size)
        self.digest.update(data)
        self._heard(len(data))
        return data


def _entry(name: str, size: int) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = size, _PRIVATE
    return entry


@contextmanager
def _published(path: Path) -> Iterator[IO[bytes]]:
    """A file that appears whole under its name or not at all, readable for its owner alone.

    Raises:
        UsageError: somebody else's has the name by now.
    """
    # A name that nobody can have taken: another backup to the same place would write into one file with this one.
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
    part = Path(name)
    try:
        with os.fdopen(handle, "wb") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        _refuse_there(path)
        part.replace(path)
        sync_folder(path.parent)
    except OSError as error:
        if error.errno not in {errno.ENOSPC, errno.EDQUOT}:
            raise
        raise BudgetError(
            f"there is no room for {path}.", next_step="Free some disk space, or name another disk."
        ) from error
    finally:
        part.unlink(missing_ok=True)
