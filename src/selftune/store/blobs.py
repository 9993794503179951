"""Files by digest: published whole or not at all, found damaged when they are."""

from __future__ import annotations

import errno
import os
import secrets
import shutil
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from selftune.errors import BudgetError, DamagedFileError, MissingFileError
from selftune.platforms import sync_folder, sync_path
from selftune.records import digest_file

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_ALGORITHM: Final = "sha256"


class BlobStore:
    """The blobs of one project, `context.Blobs` for stages; putting what is there already adds nothing."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def put_file(self, path: Path) -> str:
        """Keep a file, as a hard link where that works, else as a copy; returns its digest.

        From then on the file belongs to the store: whoever writes into it, instead of replacing it, damages the blob.

        Raises:
            MissingFileError: there is no such file.
            BudgetError: the disk is full.
        """
        if not path.is_file():
            raise MissingFileError(f"{path} is not there, so it can't be kept.", next_step="Check the path.")
        with self._incoming() as temporary:
            _link_or_copy(path, temporary)
            return self._publish(temporary)

    def put_bytes(self, data: bytes) -> str:
        """Keep bytes; returns their digest.

        Raises:
            BudgetError: the disk is full.
        """
        with self._incoming() as temporary:
            temporary.write_bytes(data)
            return self._publish(temporary)

    def drop(self, digest: str) -> None:
        """Let a blob go that nobody needs any more; one that is gone already is gone."""
        self._place(digest).unlink(missing_ok=True)

    def path(self, digest: str, *, verify: bool = False) -> Path:
        """Where the blob lies; with `verify`, after reading all of it.

        Raises:
            DamagedFileError: it is missing, or with `verify`, altered.
        """
        place = self._place(digest)
        if not place.is_file():
            raise DamagedFileError(
                f"blob {digest} is missing: {place} is not there.",
                next_step="Restore the file from a backup, or make it again by running the step that made it.",
            )
        if verify:
            self.verify(digest)
        return place

    def place_of(self, digest: str) -> Path:
        """Where the blob lies, or would lie if it were there."""
        return self._place(digest)

    def verify(self, digest: str) -> None:
        """Read the whole blob and compare.

        Raises:
            DamagedFileError: it is missing or its bytes are not those of its digest.
        """
        place = self.path(digest)
        found = digest_file(place)
        if found != digest:
            raise DamagedFileError(
                f"{place} is damaged: its digest is {found}.",
                next_step="Move it away and restore it from a backup, or run the step that made it again.",
            )

    def _place(self, digest: str) -> Path:
        algorithm, _, name = digest.partition(":")
        if algorithm != _ALGORITHM or len(name) != 64 or not set(name) <= set("0123456789abcdef"):  # noqa: PLR2004 - hex
            raise DamagedFileError(f"{digest!r} is no digest.", next_step="Give it as `sha256:` and 64 hex digits.")
        return self._root / algorithm / name[:2] / name[2:]

    @contextmanager
    def _incoming(self) -> Iterator[Path]:
        """A new name inside the store, gone again when the block ends; what a killed process left there goes first."""
        folder = self._root / "incoming"
        folder.mkdir(parents=True, exist_ok=True)
        for left in folder.iterdir():
            import psutil  # only to see whether what was left there is somebody's

            if not psutil.pid_exists(int(left.name.partition("-")[0])):
                left.unlink(missing_ok=True)
        temporary = folder / f"{os.getpid()}-{secrets.token_hex(16)}"
        try:
            yield temporary
        except OSError as error:
            if error.errno not in {errno.ENOSPC, errno.EDQUOT}:
                raise
            raise BudgetError(
                f"the disk is full: nothing more can be kept in {self._root}.",
                next_step="Free some space, then run the same command again.",
            ) from error
        finally:
            temporary.unlink(missing_ok=True)

    def _publish(self, temporary: Path) -> str:
        """Move a file to the place of its digest, bytes first and then the name on the disk."""
        digest = digest_file(temporary)
        place = self._place(digest)
        if not place.exists():
            sync_path(temporary)
            place.parent.mkdir(parents=True, exist_ok=True)
            temporary.replace(place)
            for folder in (place.parent, place.parent.parent, self._root):
                sync_folder(folder)
        return digest


def _link_or_copy(source: Path, target: Path) -> None:
    try:
        os.link(source.resolve(), target)
    except OSError:
        # Another file system, or one without hard links.
        shutil.copyfile(source, target)
