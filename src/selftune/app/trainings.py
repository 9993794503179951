"""Runs by name: trained once more, brought in from elsewhere, their curves handed on."""

from __future__ import annotations

import csv
import io
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from selftune.bases.provenance import read_provenance
from selftune.errors import UnknownNameError, UsageError
from selftune.loop.braking import check_brake
from selftune.loop.runner import hold_lease, hold_machine
from selftune.records import Dataset, Run, digest_of
from selftune.training.importing import import_adapter, refuse_what_is_none
from selftune.training.repeating import compare_runs, recipe_of
from selftune.training.stage import train

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from selftune.loop.executor import Observer
    from selftune.loop.project import Project
    from selftune.training.repeating import Repetition

NEWEST: Final = "newest"
_COLUMNS: Final = ("step", "loss", "learning_rate", "grad_norm", "eval_loss")


def repeat_run(project: Project, name: str, observer: Observer) -> Repetition:
    """Train a run once more from its record and hold the two against each other; the second one is not kept.

    Raises:
        UsageError: it is no run, did not end by itself, or its recipe is not on record.
        IntegrityError: its dataset is gone.
        LockedError: another runner has the project.
        WaitingForPersonError: all work here is stopped.
    """
    with hold_machine(project, observer):
        check_brake(project)
        first = find_run(project, name)
        if first.base_digest != project.base.digest:
            raise UsageError(
                f"run {first.id} was trained on another base than {project.base.name}.",
                next_step="Name that base under [base] in selftune.toml.",
            )
        recipe = recipe_of(first)
        project.check_base_files()
        scratch = digest_of(["repeat", first.id])
        context = replace(
            project.context(),
            work=project.store.step_work(scratch),
            report=lambda made: observer.progressed("train", made),
        )
        observer.started("train")
        try:
            again = train(project.store.record(first.dataset_id, Dataset), recipe, context)
        except BaseException:
            observer.stopped("train")
            raise
        project.store.work_clear(scratch)
        observer.finished("train", again.wall_seconds, reused=False)
        found = compare_runs(first, again)
        project.store.note("repeated", {"run": first.id, "same": "yes" if found.same else "no"})
        return found


def import_run(project: Project, adapter: Path, dataset: str | None) -> Run:
    """Take an adapter that was trained elsewhere for a run of this project, on the dataset it was trained on.

    Raises:
        UsageError: it does not fit the base, is no plain LoRA, or nobody says what it was trained on.
        DamagedFileError: one of its files can't be read.
        LockedError: another runner has the project.
    """
    refuse_what_is_none(adapter)
    with hold_lease(project):
        project.check_base_files()
        scratch = digest_of(["import", str(adapter.resolve())])
        context = replace(project.context(), work=project.store.step_work(scratch))
        run = import_adapter(adapter, _dataset(project, adapter, dataset), context)
        project.store.save([run], event="trained elsewhere")
        project.store.work_clear(scratch)
        return run


def find_run(project: Project, name: str) -> Run:
    """The run whose id begins like this, with or without its `run:`; `newest` is the one that was kept last.

    Raises:
        UsageError: it is no run, there is none yet, or no one run begins like these digits.
        UnknownNameError: no one record begins like that.
    """
    last = project.store.last(Run)
    if last is None:
        raise UsageError("there is no run yet.", next_step="Train one: selftune train")
    if name == NEWEST:
        return last
    record = project.store.any_record(name if ":" in name else _whole_id(project, name))
    if not isinstance(record, Run):
        raise UsageError(f"{name} is a {record.KIND}, not a run.", next_step="Name a run: selftune report --all")
    return record


def _whole_id(project: Project, digits: str) -> str:
    """The id of the one run whose hex digits begin like this; a refusal says what was typed."""
    try:
        return project.store.find(f"{Run.KIND}:{digits}" if digits else digits)
    except UnknownNameError as unknown:
        raise UsageError(f"unknown run {digits!r}.", next_step=unknown.next_step) from unknown


def curve_rows(run: Run) -> list[dict[str, Any]]:
    """The logged steps, a mapping for each; None where nothing was measured."""
    return [{column: getattr(point, column) for column in _COLUMNS} for point in run.curve]


def curve_table(run: Run) -> str:
    """The same as CSV; empty where nothing was measured."""
    text = io.StringIO()
    writer = csv.DictWriter(text, _COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(curve_rows(run))
    return text.getvalue()


def describe_repetition(found: Repetition) -> Iterator[str]:
    """What came of it, in words."""
    if found.same:
        yield f"The same: {found.steps} steps gave the same losses and the same adapter, byte for byte."
    elif found.first_other_step is not None:
        yield f"Not the same: the losses part at step {found.first_other_step}."
    else:
        yield "Not the same, with equal losses."
    yield from (f"  {line}" for line in found.differs)
    if not found.same and not any(not line.startswith(("status", "adapter")) for line in found.differs):
        yield "  Nothing else on record differs: this machine does not repeat itself, or something off the record does."


def describe_import(run: Run) -> Iterator[str]:
    """What was brought in, in words."""
    yield f"{run.id}: {run.status.value.replace('_', ' ')}" + (f", {run.reason}" if run.reason else "")
    yield f"  objectives so far: {', '.join(run.stage_history)}; base known {dict(run.settings)['base known']}"
    yield f"  mean change of the adapted weights: {run.mean_abs_delta:.3g}"
    yield f"Look at it with `selftune report {run.id[:20]}`."


def _dataset(project: Project, adapter: Path, name: str | None) -> Dataset:
    if name is None:
        weights = adapter / "adapter_model.safetensors"
        name = read_provenance(weights).dataset_id if weights.is_file() else None
    if name is None:
        raise UsageError(
            "the adapter does not say which lessons it was trained on, and leaks into the exam hang on that.",
            next_step="Name them: --dataset ID; `selftune dataset list` shows which there are.",
        )
    record = project.store.any_record(name)
    if not isinstance(record, Dataset):
        raise UsageError(f"{name} is a {record.KIND}, not a dataset.", next_step="Name one: selftune dataset list")
    return record
