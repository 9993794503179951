"""`selftune restore`: a backup becomes a project again, once every byte of it was found to be what was kept.

Whatever stands in the archive is taken for something that anybody may have written. Only plain files are unpacked, into
a fresh folder beside the place where the project is to be; digests, records, ledger and blobs are compared there. Then
the folder gets its name, in one step. Nothing is ever put over what is there.
"""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import tarfile
import tempfile
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import IO, TYPE_CHECKING, Final

from selftune.app.backups import DOORS, FORMAT, MANIFEST, ROOT, FileSeal, Manifest, read_end
from selftune.context import Progress
from selftune.errors import BudgetError, DamagedFileError, IntegrityError, MissingFileError, UsageError
from selftune.loop.config import CONFIG_FILE, load_config
from selftune.loop.experiments.record_keeping.retention import MOVED_AWAY
from selftune.loop.opened import HIDDEN
from selftune.records import Build, Bundle, Record, Run
from selftune.release.config_edit import edit_section
from selftune.store import BlobStore, Store
from selftune.store.dialect import sqlite_module

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

_PIECE: Final = 1 << 20
# A name that is too long, or one that is a file and a folder, or there already: no fault of this machine's.
_NO_PLACE: Final = frozenset({errno.EEXIST, errno.ENOTDIR, errno.EISDIR, errno.ENAMETOOLONG, errno.EINVAL})
_MOST_FILES: Final = 2_000_000
_MOST_MANIFEST_BYTES: Final = 1 << 29
_BLOBS: Final = f"{HIDDEN}/blobs/sha256/"
_STORE: Final = f"{HIDDEN}/store.db"
_NAMING_BLOBS: Final = frozenset({Build.KIND, Run.KIND, Bundle.KIND})
_ELSEWHERE: Final = "Take another backup; this one was damaged, or somebody changed it."


@dataclass(frozen=True, kw_only=True)
class Restored:
    """A project that was put in place.

    Attributes:
        damaged: Records that were damaged when the backup was made already, by id.
        missing: Files of models and of signed documents that records name and that are not there, by name and digest.
        cut_loose: Settings that named a server, and do not any more.
    """

    folder: str
    made_at: str
    files: int
    entries: int
    with_keys: bool
    damaged: tuple[str, ...]
    missing: tuple[str, ...]
    cut_loose: tuple[str, ...]
    left_out: tuple[str, ...]


def restore(archive: Path, into: Path, told: Callable[[Progress], None] = lambda _: None) -> Restored:
    """Put the project of a backup into a new or empty folder; `told` hears of its bytes, then that they are checked.

    Raises:
        MissingFileError: there is no such file.
        UsageError: the folder holds something, or the file is no backup.
        DamagedFileError: the backup is cut off, or something in it is not what was kept.
        IntegrityError: its ledger does not hold together.
        BudgetError: there is no room.
    """
    if not archive.is_file():
        raise MissingFileError(f"there is no file {archive}.", next_step="Check the path.")
    _refuse_taken(into)
    with _beside(into) as staging:
        manifest = _unpack(archive, staging, told)
        told(Progress(done=0, total=None, note="checking"))
        damaged, missing = _check_project(staging, manifest)
        _drop_doors(staging)
        cut_loose = _cut_loose(staging)
        _refuse_taken(into)
        if into.exists():
            into.rmdir()
        staging.rename(into)
    return Restored(
        folder=str(into),
        made_at=manifest.made_at,
        files=len(manifest.files),
        entries=manifest.entries,
        with_keys=manifest.with_keys,
        damaged=damaged,
        missing=missing,
        cut_loose=cut_loose,
        left_out=manifest.left_out,
    )


def _refuse_taken(into: Path) -> None:
    if into.is_symlink() or (into.exists() and (not into.is_dir() or any(into.iterdir()))):
        raise UsageError(f"{into} holds something already.", next_step="Name a new or empty folder.")
    if into.resolve() == Path.cwd():
        raise UsageError(f"{into} is where you are, and a folder takes its place.", next_step="Name a new folder.")
    if not into.resolve().parent.is_dir():
        raise UsageError(f"{into.resolve().parent} is no folder.", next_step="Make it first.")


@contextmanager
def _beside(into: Path) -> Iterator[Path]:
    """A fresh folder on the same disk, gone again unless it was renamed."""
    folder = Path(tempfile.mkdtemp(dir=into.resolve().parent, prefix=f".{into.name}.restored-"))
    try:
        yield folder
    except OSError as error:
        if error.errno not in {errno.ENOSPC, errno.EDQUOT}:
            raise
        raise BudgetError("there is no room for what is in the backup.", next_step="Free some disk space.") from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _unpack(archive: Path, staging: Path, told: Callable[[Progress], None]) -> Manifest:
    """Every file of the archive, found to be what its manifest says."""
    found: dict[str, FileSeal] = {}
    last: bytes | None = None
    total = archive.stat().st_size
    try:
        with tarfile.open(archive, "r:") as opened:
            for member in opened:
                if last is not None:
                    raise _damaged("something stands behind its manifest")
                content = _content_of(opened, member)
                if member.name == MANIFEST:
                    last = content.read(_MOST_MANIFEST_BYTES)
                    continue
                name = _name_of(member)
                if name in found or len(found) == _MOST_FILES:
                    raise _damaged(f"{name!r} stands in it twice, or too much does")
                heard = partial(_tell_of, told, member.offset_data, total)
                found[name] = _write(content, staging / name, member.size, heard)
    except tarfile.ReadError as error:
        if not found and last is None:
            raise UsageError(
                f"{archive} is no backup of selftune.", next_step="Name a file that `selftune backup` wrote."
            ) from error
        raise _damaged(f"it is cut off ({error})") from error
    except (tarfile.TarError, ValueError, EOFError) as error:
        raise _damaged(str(error)) from error
    manifest = _read_manifest(last, archive, found)
    differs = sorted(
        name for name in found.keys() | manifest.files.keys() if found.get(name) != manifest.files.get(name)
    )
    if differs:
        raise _damaged(f"{differs[0]} is not what was kept, or not there ({len(differs)} such files)")
    return manifest


def _tell_of(told: Callable[[Progress], None], before: int, total: int, count: int) -> None:
    told(Progress(done=before + count, total=total))


def _content_of(opened: tarfile.TarFile, member: tarfile.TarInfo) -> IO[bytes]:
    content = opened.extractfile(member) if member.isreg() and not member.issparse() else None
    if content is None:
        raise _damaged(f"{member.name!r} is no plain file")
    return content


def _name_of(member: tarfile.TarInfo) -> str:
    """The file's place in the project's folder.

    Raises:
        DamagedFileError: it would lie elsewhere.
    """
    parts = PurePosixPath(member.name).parts
    odd = "\\" in member.name or "\0" in member.name or member.name.startswith("/") or Path(*parts[1:]).drive
    if odd or parts[:1] != (ROOT,) or len(parts) == 1 or ".." in parts or "/".join(parts) != member.name:
        raise _damaged(f"{member.name!r} would not lie in the project")
    return "/".join(parts[1:])


def _write(content: IO[bytes], path: Path, size: int, heard: Callable[[int], None]) -> FileSeal:
    digest, count = hashlib.sha256(), 0
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # Never over another one: where two names are one file to this system, the second is refused.
        opened = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    except OSError as error:
        if error.errno not in _NO_PLACE:
            raise
        raise _damaged(f"{path.name[:100]!r} has no place here ({error.strerror})") from error
    with os.fdopen(opened, "wb") as out:
        while piece := content.read(_PIECE):
            digest.update(piece)
            count += len(piece)
            out.write(piece)
            heard(count)
        out.flush()
        os.fsync(out.fileno())
    if count != size:
        raise _damaged("it is cut off")
    return FileSeal(bytes=count, sha256=digest.hexdigest())


def _read_manifest(text: bytes | None, archive: Path, found: dict[str, FileSeal]) -> Manifest:
    import msgspec

    if text is None and CONFIG_FILE not in found:
        raise UsageError(f"{archive} is no backup of selftune.", next_step="Name a file that `selftune backup` wrote.")
    if text is None:
        raise _damaged("it is cut off: its manifest is missing")
    try:
        manifest = msgspec.json.decode(text, type=Manifest)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise _damaged(f"its manifest can't be read ({error})") from error
    if manifest.format > FORMAT:
        raise IntegrityError(
            f"{archive} was written by selftune {manifest.selftune}, in a newer form ({manifest.format}).",
            next_step="Upgrade selftune, then restore it.",
        )
    return manifest


def _check_project(folder: Path, manifest: Manifest) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """See that records, ledger and blobs hold together; ids of records that were damaged before, and missing blobs.

    Raises:
        DamagedFileError: they do not.
        IntegrityError: the ledger does not verify, or the store is of a newer selftune.
        ConfigError: its config can't be read.
    """
    from selftune.ledger.verify import Damage, verify

    for name, seal in manifest.files.items():
        if name.startswith(_BLOBS) and "".join(name.removeprefix(_BLOBS).split("/")) != seal.sha256:
            raise _damaged(f"the blob {name} is not the one that its name says")
    if CONFIG_FILE not in manifest.files or _STORE not in manifest.files:
        raise _damaged("it holds no project")
    load_config(folder)
    _check_database(folder / _STORE)
    if read_end(folder / _STORE) != (manifest.entries, manifest.last_hash):
        raise _damaged("its ledger does not end as its manifest says")
    with Store.open(folder) as store:
        # Each entry is compared with its hash as it is read.
        kept = [one.record_id for one in store.history() if one.record_id and one.kind in _NAMING_BLOBS]
        damaged = tuple(store.damaged())
        missing = tuple(_missing(store, BlobStore(folder / HIDDEN / "blobs"), set(kept) - set(damaged)))
    try:
        verify(folder / HIDDEN / "ledger")
    except Damage as damage:
        raise IntegrityError(f"the ledger in the backup does not verify: {damage}", next_step=_ELSEWHERE) from damage
    return damaged, missing


def _missing(store: Store, blobs: BlobStore, kept: Collection[str]) -> Iterator[str]:
    """The files that these records name and that are not there, but for those that were moved away on purpose."""
    moved = {detail.get("run") for _, detail in store.noted(MOVED_AWAY)}
    seen = set[str]()
    for record_id in sorted(set(kept) - moved):
        for record in store.kept_records([record_id], Record):
            for name, digest in _files_of(record):
                if digest not in seen and not blobs.place_of(digest).is_file():
                    yield f"{name} of {record_id} ({digest})"
                seen.add(digest)


def _files_of(record: Record) -> Iterator[tuple[str, str]]:
    """Name and digest of each blob that is kept as long as the record is; what training goes on from is not."""
    if isinstance(record, Bundle):
        yield from record.documents
    elif isinstance(record, Build | Run):
        files = record.files if isinstance(record, Build) else record.adapter
        yield from ((file.name, file.digest) for file in files)


def _check_database(path: Path) -> None:
    """See that the file is sound and holds tables alone: a trigger in it would run when we write."""
    module = sqlite_module()
    try:
        with closing(module.connect(path)) as connection:
            connection.execute("PRAGMA trusted_schema = OFF")
            kinds = {kind for (kind,) in connection.execute("SELECT DISTINCT type FROM sqlite_master")}
            (said,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    except module.DatabaseError as error:
        raise _damaged(f"its records can't be read ({error})") from error
    if kinds - {"table", "index"} or said != "ok":
        raise _damaged(f"its records are no store ({said}; {', '.join(sorted(kinds))})")


def _drop_doors(folder: Path) -> None:
    """Let nobody in whom an archive would let in: a backup of ours holds none of these."""
    for name in DOORS:
        if name.endswith("/"):
            shutil.rmtree(folder / name, ignore_errors=True)
        else:
            (folder / name).unlink(missing_ok=True)


def _cut_loose(folder: Path) -> tuple[str, ...]:
    """Let no setting name a server any more: what is restored is a project of its own, beside the one on the server."""
    config = load_config(folder)
    named = {("store", "url"): config.store.url, ("personas", "checkpoints"): config.personas.checkpoints}
    cut = tuple((section, key) for (section, key), url in named.items() if url)
    for section, key in cut:
        edit_section(folder, section, {key: ""})
    return tuple(f"[{section}] {key}" for section, key in cut)


def _damaged(why: str) -> DamagedFileError:
    return DamagedFileError(f"the backup can't be restored: {why}. Nothing was put in place.", next_step=_ELSEWHERE)
