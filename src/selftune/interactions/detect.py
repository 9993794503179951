"""Which format a file has, and why we think so."""

from __future__ import annotations

import os
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from selftune.errors import MissingFileError, UsageError
from selftune.interactions.reading.lines import read_entries
from selftune.plugins import load_plugin, registered

if TYPE_CHECKING:
    from collections.abc import Iterator

    from selftune.interactions.base import Source

GROUP: Final = "selftune.sources"
_LOOKED_AT: Final = 20
_HEAD_BYTES: Final = 4096
_SUFFIXES: Final = (".jsonl", ".json", ".ndjson", ".chatml", ".parquet", ".eval")


@dataclass(frozen=True, kw_only=True)
class Detection:
    """The name of a format, and what in the file spoke for it."""

    name: str
    why: str


def detect_format(path: Path) -> Detection:
    """The format of a file, from how it begins if that tells, else from its first readable entries.

    Raises:
        MissingFileError: there is no such file.
        UsageError: it is empty, or no registered source, or more than one, recognises it.
    """
    known = _known_by_head(path)
    if known is not None:
        return known
    first = [entry.value for entry in islice(read_entries(path), _LOOKED_AT) if isinstance(entry.value, dict)]
    if not first:
        raise UsageError(
            f"{path.name} holds no readable entry.",
            next_step="Name a file with one JSON object a line, or with a JSON array of objects.",
        )
    return _agree(path, first[0])


def open_sources(path: Path, format: str = "auto") -> tuple[Source, ...]:  # noqa: A002 - the word of the command line
    """A source for the file, or one for each log of the folder (by its suffix) in the order of their names.

    Raises:
        MissingFileError: there is no such file, or no such file in the folder.
        UnknownNameError: no source is registered under that name of a format.
        UsageError: the format was to be detected and could not be.
    """
    names = [(file, detect_format(file).name if format == "auto" else format) for file in list_logs(path)]
    return tuple(load_plugin(GROUP, name)(file) for file, name in names)


def list_logs(path: Path) -> tuple[Path, ...]:
    """The file itself, or the logs of a folder and of those in it (by their suffix) in the order of their paths.

    Hidden folders are left out, and links to folders are not followed: they may lead round in a circle.

    Raises:
        MissingFileError: there is no such file, or no such file in the folder.
    """
    if path.is_dir():
        files = tuple(sorted(_logs_below(path)))
        if not files:
            raise MissingFileError(
                f"folder {path} holds no {' or '.join(_SUFFIXES)} file.", next_step="Check the path."
            )
        return files
    if not path.is_file():
        raise MissingFileError(f"there is no file {path}.", next_step="Check the path.")
    return (path,)


def _logs_below(folder: Path) -> Iterator[Path]:
    for place, inner, names in os.walk(folder):
        inner[:] = [name for name in inner if not name.startswith(".")]
        files = (Path(place) / name for name in names)
        yield from (file for file in files if file.suffix in _SUFFIXES and file.is_file())


def _known_by_head(path: Path) -> Detection | None:
    """The one format that a file with such a beginning has; None when it takes a look at the entries."""
    if not path.is_file():
        return None
    with path.open("rb") as stream:
        head = stream.read(_HEAD_BYTES)
    readers = {name: getattr(load_plugin(GROUP, name), "recognises_head", None) for name in registered(GROUP)}
    reasons = {name: reader(head) for name, reader in readers.items() if reader is not None}
    found = [Detection(name=name, why=why) for name, why in reasons.items() if why]
    return found[0] if len(found) == 1 else None


def _agree(path: Path, entry: dict[str, Any]) -> Detection:
    reasons = {name: _reason(name, entry) for name in registered(GROUP)}
    found = [Detection(name=name, why=why) for name, why in reasons.items() if why]
    if len(found) == 1:
        return found[0]
    verdict = (
        f"looks like {' and like '.join(sorted(item.name for item in found))}"
        if found
        else "has a format we don't know"
    )
    raise UsageError(
        f"{path.name} {verdict}: its entries hold {', '.join(sorted(entry)[:8])}.",
        next_step=f"Name the format: --format {' | '.join(sorted(registered(GROUP)))}.",
    )


def _reason(name: str, entry: dict[str, Any]) -> str | None:
    """Why the source recognises the entry; None when it does not, or offers no opinion."""
    recognises = getattr(load_plugin(GROUP, name), "recognises", None)
    return None if recognises is None else recognises(entry)
