"""What a month's records hold, ready to be shown: each arm's generations, decisions and trainings."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from statistics import fmean
from typing import TYPE_CHECKING

from selftune.app.reporting.arms import LEVEL
from selftune.app.reporting.study import study_generations
from selftune.loop.study.findings import conclude
from selftune.records import Dataset, Decision, Evaluation, Release, Run, Statement
from selftune.scoring.units import UnitScore, mean_of, unit_scores
from selftune.scoring.wording import Wording, wording_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from selftune.app.reporting.study import GenerationStudy
    from selftune.loop.project import Project
    from selftune.loop.study.findings import Findings
    from selftune.loop.study.plan import StudyArm, StudyPlan
    from selftune.records import StudyNight
    from selftune.scoring.units import Mean


@dataclass(frozen=True, kw_only=True)
class ServedGeneration:
    """One generation of an arm over the nights that it served: all probe questions that it was asked, pooled.

    Attributes:
        distinct: Distinct-2 of each night's answers; `stock` the share that opens alike and `words` of an answer, means
            over the nights.
    """

    version: str
    generation: int
    nights: int
    mean: Mean
    distinct: tuple[float, ...]
    stock: float | None
    words: float | None


@dataclass(frozen=True, kw_only=True)
class Training:
    """One training as an event: why it began, on what, how its loss went, and the score before and after it.

    Attributes:
        before: The champion's mean on the gate's suite, `after` the candidate's; None where one was not measured.
    """

    night: StudyNight
    run: Run
    dataset: Dataset
    decision: Decision
    before: Mean | None
    after: Mean | None


@dataclass(frozen=True, kw_only=True)
class ArmOfMonth:
    """One arm, read from its records."""

    arm: StudyArm
    nights: tuple[StudyNight, ...]
    generations: tuple[ServedGeneration, ...]
    studied: tuple[GenerationStudy, ...]
    decisions: tuple[tuple[StudyNight, Decision], ...]
    trainings: tuple[Training, ...]
    approvals: tuple[Statement, ...]


@dataclass(frozen=True, kw_only=True)
class Month:
    """A whole study, ready to be shown."""

    plan: StudyPlan
    arms: tuple[ArmOfMonth, ...]
    findings: Findings
    last_updated: str


def gather_arm(project: Project, arm: StudyArm, nights: Sequence[StudyNight], unit: str) -> ArmOfMonth:
    """Read one arm; answers are summed up one evaluation at a time."""
    store = project.store
    decided = [(night, store.record(night.decision_id, Decision)) for night in nights if night.decision_id]
    approvals = [night.approval_id for night in nights if night.approval_id]
    return ArmOfMonth(
        arm=arm,
        nights=tuple(nights),
        generations=tuple(
            _generation(project, list(served), unit) for _, served in groupby(nights, key=lambda one: one.generation)
        ),
        studied=study_generations(project, tuple(release for _, release in store.each(Release))),
        decisions=tuple(decided),
        trainings=tuple(_training(project, night, decision) for night, decision in decided if decision.run_id),
        approvals=tuple(store.records(approvals, Statement)),
    )


def gather_month(plan: StudyPlan, arms: Sequence[ArmOfMonth], last_updated: str) -> Month:
    """The arms together, and what the registered rule makes of them."""
    nights: Mapping[StudyArm, Sequence[StudyNight]] = {one.arm: one.nights for one in arms}
    return Month(plan=plan, arms=tuple(arms), findings=conclude(plan, nights), last_updated=last_updated)


def _generation(project: Project, nights: Sequence[StudyNight], unit: str) -> ServedGeneration:
    evaluations = project.store.records([one.evaluation_id for one in nights if one.evaluation_id], Evaluation)
    units, worded = list[UnitScore](), list[Wording]()
    for evaluation in evaluations:
        units += unit_scores(evaluation.outcomes, unit)
        # Night by night: the more answers are looked at together, the fewer of their word pairs are new.
        worded.append(wording_of([outcome.answer for outcome in evaluation.outcomes]))
    return ServedGeneration(
        version=nights[-1].version,
        generation=nights[0].generation,
        nights=len(nights),
        mean=mean_of(units, LEVEL),
        distinct=tuple(one.distinct for one in worded if one.distinct is not None),
        stock=fmean(one.stock for one in worded) if worded else None,
        words=fmean(one.mean_words for one in worded) if worded else None,
    )


def _training(project: Project, night: StudyNight, decision: Decision) -> Training:
    run = project.store.record(decision.run_id or "", Run)
    arms = {arm.value: name for arm, name in decision.arms}
    return Training(
        night=night,
        run=run,
        dataset=project.store.record(run.dataset_id, Dataset),
        decision=decision,
        before=_mean_of(project, arms.get("champion")),
        after=_mean_of(project, arms.get("candidate")),
    )


def _mean_of(project: Project, evaluation_id: str | None) -> Mean | None:
    if evaluation_id is None:
        return None
    outcomes = project.store.record(evaluation_id, Evaluation).outcomes
    unit = "pair" if any(outcome.pair for outcome in outcomes) else "item"
    return mean_of(unit_scores(outcomes, unit), LEVEL)
