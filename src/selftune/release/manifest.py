"""What lies in `.selftune/models/`: files by version, a manifest beside them, a pointer to the active one.

The pointer, `.selftune/active.json`, says which release serves; it changes in one step, and that step is the release.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeVar

from selftune.errors import DamagedFileError, IntegrityError
from selftune.records import Build, ServingProof, canonical_json, digest_file
from selftune.records.signatures import build_is_sealed
from selftune.release.naming import file_name
from selftune.release.publish import publish_bytes, publish_link

if TYPE_CHECKING:
    from pathlib import Path

    from selftune.context import Blobs

M = TypeVar("M")

POINTER: Final = "active.json"
PUBLIC_KEY: Final = "keys/machine.pub"
PLACE_AGAIN: Final = "Run `selftune rollback VERSION`: it places that version's files again, also the newest one's."


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """All that a server needs in order to serve a release, and to know that it is the right one.

    Attributes:
        name: Stem of the files, such as `a4ps_base_model_v1.1`.
        proof: What the server showed when the build was evaluated; None for a base that nobody evaluated.
        slots: Parallel slots, as evaluated: batching changes bits.
        fallback: Name of the release that serves when this one is found damaged.
        driver: What it is served with, as registered in `selftune.servers`.
    """

    name: str
    version: str
    generation: int
    alias: str
    build: Build
    proof: ServingProof | None
    slots: int
    fallback: str | None = None
    driver: str = "llama.cpp"


@dataclass(frozen=True, kw_only=True)
class Pointer:
    """Names of the release that serves and of the one to serve when it is damaged.

    Attributes:
        left: The release that the keeper took back by itself, until a command puts that on record.
        why: What it did.
        manifests: Name of each release that ever served, with the digest of its manifest when it last did.
    """

    active: str
    fallback: str | None = None
    left: str | None = None
    why: str | None = None
    manifests: tuple[tuple[str, str], ...] = ()


def place_files(manifest: Manifest, blobs: Blobs, hidden: Path) -> str:
    """Give the build's blobs their versioned names and write the manifest beside them; twice is as good as once.

    Returns:
        The digest of the manifest's file, for who is told to serve it.

    Raises:
        DamagedFileError: a blob is missing or is not what its name says; nothing was changed.
    """
    models = hidden / "models"
    models.mkdir(parents=True, exist_ok=True)
    for entry in manifest.build.files:
        verify_file(blobs.path(entry.digest), entry.digest)
    for entry in manifest.build.files:
        place = models / file_name(manifest.name, entry.name)
        place.parent.mkdir(exist_ok=True)
        publish_link(blobs.path(entry.digest), place)
    publish_bytes(models / f"{manifest.name}.json", canonical_json(manifest).encode())
    return _manifest_digest(manifest.name, hidden)


def model_files(manifest: Manifest, hidden: Path) -> dict[str, Path]:
    """Where each file of the build lies, by digest.

    Raises:
        DamagedFileError: a file is missing or does not match its digest.
    """
    found = {entry.digest: hidden / "models" / file_name(manifest.name, entry.name) for entry in manifest.build.files}
    for digest, path in found.items():
        verify_file(path, digest)
    return found


def verify_file(path: Path, digest: str) -> None:
    """Read a file whole and compare.

    Raises:
        DamagedFileError: it is missing, or its digest differs.
    """
    if not path.is_file():
        raise DamagedFileError(f"the model file {path.name} is missing.", next_step=PLACE_AGAIN)
    if digest_file(path) != digest:
        raise DamagedFileError(
            f"the model file {path.name} is damaged: its digest is not the recorded one.",
            next_step="Run `selftune rollback` to serve an earlier release; the damaged file is left as it is.",
        )


def read_manifest(name: str, hidden: Path) -> Manifest:
    """The manifest of a release by name.

    Raises:
        DamagedFileError: it is missing or can't be read.
    """
    manifest = _read(hidden / "models" / f"{name}.json", Manifest)
    if manifest is None:
        raise DamagedFileError(f"there is no manifest {name}.json in {hidden / 'models'}.", next_step=PLACE_AGAIN)
    return manifest


def read_trusted(name: str, hidden: Path, placed: str | None = None) -> Manifest:
    """The manifest of a release, held against this project's seal and against what was placed under that name.

    That is `placed`, the digest told by who has just placed it, or else the digest of when it last served. A seal alone
    would let a build in that the gate refused: it is sealed too.

    Raises:
        DamagedFileError: it is missing, can't be read, or was rewritten.
    """
    manifest = read_manifest(name, hidden)
    public = hidden / PUBLIC_KEY
    digest = _manifest_digest(name, hidden)
    expected = placed or dict(_served_before(hidden)).get(name, digest)
    if manifest.name != name or digest != expected:
        what = "is not what was released under that name"
    elif public.is_file() and not build_is_sealed(manifest.build, public.read_text(encoding="ascii").strip()):
        what = "names a build that does not bear this project's seal"
    else:
        return manifest
    raise DamagedFileError(
        f"the manifest {name}.json was rewritten: it {what}.",
        next_step="Run `selftune doctor`. " + PLACE_AGAIN,
    )


def pointer_to(manifest: Manifest, hidden: Path) -> Pointer:
    """The pointer that makes a release the active one, and remembers what its manifest says."""
    served = dict(_served_before(hidden)) | {manifest.name: _manifest_digest(manifest.name, hidden)}
    return Pointer(active=manifest.name, fallback=manifest.fallback, manifests=tuple(served.items()))


def _manifest_digest(name: str, hidden: Path) -> str:
    """Of its bytes: a later selftune may read more out of them."""
    return digest_file(hidden / "models" / f"{name}.json")


def _served_before(hidden: Path) -> tuple[tuple[str, str], ...]:
    """Nothing where there is no pointer that can be read: another release is the way out of that."""
    try:
        pointer = read_pointer(hidden)
    except DamagedFileError:
        return ()
    return () if pointer is None else pointer.manifests


def read_pointer(hidden: Path) -> Pointer | None:
    """Which release serves; None before the first.

    Raises:
        DamagedFileError: the pointer can't be read.
    """
    return _read(hidden / POINTER, Pointer)


def write_pointer(pointer: Pointer, hidden: Path) -> None:
    """Make a release the active one, in one step."""
    publish_bytes(hidden / POINTER, canonical_json(pointer).encode())


def _read(path: Path, kind: type[M]) -> M | None:
    import msgspec

    if not path.is_file():
        return None
    try:
        body: Any = json.loads(path.read_bytes())
        return msgspec.convert(body, type=kind, strict=False)
    except (ValueError, msgspec.ValidationError, IntegrityError) as error:
        raise DamagedFileError(f"{path} can't be read: {error}.", next_step="Run `selftune doctor`.") from error
