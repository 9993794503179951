"""`selftune diagnose`: what keeps going wrong in the log, and what holds each weak category of the suite back."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from selftune.curation.diagnosis import Tried, diagnose
from selftune.evals.suites import load_suite
from selftune.loop.ejected import find_text
from selftune.records import Build, Dataset, Evaluation, Run, digest_of
from selftune.scoring.units import unit_scores

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from selftune.curation.diagnosis import Diagnosis
    from selftune.loop.project import Project
    from selftune.records import Suite, Weakness

BARE: Final = "none"


@dataclass(frozen=True, kw_only=True)
class Findings:
    """What a project's records say about its weak spots.

    Attributes:
        weaknesses: Of the newest dataset: what keeps going wrong in the log.
        evaluations: How many evaluations on the suite in force were read.
        diagnoses: Of each weak category of that suite.
    """

    weaknesses: tuple[Weakness, ...]
    suite: str
    evaluations: int
    diagnoses: tuple[Diagnosis, ...]


def diagnose_project(project: Project) -> Findings:
    """Everything that the records on disk support, and nothing more; no model is asked."""
    suite = load_suite(find_text(project.folder, "suite", project.config.evaluation.suite))
    measured = [item for _, item in project.store.each(Evaluation) if item.suite_digest == digest_of(suite)]
    dataset = project.store.last(Dataset)
    return Findings(
        weaknesses=() if dataset is None else dataset.weaknesses,
        suite=suite.name,
        evaluations=len(measured),
        diagnoses=diagnose(_by_category(project, measured, suite)),
    )


def _by_category(project: Project, measured: Sequence[Evaluation], suite: Suite) -> Mapping[str, Sequence[Tried]]:
    """For each category the models that were measured on it, the newest evaluation of each."""
    newest = {evaluation.build_id: evaluation for evaluation in measured}
    found: dict[str, list[Tried]] = defaultdict(list)
    for evaluation in newest.values():
        build = project.store.record(evaluation.build_id, Build)
        run = None if build.run_id is None else project.store.record(build.run_id, Run)
        scores: dict[str, dict[str, float]] = defaultdict(dict)
        for unit in unit_scores(evaluation.outcomes, suite.unit):
            if unit.value is not None:
                scores[unit.category][unit.key] = unit.value
        for category, values in scores.items():
            found[category].append(
                Tried(
                    recipe=BARE if run is None else f"{run.recipe} ({run.recipe_digest.removeprefix('sha256:')[:8]})",
                    base=build.base_digest.removeprefix("sha256:")[:8],
                    dataset=None if run is None else run.dataset_id,
                    scores=values,
                )
            )
    return found
