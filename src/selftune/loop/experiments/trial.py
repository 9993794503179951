"""One experiment: a try of the recipe in force with changes, held against that recipe as it is, on one screen.

Both are trained alike (steps, data order, seeds), laid out alike, and asked the same items as they will be served; each
is a step of the executor, so that what is finished is found again after a crash. No file of the project is touched.

That a served file answers as the model it was made from is proved of the baseline, and of a try only once the screen
keeps it: most are sent away by then, and the proof takes longer than asking. What goes to the gate has it in full.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from selftune.builds.stage import ParityError, build
from selftune.curation.stage import curate
from selftune.errors import (
    BelowTriggerError,
    MissingFileError,
    NothingToTrainOnError,
    NotYet,
    ServingError,
    UnbalancedError,
    UsageError,
)
from selftune.evals.stage import evaluate
from selftune.loop.executor import Stored
from selftune.loop.experiments.agenda.floors import refuse_thin
from selftune.loop.experiments.ahead import Ahead, LostTrainingError, Training
from selftune.loop.experiments.changing import apply_changes
from selftune.loop.experiments.repeats import FEWEST, affordable_repeats, is_drawn, noise_on, repeats_needed
from selftune.loop.experiments.screening import hold_off, make_screen
from selftune.loop.experiments.verdict import SURE, Arm, Demand, Verdict, read_screen
from selftune.loop.lessons.recipes import recipe_in_force
from selftune.loop.measuring.grading import refuse_related_graders
from selftune.loop.night.engines.serial import Serial
from selftune.loop.planning import make_curation
from selftune.loop.project import utc_now
from selftune.records import Experiment, ExperimentResult, Mode, RunPurpose, RunStatus

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from selftune.curation.base import Judged
    from selftune.evals.config import EvaluationConfig
    from selftune.loop.executor import Executor
    from selftune.loop.experiments.base import Agenda, Proposal
    from selftune.loop.plan import Plan
    from selftune.loop.project import Project
    from selftune.records import Build, Dataset, Evaluation, Run
    from selftune.training.config import Recipe
    from selftune.training.rungs import Rung

_TO_SPARE: Final = 0.9
"""Of the steps that fitted in: the next training may be a little slower."""

_LENGTH: Final = frozenset({"max_steps", "epochs"})
"""Keys of a recipe that say how long is trained: only a try of these is trained longer or shorter than the baseline."""

_ITS_OWN_FAULT: Final = (
    UsageError,
    NothingToTrainOnError,
    BelowTriggerError,
    UnbalancedError,
    ServingError,
    LostTrainingError,
)
"""What a try can be the reason of: a recipe that does not fit or kills who trains it, too few lessons left, a model
that can't be served."""


class NoBaselineError(NotYet):
    """What tries are held against could not be measured itself."""


@dataclass(frozen=True, kw_only=True)
class Bench:
    """What every try of a night stands on; the same for all of them.

    Attributes:
        project: On the node that trains: with its base and its back-end.
        plan: What this night learns from, how it is built, and the policy of the gate; nothing close to the screen is
            learnt.
        judged: Every judged interaction, as it stood when the bench was made.
        mode: Whether this base stands in for the one that serves; `node` is where it is trained.
        night: Its name; empty for an experiment by hand.
        ahead: Trains several tries at once, where there is an engine for it.
    """

    project: Project
    plan: Plan
    judged: Judged
    step: Executor
    screen: EvaluationConfig
    agenda: Agenda
    mode: Mode
    node: str = "here"
    night: str = ""
    now: Callable[[], str] = utc_now
    elapsed: Callable[[], float] = time.monotonic
    ahead: Ahead = field(default_factory=lambda: Ahead(Serial()))

    @property
    def demand(self) -> Demand:
        """What a try must show on the screen, and may not lose there."""
        limits = self.agenda.constraints
        return Demand(policy=self.plan.policy, guarded=limits.guarded, least_gain=limits.least_gain)

    def recipe_for(self, changes: Sequence[str]) -> Recipe:
        """The recipe in force with these changes.

        Raises:
            UsageError: it may not be varied so, or breaks a rule that nobody set aside.
        """
        return recipe_in_force(apply_changes(self.project, tuple(changes)))

    def dataset_for(self, changes: Sequence[str]) -> Dataset:
        """What is learnt from under these changes; curated once for all that choose alike.

        Raises:
            NotYet: it is too little, or too much of one kind.
        """
        curation = replace(
            make_curation(apply_changes(self.project, tuple(changes))),
            trigger=self.plan.curation.trigger,
            disagreement=self.plan.curation.disagreement,
        )
        return self.step(curate, self.judged, curation)

    def train(self, dataset: Dataset, config: Recipe | Rung) -> Run:
        """Train by a recipe, or up to a rung of it.

        Raises:
            LostTrainingError: whatever trained it ahead died of it.
            TrainingStoppedError: somebody stopped the training.
        """
        return self.ahead.take(self.step, Training(dataset=dataset, config=config))


@dataclass(frozen=True, kw_only=True)
class Measured(Arm):
    """One arm, trained, built and asked the screen; and what it was trained by."""

    dataset: Dataset
    recipe: Recipe

    @property
    def seconds(self) -> tuple[float, float]:
        """Of training and of evaluating, when they were done."""
        return self.run.wall_seconds, self.evaluation.wall_seconds

    @property
    def costs_usd(self) -> tuple[float, float]:
        """The same in money."""
        return self.run.cost_usd, self.evaluation.cost_usd


@dataclass(frozen=True, kw_only=True)
class Unmeasured:
    """An arm that came to nothing that could be asked: failed, or out of time; and how far it came."""

    result: ExperimentResult
    why: str
    recipe: Recipe | None = None
    dataset: Dataset | None = None
    run: Run | None = None


def make_bench(
    project: Project, plan: Plan, step: Executor, *, agenda: Agenda, mode: Mode, node: str = "here", night: str = ""
) -> Bench:
    """The bench of a night, once what is new is judged.

    Raises:
        ConfigError: no screen can be had, it shares an item with the gate, or lacks a guarded category; or who grades
            it is kin of who chose the lessons.
    """
    screen = make_screen(project, agenda)
    refuse_related_graders([screen.grader], plan.judge_identity, project, plan.policy)
    plan = hold_off(plan, screen.suite)
    return Bench(
        project=project,
        plan=plan,
        judged=plan.judged(Stored((), plan.store)),
        step=step,
        screen=screen,
        agenda=agenda,
        mode=mode,
        node=node,
        night=night,
    )


def measure_baseline(bench: Bench) -> Measured:
    """The recipe in force as it is, which every try is held against.

    Raises:
        NoBaselineError: it failed, or the time did not suffice; without it no try says anything.
        TrainingStoppedError: somebody stopped the training.
    """
    found = measure(bench, ())
    if isinstance(found, Unmeasured) and found.run is not None and is_too_long(bench, found.run):
        found = measure_probe(bench, found.run)
    if isinstance(found, Unmeasured):
        raise NoBaselineError(
            f"the recipe in force could not be measured, so that no try can be held against it: {found.why}",
            next_step="Put that right first; `selftune train --plan` shows what would be done and how long it takes.",
        )
    return replace(found, evaluation=ask_often_enough(bench, found))


def is_too_long(bench: Bench, run: Run) -> bool:
    """Whether the recipe does not fit into what a training may take where a base only stands in."""
    return bench.mode is Mode.PROXY and run.status is RunStatus.OUT_OF_TIME and run.steps > 1


def measure_probe(bench: Bench, cut: Run) -> Measured | Unmeasured:
    """The recipe in force, cut down to what the time allowed with some to spare; every try is then as short.

    It is a probe and says so: no gate holds it against what serves (mission B33).
    """
    steps = max(1, int(_TO_SPARE * cut.steps))
    found = measure(bench, (), learn=lambda dataset, recipe: bench.train(dataset, as_probe(recipe, steps)))
    return found if found.recipe is None else replace(found, recipe=as_probe(found.recipe, steps))


def as_probe(recipe: Recipe, steps: int) -> Recipe:
    """The recipe for so many steps, which is then a probe."""
    return replace(recipe, max_steps=steps, epochs=0.0, purpose=RunPurpose.PROBE)


def ask_often_enough(bench: Bench, baseline: Measured) -> Evaluation:
    """The baseline's answers, drawn again as often as their noise asks for; every try is then asked as often."""
    once, most = baseline.evaluation, affordable_repeats(baseline.evaluation, baseline.run.wall_seconds)
    if not is_drawn(once) or max(most, len(once.seeds)) < FEWEST:
        return once
    seen = once if len(once.seeds) >= FEWEST else ask(bench, baseline.build, FEWEST)
    noise = noise_on(seen, bench.screen.suite)
    needed = 1 if noise is None else repeats_needed(noise, bench.demand.least_gain, SURE)
    wanted = max(len(once.seeds), min(needed, most))
    return next((one for one in (once, seen) if len(one.seeds) == wanted), None) or ask(bench, baseline.build, wanted)


def ask(bench: Bench, made: Build, repeats: int) -> Evaluation:
    """A build's answers to the screen, each item asked so often."""
    return bench.step(evaluate, made, replace(bench.screen, repeats=repeats))


def try_out(bench: Bench, baseline: Measured, proposal: Proposal, name: str) -> Experiment:
    """Train, build and ask a try, and say what the screen says of it.

    Raises:
        TrainingStoppedError: somebody stopped the training; who asked for that decides what it means.
        BudgetError: the command's time or money is used up.
    """
    began, started = bench.now(), bench.elapsed()
    tried = measure(bench, proposal.changes, beside=baseline)
    if isinstance(tried, Unmeasured):
        verdict = Verdict(result=tried.result, why=tried.why)
    else:
        verdict = prove_kept(bench, tried, read_screen(baseline, tried, bench.screen.suite, bench.demand))
    written = write_up(bench, proposal, name, verdict, tried, baseline)
    return replace(written, began=began, elapsed_seconds=bench.elapsed() - started)


def prove_kept(bench: Bench, tried: Measured, verdict: Verdict) -> Verdict:
    """The verdict, once what the gate would look at is proved where the screen kept it; `failed` where it can't be.

    Raises:
        BudgetError: the command's time or money is used up.
    """
    if verdict.result is not ExperimentResult.KEPT:
        return verdict
    try:
        bench.step(build, tried.run, bench.plan.form)
    except (ParityError, ServingError) as error:
        return Verdict(result=ExperimentResult.FAILED, why=f"{verdict.why} But {error.message}")
    return verdict


def cut_short(bench: Bench, baseline: Measured | None, proposal: Proposal, name: str, why: str) -> Experiment:
    """The record of a try that a deadline cut off, or left no time for."""
    left = Unmeasured(result=ExperimentResult.OUT_OF_TIME, why=why)
    return write_up(bench, proposal, name, Verdict(result=left.result, why=why), left, baseline)


def measure(
    bench: Bench,
    changes: Sequence[str],
    *,
    beside: Measured | None = None,
    learn: Callable[[Dataset, Recipe], Run] | None = None,
) -> Measured | Unmeasured:
    """Train, build and ask one arm: as long as the one `beside` it, unless that is what is tried.

    With one beside it that is proved to answer as it was trained, its own build is not: it has no parity figures.
    `learn` trains otherwise than to the end; a training that it leaves paused is asked as it stands.

    Raises:
        TrainingStoppedError: somebody stopped the training.
        BudgetError: the command's time or money is used up.
    """
    recipe = dataset = run = None
    try:
        recipe, dataset = arm_of(bench, changes, beside)
        refuse_thin(bench.agenda.constraints.floors, dataset.train, recipe)
        run = bench.train(dataset, recipe) if learn is None else learn(dataset, recipe)
        if run.status not in _CAN_BE_ASKED:
            return Unmeasured(result=_RESULTS[run.status], why=_ended(run), recipe=recipe, dataset=dataset, run=run)
        made = bench.step(build, run, bench.plan.form if beside is None else replace(bench.plan.form, proved=False))
        evaluation = ask(bench, made, len(beside.evaluation.seeds) if beside is not None else bench.screen.rounds)
    except MissingFileError:
        raise  # no try takes a file of the machine away
    except _ITS_OWN_FAULT as error:
        return Unmeasured(result=ExperimentResult.FAILED, why=error.message, recipe=recipe, dataset=dataset, run=run)
    return Measured(run=run, build=made, evaluation=evaluation, dataset=dataset, recipe=recipe)


def arm_of(bench: Bench, changes: Sequence[str], beside: Measured | None) -> tuple[Recipe, Dataset]:
    """How an arm is trained, and on what; as long as the one `beside` it. Errors as the bench's own."""
    recipe, dataset = bench.recipe_for(changes), bench.dataset_for(changes)
    return (recipe if beside is None else as_long_as(beside, recipe, dataset, changes)), dataset


def train_ahead(
    bench: Bench,
    tries: Sequence[Sequence[str]],
    beside: Measured,
    config_of: Callable[[int, Recipe], Recipe | Rung | None] = lambda _, recipe: recipe,
) -> None:
    """Train all these tries at once where an engine can; each is then measured as if it had been begun before.

    `config_of` says of a try, by its place, how far it is trained; None: not at all.

    Raises:
        TrainingStoppedError: somebody stopped it.
    """
    if bench.ahead.workers == 1:
        return
    found = []
    for place, changes in enumerate(tries):
        try:
            recipe, dataset = arm_of(bench, changes, beside)
            refuse_thin(bench.agenda.constraints.floors, dataset.train, recipe)
            config = config_of(place, recipe)
        except _ITS_OWN_FAULT:
            continue  # measuring it says so
        if config is not None:
            found.append(Training(dataset=dataset, config=config))
    bench.ahead.train(bench.step, found)


def as_long_as(beside: Measured, recipe: Recipe, dataset: Dataset, changes: Sequence[str]) -> Recipe:
    """The recipe with as many steps as the other arm took: a longer training is another experiment (mission B33).

    A try of how long is trained stays as it is, and so does a recipe that plans as many steps by itself. Beside a probe
    every try is one.
    """
    if recipe.purpose is not beside.recipe.purpose:
        recipe = replace(recipe, purpose=beside.recipe.purpose)
    steps, varied = beside.run.planned_steps, {change.partition("=")[0] for change in changes}
    if varied & _LENGTH or (_length_of(recipe), dataset.id) == (_length_of(beside.recipe), beside.dataset.id):
        return recipe
    return replace(recipe, max_steps=steps, epochs=0.0)


def _length_of(recipe: Recipe) -> tuple[float, ...]:
    """What decides of a recipe how many steps it takes on the same lessons."""
    passes = (recipe.epochs, recipe.small_set, recipe.examples_per_step) if recipe.epochs else ()
    return (recipe.max_steps, *passes)


_CAN_BE_ASKED: Final = frozenset({RunStatus.FINISHED, RunStatus.PAUSED})
_RESULTS: Final = {
    RunStatus.OUT_OF_TIME: ExperimentResult.OUT_OF_TIME,
    RunStatus.FAILED: ExperimentResult.FAILED,
    RunStatus.DIVERGED: ExperimentResult.FAILED,
    RunStatus.TRAINED_NOTHING: ExperimentResult.FAILED,
}


def _ended(run: Run) -> str:
    told = f"the training ended as {run.status.value.replace('_', ' ')} after {run.steps} of {run.planned_steps} steps"
    return f"{told}: {run.reason}" if run.reason else f"{told}."


def write_up(
    bench: Bench,
    proposal: Proposal,
    name: str,
    verdict: Verdict,
    tried: Measured | Unmeasured,
    baseline: Measured | None,
) -> Experiment:
    """The record of one try, from what was measured of it."""
    measured = tried if isinstance(tried, Measured) else None
    run = tried.run
    return Experiment(
        name=name,
        began=bench.now(),
        night=bench.night,
        mode=bench.mode,
        node=bench.node,
        base=bench.project.base.name,
        base_digest=bench.project.base.digest,
        lane=proposal.lane.value,
        proposer=proposal.proposer,
        reason=proposal.reason,
        changes=proposal.changes,
        config=() if tried.recipe is None else tried.recipe.settings,
        recipe_digest="" if tried.recipe is None else tried.recipe.digest,
        dataset_id=None if tried.dataset is None else tried.dataset.id,
        suite=bench.screen.asked,
        suite_digest=bench.screen.asked_digest,
        result=verdict.result,
        why=verdict.why,
        score=verdict.score,
        baseline=verdict.baseline,
        effect=verdict.effect,
        parts=verdict.parts,
        train_loss=run.curve[-1].loss if run is not None and run.curve else None,
        val_loss=None if run is None else _held_out_loss(run),
        training_seconds=0.0 if run is None else run.wall_seconds,
        evaluation_seconds=0.0 if measured is None else measured.evaluation.wall_seconds,
        costs_usd=(
            0.0 if run is None else run.cost_usd,
            0.0 if measured is None else measured.evaluation.cost_usd,
            0.0,
        ),
        run_id=None if run is None else run.id,
        build_id=None if measured is None else measured.build.id,
        evaluation_id=None if measured is None else measured.evaluation.id,
        baseline_run_id=None if baseline is None else baseline.run.id,
        baseline_evaluation_id=None if baseline is None else baseline.evaluation.id,
    )


def _held_out_loss(run: Run) -> float | None:
    """The last loss on lessons that were held out of the training; None where nobody took it."""
    return next((point.eval_loss for point in reversed(run.curve) if point.eval_loss is not None), None)
