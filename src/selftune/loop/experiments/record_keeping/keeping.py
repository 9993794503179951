"""Keep a try: in the store first, then in the files that people read; a crash between any two is made up for."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from selftune.errors import UsageError
from selftune.failpoints import reach
from selftune.loop.experiments.record_keeping.eval_results import leave_eval_results
from selftune.loop.experiments.record_keeping.lessons import leave_proposed, lesson_of
from selftune.loop.experiments.record_keeping.memory_notes import archive_notes, leave_note
from selftune.loop.experiments.record_keeping.results_tsv import append_row, row_of_experiment
from selftune.loop.experiments.record_keeping.retention import retire_adapters
from selftune.records import Experiment
from selftune.release.publish import publish_bytes

if TYPE_CHECKING:
    from selftune.loop.project import Project

KEPT: Final = "experiment"
_ARCHIVED: Final = "notes archived"
_LEAVING: Final = "leaving"  # holds an empty file for each try whose files are not all there yet
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


def keep_experiment(project: Project, experiment: Experiment) -> Experiment:
    """Keep a try and leave its row, its figures beside its adapter, its note and the lessons so far; returns it.

    The store comes first, in one transaction with the ledger. A try of this name that is on record already is given
    back in its place: what is finished is finished. What a crash kept from being left is made up for by the next call,
    or by `finish_leaving`.

    Raises:
        UsageError: its name can't be a file's.
    """
    if not _NAME.fullmatch(experiment.name):
        raise UsageError(
            f"an experiment can't be called {experiment.name!r}.",
            next_step="Give it a name of letters, digits, dots, dashes and underscores.",
        )
    finish_leaving(project)
    known = find_experiment(project, experiment.name)
    if known is not None:
        return known
    intent = project.hidden / _LEAVING / experiment.name
    intent.parent.mkdir(parents=True, exist_ok=True)
    publish_bytes(intent, b"")
    reach("experiment-intended")
    detail = {"name": experiment.name, "result": experiment.result.value, "night": experiment.night}
    project.store.save([experiment], event=KEPT, detail=detail)
    reach("experiment-kept")
    _leave(project, experiment)
    intent.unlink(missing_ok=True)
    return experiment


def finish_leaving(project: Project) -> tuple[str, ...]:
    """Leave what a crash kept from being left; gives the names of the tries it was made up for."""
    folder = project.hidden / _LEAVING
    names = sorted(path.name for path in folder.iterdir() if _NAME.fullmatch(path.name)) if folder.is_dir() else []
    found = [find_experiment(project, name) for name in names]
    for name, experiment in zip(names, found, strict=True):
        if experiment is not None:
            _leave(project, experiment)
        (folder / name).unlink(missing_ok=True)
    return tuple(one.name for one in found if one is not None)


def find_experiment(project: Project, name: str) -> Experiment | None:
    """The try of this name; None where there is none."""
    return next((one for _, one in project.store.each(Experiment) if one.name == name), None)


def _leave(project: Project, experiment: Experiment) -> None:
    """Write every file of a try; each part leaves alone what is there."""
    leave_eval_results(project, experiment)
    reach("experiment-figures")
    append_row(project, row_of_experiment(experiment))
    reach("experiment-row")
    leave_note(project.folder, experiment, lesson_of(experiment))
    reach("experiment-note")
    leave_proposed(project.folder, [one for _, one in project.store.each(Experiment)])
    archived = archive_notes(project.folder, project.config.nightly.notes_kept)
    if archived:
        project.store.note(_ARCHIVED, {"notes": str(len(archived)), "last": archived[-1].name})
    retire_adapters(project)
