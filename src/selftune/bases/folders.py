"""Bases that lie here as Hugging Face folders: the reference model in this package, and any folder of the user's."""

from __future__ import annotations

from pathlib import Path

from selftune.bases.base import Found
from selftune.bases.facts import licence_of
from selftune.errors import MissingFileError

REFERENCE_FOLDER = Path(__file__).parent / "reference" / "weights"


class Reference:
    """The model that this project trained and ships."""

    def fetch(self, name: str, folder: Path) -> Found:  # noqa: ARG002 - it lies in the package already
        """The reference model, where it lies."""
        if not REFERENCE_FOLDER.is_dir():
            raise MissingFileError(
                "this copy of selftune was built without the reference model's weights.",
                next_step="Make them with `selftune reference rebuild`, or install a released version.",
            )
        return Found(
            name=name, folder=REFERENCE_FOLDER, source="made by selftune, in the package", licence="Apache-2.0"
        )


class LocalFolder:
    """A folder of the user's, used where it lies: weights of many gigabytes are not copied."""

    def fetch(self, name: str, folder: Path) -> Found:  # noqa: ARG002 - used in place
        """The folder at the path `name`."""
        path = Path(name).expanduser().resolve()
        if not path.is_dir():
            raise MissingFileError(f"there is no folder {path}.", next_step="Check the path.")
        return Found(name=path.name, folder=path, source="a local Hugging Face folder", licence=licence_of(path))
