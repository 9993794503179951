"""What a cycle leaves in the project folder for people: the golden file, the staged cases, a row of `results.tsv`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from selftune.curation.base import Pair
from selftune.curation.render import append_golden, publish_card, staged
from selftune.loop.experiments.record_keeping.results_tsv import append_row, row_of_decision
from selftune.records import Dataset, Interaction, Judgement, Run, not_erased

if TYPE_CHECKING:
    from selftune.loop.project import Project
    from selftune.records import Decision

STAGING: Final = "staging"
CARDS: Final = "datasets"


def leave_for_people(project: Project, decision: Decision) -> None:
    """Write what this cycle learnt from and how it ended; done twice, it adds nothing."""
    run = None if decision.run_id is None else project.store.record(decision.run_id, Run)
    if run is not None:
        dataset = project.store.record(run.dataset_id, Dataset)
        append_golden(dataset, project.folder / "data")
        publish_card(dataset, project.folder / "data" / CARDS)
        stage_cases(project, dataset)
    append_row(project, row_of_decision(project, decision))


def stage_cases(project: Project, dataset: Dataset) -> None:
    """Each lesson with its transcript and its judgement, whole, as one JSON file."""
    folder = project.hidden / STAGING
    folder.mkdir(exist_ok=True)
    for example in not_erased(dataset.train):
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
