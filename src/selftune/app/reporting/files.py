"""Where everything lies that a project made: each file by a path that stays, with its size and digest (mission B53)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from selftune.app.reporting.pages import figures
from selftune.app.reporting.pages.parts import Said, Section, Table
from selftune.errors import DamagedFileError
from selftune.loop.project import HIDDEN
from selftune.records import Build, Run

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from selftune.app.reporting.pages.parts import Part
    from selftune.loop.project import Project
    from selftune.records import FileDigest

_GONE: Final = "not here"
_RECORDS: Final = (
    (f"{HIDDEN}/store.db", "every record: interactions, judgements, datasets, runs, builds, evaluations, decisions"),
    (f"{HIDDEN}/ledger/", "what happened, entry by entry; `selftune ledger verify` reads it"),
    (f"{HIDDEN}/models/", "what was released, as it is served"),
    (f"{HIDDEN}/runs/", "of each try of a night its adapter, and beside it what it scored"),
    ("results.tsv", "one row for each try and each cycle"),
    ("memory/events/", "a note for each try; older ones in memory/archive, the mornings' in memory/nights"),
    ("memory/lessons_proposed.md", "what tries would teach, which binds nobody until a person adds it"),
)


@dataclass(frozen=True, kw_only=True)
class LyingFile:
    """One file that was made.

    Attributes:
        of: The record it belongs to.
        path: Relative to the project's folder; empty where it does not lie there any more.
    """

    of: str
    file: FileDigest
    path: str


def gather_files(project: Project, versions: Mapping[str, str]) -> tuple[LyingFile, ...]:
    """Files of all runs and builds, in the order they were made; builds go by version where they were released."""
    runs = [(f"adapter of run {run.id[4:12]}", file) for _, run in project.store.each(Run) for file in run.adapter]
    builds = [
        (f"{versions.get(build.id, f'build {build.id[6:14]}')}, {build.form.value} {build.quantisation}", file)
        for _, build in project.store.each(Build)
        for file in build.files
    ]
    return tuple(LyingFile(of=of, file=file, path=_path(project, file.digest)) for of, file in (*runs, *builds))


def _path(project: Project, digest: str) -> str:
    try:
        found = project.blobs.path(digest)
    except DamagedFileError:
        return ""
    return found.resolve().relative_to(project.folder.resolve()).as_posix()


def files_section(found: tuple[LyingFile, ...]) -> Section:
    """Where to look for what, all of it below the project's folder."""
    return Section(title="Where it all lies", parts=tuple(_parts(found)))


def _parts(found: tuple[LyingFile, ...]) -> Iterator[Part]:
    yield Table(caption="Below the project's folder", head=("path", "what is there"), rows=_RECORDS)
    if not found:
        yield Said(text="No run or build left a file.")
        return
    rows = tuple(
        (one.of, one.file.name, figures.size(one.file.size_bytes), one.path or _GONE, one.file.digest) for one in found
    )
    caption = "Files of runs and builds; a path follows from the digest and never changes"
    yield Table(caption=caption, head=("of", "file", "size", "path", "digest"), rows=rows)
