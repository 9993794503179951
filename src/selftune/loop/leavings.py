"""What a cycle leaves in the project folder for people: the golden file, the staged cases, a row of `results.tsv`."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from selftune.curation.base import Pair
from selftune.curation.render import append_golden, publish_card, staged
from selftune.records import Arm, Dataset, Evaluation, Interaction, Judgement, Outcome, Run
from selftune.scoring.units import mean_of, unit_scores

if TYPE_CHECKING:
    from collections.abc import Iterable

    from selftune.loop.executor import Timing
    from selftune.loop.project import Project
    from selftune.records import Decision

# The columns of the loop that this one learnt from (mission C13), and the decision to look up.
COLUMNS: Final = (
    "experiment_id",
    "timestamp",
    "mode",
    "model",
    "score",
    "baseline",
    "result",
    "train_loss",
    "val_loss",
    "elapsed_s",
    "config",
    "decision",
)
RESULTS: Final = "results.tsv"
STAGING: Final = "staging"
CARDS: Final = "datasets"


def leave_for_people(project: Project, decision: Decision, timings: Iterable[Timing]) -> None:
    """Write what this cycle learnt from and how it ended; done twice, it adds nothing."""
    run = None if decision.run_id is None else project.store.record(decision.run_id, Run)
    if run is not None:
        dataset = project.store.record(run.dataset_id, Dataset)
        append_golden(dataset, project.folder / "data")
        publish_card(dataset, project.folder / "data" / CARDS)
        stage_cases(project, dataset)
    append_result(project, decision, run, sum(timing.seconds for timing in timings))


def stage_cases(project: Project, dataset: Dataset) -> None:
    """Each lesson with its transcript and its judgement, whole, as one JSON file."""
    folder = project.hidden / STAGING
    folder.mkdir(exist_ok=True)
    for example in dataset.train:
        path = folder / f"{example.interaction_id.replace(':', '-')}.json"
        if example.judgement_id is None or path.exists():
            continue
        pair = Pair(
            interaction=project.store.record(example.interaction_id, Interaction),
            judgement=project.store.record(example.judgement_id, Judgement),
        )
        draft = path.with_suffix(".draft")
        draft.write_text(staged(pair), encoding="utf-8")
        draft.replace(path)


def append_result(project: Project, decision: Decision, run: Run | None, elapsed_seconds: float) -> None:
    """One row: what was tried, what it scored against what, and whether it was kept."""
    path = project.folder / RESULTS
    text = path.read_text(encoding="utf-8") if path.exists() else "\t".join(COLUMNS) + "\n"
    if decision.id in text:
        return
    scores = {arm: _score(project, evaluation_id) for arm, evaluation_id in decision.arms}
    row = {
        "experiment_id": decision.id.partition(":")[2][:12],
        "timestamp": project.store.saved_at(decision.id),
        "mode": "cycle",
        "model": project.base.name,
        "score": scores.get(Arm.CANDIDATE, ""),
        "baseline": scores.get(Arm.CHAMPION, ""),
        "result": "kept" if decision.outcome is Outcome.PROMOTE else _refused(run, decision),
        "train_loss": f"{run.curve[-1].loss:.4f}" if run is not None and run.curve else "",
        "val_loss": "",
        "elapsed_s": f"{elapsed_seconds:.0f}",
        "config": "none" if run is None else run.recipe,
        "decision": decision.id,
    }
    _publish(path, text + "\t".join(row[column] for column in COLUMNS) + "\n")


def _score(project: Project, evaluation_id: str) -> str:
    evaluation = project.store.record(evaluation_id, Evaluation)
    unit = "pair" if any(outcome.pair for outcome in evaluation.outcomes) else "item"
    mean = mean_of(unit_scores(evaluation.outcomes, unit)).value
    return "" if mean is None else f"{mean:.4f}"


def _refused(run: Run | None, decision: Decision) -> str:
    if run is None:
        return "failed" if decision.build_id is None else "reverted"
    status = run.status.value
    return "reverted" if status == "finished" else status.replace("_", " ")


def _publish(path: os.PathLike[str], text: str) -> None:
    draft = f"{os.fspath(path)}.draft"
    with open(draft, "w", encoding="utf-8") as stream:  # noqa: PTH123 - flushed to the disk by its descriptor
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())
    os.replace(draft, path)  # noqa: PTH105 - as above
