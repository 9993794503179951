"""`selftune train --continue`: the adapter that a training goes on from, which is then the reference of DPO.

Without it each generation starts from the pinned base, on all lessons so far.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from selftune.app.trainings import find_run, import_run
from selftune.bases.provenance import read_provenance
from selftune.errors import UsageError
from selftune.training.lora import WEIGHTS

if TYPE_CHECKING:
    from selftune.loop.project import Project
    from selftune.records import Run


def run_to_continue(project: Project, name: str) -> Run:
    """The run of this id, or the one that the adapter in this folder becomes: it is imported, and stays on record.

    Raises:
        UsageError: it is no run, has no adapter, is one of another base, or its folder does not say what it learnt.
        UnknownNameError: no record begins like that.
        DamagedFileError: one of the adapter's files can't be read.
        LockedError: another runner has the project.
    """
    folder = Path(name).expanduser()
    run = _imported(project, folder) if folder.is_dir() else find_run(project, name)
    if run.base_digest != project.base.digest:
        raise UsageError(
            f"run {run.id} was trained on another base than {project.base.name}.",
            next_step="Name a run of this base, or name that base under [base] in selftune.toml.",
        )
    if not run.adapter:
        raise UsageError(
            f"run {run.id} left no adapter to go on from: it ended as {run.status.value.replace('_', ' ')}.",
            next_step="Name a run that learnt something: selftune report runs",
        )
    return run


def _imported(project: Project, folder: Path) -> Run:
    weights = folder / WEIGHTS
    if weights.is_file() and read_provenance(weights).dataset_id is None:
        raise UsageError(
            f"the adapter in {folder} does not say which lessons it learnt, and leaks into the exam hang on that.",
            next_step=f"Import it with them, then continue that run: selftune train import {folder} --dataset ID",
        )
    return import_run(project, folder, None)
