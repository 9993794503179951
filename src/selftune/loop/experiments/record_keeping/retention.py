"""Adapters of tries that were not kept: they stay, until a person names a folder that the oldest are moved into.

Nothing is thrown away. A move is in the ledger before it begins, and what lay in a try's folder then says where it is.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from selftune.errors import DamagedFileError
from selftune.failpoints import reach
from selftune.loop.experiments.record_keeping.eval_results import folder_of
from selftune.records import Experiment, ExperimentResult, Run, digest_file
from selftune.release.publish import publish_bytes, publish_link

if TYPE_CHECKING:
    from collections.abc import Iterator

    from selftune.loop.project import Project
    from selftune.records import FileDigest

MOVED: Final = "moved_to.txt"
MOVED_AWAY: Final = "adapter moved"
"""A note that the adapter of `run` lies elsewhere since then."""
_GB: Final = 1e9
_NO_FOLDER: Final = "no archive is named"


def retire_adapters(project: Project) -> tuple[str, ...]:
    """Move the oldest adapters beyond `[nightly] adapters_kept_gb` into `adapters_archive`; gives the tries' names.

    Only those of tries that were not kept, and no file that another run has too. With 0, or while the archive is no
    folder, all stay: no night ends for it, and `objection_to_archive` says so.

    Raises:
        DamagedFileError: a copy is not what it was made from; the original stays.
    """
    most = project.config.nightly.adapters_kept_gb * _GB
    if most <= 0 or objection_to_archive(project):
        return ()
    here = list(_not_kept(project))
    over = sum(file.size_bytes for _, files in here for file in files) - most
    moved = []
    for experiment, files in here:
        cut_off = (folder_of(project, experiment) / MOVED).exists()
        if over > 0 or cut_off:
            _move(project, experiment, files, _archive(project) / project.config.project.name / experiment.name)
            over -= sum(file.size_bytes for file in files)
            moved.append(experiment.name)
    return tuple(moved)


def objection_to_archive(project: Project) -> str:
    """Why nothing can be moved though it was asked for, in a sentence; empty where nothing speaks against it."""
    if project.config.nightly.adapters_kept_gb <= 0 or _archive(project).is_dir():
        return ""
    named = project.config.nightly.adapters_archive
    return f"no adapter is moved: [nightly] adapters_archive {named!r} is no folder, so adapters_kept_gb can't be held."


def _archive(project: Project) -> Path:
    named = project.config.nightly.adapters_archive
    return project.folder / Path(named).expanduser() if named else project.folder / _NO_FOLDER


def _not_kept(project: Project) -> Iterator[tuple[Experiment, tuple[FileDigest, ...]]]:
    """Tries that were not kept, oldest first, with the files of their adapters that lie here and are nobody else's."""
    tried = [one for _, one in project.store.each(Experiment) if one.run_id is not None]
    dropped = {one.run_id for one in tried if one.result is not ExperimentResult.KEPT}
    dropped -= {one.run_id for one in tried if one.result is ExperimentResult.KEPT}
    dropped -= {one.baseline_run_id for one in tried}
    runs = {run.id: run for _, run in project.store.each(Run)}
    needed = {file.digest for run in runs.values() if run.id not in dropped for file in run.adapter}
    for one in tried:
        if one.run_id in dropped and one.run_id in runs:
            files = tuple(file for file in runs[one.run_id].adapter if file.digest not in needed)
            here = tuple(file for file in files if _is_here(project, file))
            if here:
                yield one, here


def _is_here(project: Project, file: FileDigest) -> bool:
    try:
        project.blobs.path(file.digest)
    except DamagedFileError:
        return False
    return True


def _move(project: Project, experiment: Experiment, files: tuple[FileDigest, ...], target: Path) -> None:
    """In the ledger, then whole in the archive, then away from here; cut off anywhere, the next call ends it."""
    size = sum(file.size_bytes for file in files)
    told = {"experiment": experiment.name, "run": experiment.run_id or "", "bytes": str(size), "to": str(target)}
    project.store.note(MOVED_AWAY, told)
    target.mkdir(parents=True, exist_ok=True)
    folder = folder_of(project, experiment)
    folder.mkdir(parents=True, exist_ok=True)
    publish_bytes(folder / MOVED, f"{target}\n".encode())
    for file in files:
        publish_link(project.blobs.path(file.digest), target / file.name)
        if digest_file(target / file.name) != file.digest:
            raise DamagedFileError(
                f"{target / file.name} is not what it was copied from.", next_step="Look at the archive's disk."
            )
        reach("adapter-archived")
        project.blobs.drop(file.digest)
        (folder / file.name).unlink(missing_ok=True)
