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
from selftune.loop.releasing.service import serving_release
from selftune.records import Build, Evaluation, Run, RunPurpose

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from selftune.app.reporting.pages.parts import Part
    from selftune.app.reporting.suites import KnownSuites
    from selftune.gate.statistics.paired import Difference
    from selftune.loop.project import Project

_PROBE_BELOW: Final = Policy.probe_below
_ABREAST: Final = 7  # categories beside a run's name; more would lie beyond the edge of a page


@dataclass(frozen=True, kw_only=True)
class Trial:
    """One evaluation of a build, and the run that made it.

    Attributes:
        name: What it is called in both tables.
        run: None for what no run of this project made.
        found: Its paired difference from the baseline; None where one of them was not asked the suite, and where a
            probe would stand beside what is none.
        failures: Critical failures more than the baseline's, likewise.
    """

    name: str
    run: Run | None
    arm: ArmView
    found: Difference | None = None
    failures: int | None = None


def runs_page(project: Project, suites: KnownSuites, baseline: Run | None) -> Page:
    """Every run that was evaluated, in a table for each suite; failed runs are on the page of everything."""
    runs = {run.id: run for _, run in project.store.each(Run)}
    builds = {build.id: build for _, build in project.store.each(Build)}
    compared = _Against(run=baseline, builds=_builds_of(project, builds.values(), baseline))
    beside = _arms_of(project, suites, compared)
    trials = tuple(_trials(project, suites, builds, runs, compared, beside))
    name = "what serves, which was never trained" if baseline is None else f"run {baseline.id[4:12]}"
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


@dataclass(frozen=True, kw_only=True)
class _Against:
    """The baseline: its run, None where nothing was trained, and the builds that stand for it."""

    run: Run | None
    builds: frozenset[str]


def _builds_of(project: Project, builds: Iterable[Build], run: Run | None) -> frozenset[str]:
    if run is None:
        return frozenset({serving_release(project).build_id})
    return frozenset(build.id for build in builds if build.run_id == run.id)


def _arms_of(project: Project, suites: KnownSuites, baseline: _Against) -> dict[str, ArmView]:
    """By suite digest, what the baseline did there when it was asked last."""
    own = (one for _, one in project.store.each(Evaluation) if one.build_id in baseline.builds)
    return {one.suite_digest: _without_answers(view("baseline", one, suites.unit_of(one))) for one in own}


def _trials(
    project: Project,
    suites: KnownSuites,
    builds: Mapping[str, Build],
    runs: Mapping[str, Run],
    baseline: _Against,
    beside: Mapping[str, ArmView],
) -> Iterator[Trial]:
    for _, one in project.store.each(Evaluation):
        build = builds.get(one.build_id)
        if build is None:
            continue
        run, arm = runs.get(build.run_id or ""), _without_answers(view("trial", one, suites.unit_of(one)))
        base = beside.get(one.suite_digest)
        alike = base is not None and build.id not in baseline.builds and comparable(run, baseline.run)
        made_by = build.origin.value if run is None else run.id[4:12]
        yield Trial(
            name=f"{made_by}, {one.id[11:17]}",
            run=run,
            arm=replace(arm, units=()),
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
    rows = tuple((one.name, *_training(one.run)) for one in asked)
    yield Table(caption=f"How the runs were trained whose builds answered {suite}", head=head, rows=rows)
    places = sorted({name for one in asked for name, _ in one.arm.summary.by_category})
    scored = tuple(
        (
            one.name, figures.mean(one.arm.summary.overall.value, one.arm.summary.overall.interval, PLACES),
            str(one.arm.summary.overall.n), str(one.arm.summary.critical_failures), *_beside(one),
        )
        for one in asked
    )  # fmt: skip
    asked_of = ("run", "score", "n", "critical failures", "against the baseline", "critical failures more")
    yield Table(caption=f"What they scored on {suite}", head=asked_of, rows=scored)
    for start in range(0, len(places), _ABREAST):
        beside = places[start : start + _ABREAST]
        means = tuple((one.name, *_means(one, beside)) for one in asked)
        yield Table(caption=f"What they scored by category of {suite}", head=("run", *beside), rows=means)
    if any(one.found is None and one.run is not None for one in asked):
        yield Said(text="No difference stands for the baseline itself, nor for a probe beside what is none.")


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
