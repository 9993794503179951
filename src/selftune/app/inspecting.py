"""An evaluation of the project as a log of Inspect AI, for its viewer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from selftune.errors import MissingFileError, UnknownNameError, UsageError
from selftune.evals.inspecting.logs import write_inspect_log
from selftune.evals.suites import load_suite
from selftune.loop.ejected import find_text
from selftune.loop.project import open_project
from selftune.records import Evaluation, digest_of

if TYPE_CHECKING:
    from pathlib import Path

    from selftune.loop.project import Project
    from selftune.records import Suite

ENDINGS: Final = (".eval", ".json")


def write_log(folder: Path, evaluation_id: str, target: Path) -> Evaluation:
    """Write the log; nothing that is there is written over.

    Raises:
        UsageError: Inspect AI is not installed, the file is there already, or its name has another ending.
        IntegrityError: there is no such evaluation.
    """
    if target.suffix not in ENDINGS:
        raise UsageError(f"{target.name} is no name of a log.", next_step=f"End it with {' or '.join(ENDINGS)}.")
    if target.exists():
        raise UsageError(f"{target} is there already.", next_step="Name another file.")
    with open_project(folder) as project:
        evaluation = project.store.record(evaluation_id, Evaluation)
        created = project.store.saved_at(evaluation.id)
        write_inspect_log(evaluation, _suite_of(project, evaluation), target, created=created)
    return evaluation


def _suite_of(project: Project, evaluation: Evaluation) -> Suite | None:
    """What was asked, if that very suite is still there; another one of its name would put wrong words in its place."""
    try:
        suite = load_suite(find_text(project.folder, "suite", evaluation.suite))
    except (UnknownNameError, MissingFileError):
        return None
    return suite if digest_of(suite) == evaluation.suite_digest else None
