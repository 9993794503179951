"""What lies in `.selftune/models/`: files by version, a manifest beside them, a pointer to the active one.

The pointer, `.selftune/active.json`, says which release serves; it changes in one step, and that step is the release.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeVar

from selftune.errors import DamagedFileError, IntegrityError
from selftune.records import Build, ServingProof, canonical_json, digest_file
from selftune.release.naming import file_name
from selftune.release.publish import publish_bytes, publish_link

if TYPE_CHECKING:
    from pathlib import Path

    from selftune.context import Blobs

M = TypeVar("M")

POINTER: Final = "active.json"
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
    """

    active: str
    fallback: str | None = None
    left: str | None = None
    why: str | None = None


def place_files(manifest: Manifest, blobs: Blobs, hidden: Path) -> None:
    """Give the build's blobs their versioned names and write the manifest beside them; twice is as good as once.

    Raises:
        DamagedFileError: a blob is missing or is not what its name says; nothing was changed.
    """
    models = hidden / "models"
    models.mkdir(parents=True, exist_ok=True)
    for entry in manifest.build.files:
        verify_file(blobs.path(entry.digest), entry.digest)
    for entry in manifest.build.files:
        publish_link(blobs.path(entry.digest), models / file_name(manifest.name, entry.name))
    publish_bytes(models / f"{manifest.name}.json", canonical_json(manifest).encode())


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
