"""Runs side by side: how each was trained, what its builds scored, and what that is beside one of them (B34, B48)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from selftune.app.reporting.arms import PLACES, ArmView, difference_between, view
from selftune.app.reporting.pages import figures
from selftune.app.reporting.pages.parts import Page, Said, Section, Table
from selftune.errors import UsageError
from selftune.gate.config import Policy
from selftune.gate.rules.purpose import purpose_of
from selftune.loop.service import serving_release
from selftune.records import Build, Evaluation, Run, RunPurpose

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from selftune.app.reporting.pages.parts import Part
    from selftune.app.reporting.suites import KnownSuites
    from selftune.gate.statistics.paired import Difference
    from selftune.loop.project import Project

UNTRAINED: Final = "untrained"
_PROBE_BELOW: Final = Policy.probe_below


@dataclass(frozen=True, kw_only=True)
class Trial:
    """A run and one evaluation of a build it made; `run` is None for what no run of this project made.

    Attributes:
        found: Its paired difference from the baseline; None where one of them was not asked the suite, and where a
            probe would stand beside what is none.
        failures: Critical failures more than the baseline's, likewise.
    """

    run: Run | None
    arm: ArmView
    evaluation_id: str
    found: Difference | None = None
    failures: int | None = None


def runs_page(project: Project, suites: KnownSuites, baseline: Run | None) -> Page:
    """Every run that was evaluated, in a table for each suite; failed runs are on the page of everything."""
    runs = {run.id: run for _, run in project.store.each(Run)}
    made = {build.id: runs.get(build.run_id or "") for _, build in project.store.each(Build)}
    beside = _arms_of(project, suites, made, baseline)
    trials = tuple(_trials(project, suites, made, beside, baseline))
    name = UNTRAINED if baseline is None else f"run {baseline.id[4:12]}"
    counted = f"{figures.counted(len(trials), 'evaluation')} of {figures.counted(len(runs), 'run')}"
    return Page(
        title="Runs side by side",
        lead=(
            f"{counted}, each against {name}.",
            "Differences are paired, over the units that both have a score for, with their 95 % intervals.",
        ),
        sections=tuple(Section(title=suite, parts=tuple(_parts(suite, trials))) for suite in _suites(trials)),
        foot="Every figure is reckoned from the records when this page is made.",
        again="runs" if baseline is None else f"runs --baseline {baseline.id}",
    )


def baseline_of(project: Project, name: str | None) -> Run | None:
    """The run that a name means; without one, the run behind what serves, and None where nothing trained serves.

    Raises:
        UsageError: it is no run.
        UnknownNameError: no record begins like that.
    """
    if name is not None:
        record = project.store.any_record(name)
        if not isinstance(record, Run):
            raise UsageError(f"{name} is a {record.KIND}, not a run.", next_step="Name a run: selftune report --all")
        return record
    serving = project.store.record(serving_release(project).build_id, Build)
    return None if serving.run_id is None else project.store.record(serving.run_id, Run)


def _arms_of(
    project: Project, suites: KnownSuites, made: Mapping[str, Run | None], run: Run | None
) -> dict[str, ArmView]:
    """By suite digest, the last evaluation of a build that this run made; of None, of one that no run made."""
    own = (one for _, one in project.store.each(Evaluation) if one.build_id in made and made[one.build_id] == run)
    return {one.suite_digest: _without_answers(view("baseline", one, suites.unit_of(one))) for one in own}


def _trials(
    project: Project,
    suites: KnownSuites,
    made: Mapping[str, Run | None],
    beside: Mapping[str, ArmView],
    baseline: Run | None,
) -> Iterator[Trial]:
    for _, one in project.store.each(Evaluation):
        if one.build_id not in made:
            continue
        run, arm = made[one.build_id], _without_answers(view("trial", one, suites.unit_of(one)))
        base = beside.get(one.suite_digest)
        alike = base is not None and run != baseline and comparable(run, baseline)
        yield Trial(
            run=run,
            arm=replace(arm, units=()),
            evaluation_id=one.id,
            found=difference_between(base, arm) if base is not None and alike else None,
            failures=arm.summary.critical_failures - base.summary.critical_failures if base and alike else None,
        )


def comparable(run: Run | None, baseline: Run | None) -> bool:
    """Whether both are probes or neither is; what was never trained is none."""
    of_baseline = RunPurpose.PRODUCTION if baseline is None else purpose_of(baseline, None, _PROBE_BELOW)
    return (RunPurpose.PRODUCTION if run is None else purpose_of(run, baseline, _PROBE_BELOW)) is of_baseline


def _without_answers(arm: ArmView) -> ArmView:
    return replace(arm, evaluation=replace(arm.evaluation, outcomes=()))


def _suites(trials: Sequence[Trial]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(map(_suite, trials)))


def _suite(trial: Trial) -> str:
    return f"{trial.arm.evaluation.suite} {trial.arm.evaluation.suite_digest[7:15]}"


def _parts(suite: str, trials: Sequence[Trial]) -> Iterator[Part]:
    asked = [one for one in trials if _suite(one) == suite]
    head = ("run", "purpose", "objective", "learning rate", "beta", "steps", "seed")
    rows = tuple((_name(one), *_training(one.run)) for one in asked)
    yield Table(caption=f"How the runs were trained whose builds answered {suite}", head=head, rows=rows)
    places = sorted({name for one in asked for name, _ in one.arm.summary.by_category})
    scored = tuple(
        (
            _name(one), figures.mean(one.arm.summary.overall.value, one.arm.summary.overall.interval, PLACES),
            str(one.arm.summary.overall.n), str(one.arm.summary.critical_failures), *_beside(one), *_means(one, places),
        )
        for one in asked
    )  # fmt: skip
    asked_of = ("run", "score", "n", "critical failures", "against the baseline", "critical failures more", *places)
    yield Table(caption=f"What they scored on {suite}", head=asked_of, rows=scored)
    if any(one.found is None and one.run is not None for one in asked):
        yield Said(text="No difference stands for the baseline itself, nor for a probe beside what is none.")


def _name(trial: Trial) -> str:
    run = UNTRAINED if trial.run is None else trial.run.id[4:12]
    return f"{run}, {trial.evaluation_id[11:17]}"


def _training(run: Run | None) -> tuple[str, ...]:
    """Purpose, objective, learning rate, beta, steps and seed."""
    if run is None:
        return (figures.NOTHING,) * 6
    told = dict(run.settings)
    rate = told.get("learning_rate") or (f"{max(one.learning_rate for one in run.curve):g}" if run.curve else "")
    return (
        run.purpose.value or "not stated", run.objective, rate or figures.NOTHING, told.get("beta", figures.NOTHING),
        f"{run.steps} of {run.planned_steps}", str(run.seed),
    )  # fmt: skip


def _beside(trial: Trial) -> tuple[str, str]:
    if trial.found is None or trial.failures is None:
        return figures.NOTHING, figures.NOTHING
    return figures.shift(trial.found.mean, trial.found.interval, PLACES), f"{trial.failures:+d}"


def _means(trial: Trial, places: Sequence[str]) -> tuple[str, ...]:
    means = {name: mean.value for name, mean in trial.arm.summary.by_category}
    return tuple(figures.number(means.get(place), PLACES) for place in places)
