"""Registering a 2 x 2 experiment and running it, for the commands of that name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from selftune.loop.ejected import find_text
from selftune.loop.experiments.experiment_plan import load_experiment
from selftune.loop.experiments.two_by_two import register, run
from selftune.loop.project import open_project
from selftune.loop.runner import hold_lease, make_executor

if TYPE_CHECKING:
    from pathlib import Path

    from selftune.loop.executor import Observer
    from selftune.loop.experiments.two_by_two import Conclusion, Registration


def register_plan(folder: Path, name: str) -> Registration:
    """Put a plan on record.

    Raises:
        ConfigError: another plan of this name is on record, or nothing is tuned yet.
        UnknownNameError: no such plan, suite, category or build.
        LockedError: another runner has the project.
    """
    with open_project(folder) as project, hold_lease(project):
        return register(project, load_experiment(find_text(folder, "experiment", name)))


def run_plan(folder: Path, name: str, observer: Observer) -> Conclusion:
    """Run a plan that is on record; arms that were asked the same before are not asked again.

    Raises:
        ConfigError: this very plan is not on record.
        ServingError: an arm could not be served; what was answered so far is kept.
        LockedError: another runner has the project.
    """
    with open_project(folder) as project, hold_lease(project):
        plan = load_experiment(find_text(folder, "experiment", name))
        return run(project, plan, make_executor(project, observer))


def as_document(found: Conclusion) -> dict[str, Any]:
    """The conclusion as `--json` prints it."""
    bound = found.registration
    return {
        "name": bound.plan.name,
        "held": found.held.value,
        "reason": found.reason,
        "rule": bound.plan.rule,
        "registered": bound.digest,
        "seen_before": bound.seen,
        "arms": {cell.value: {"mean": mean, "evaluation": evaluation} for cell, mean, evaluation in found.arms},
        "h1": found.h1,
        "h2": found.h2,
        "effects": dict(found.effects),
        "interaction": found.interaction,
    }
