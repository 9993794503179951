"""Successive halving: many tries are trained a little, the best of them further, and one of each four goes on.

Source: Jamieson and Talwalkar, "Non-stochastic best arm identification" (2016). Each look compares a try with the
baseline after the same share of steps, on the same items, and tries with each other inside one rung alone. A loss
prunes nobody, and no look promotes anybody: what is left is screened as any try, and one of a night goes to the gate,
on items that no rung has seen. So alpha is nobody's business here, however many began.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field, replace
from itertools import pairwise
from math import ceil
from typing import TYPE_CHECKING, Final

from selftune.errors import NotYet
from selftune.loop.experiments.trial import (
    Measured,
    NoBaselineError,
    Unmeasured,
    ask_often_enough,
    measure,
    prove_kept,
    train_ahead,
    write_up,
)
from selftune.loop.experiments.verdict import Verdict, read_screen
from selftune.records import ExperimentResult, RungTaken, RunStatus
from selftune.training.rungs import Rung, in_rungs
from selftune.training.state import holds_state, spent_states

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from selftune.loop.experiments.base import Proposal
    from selftune.loop.experiments.trial import Bench
    from selftune.records import Dataset, Effect, Experiment, Run
    from selftune.training.config import Recipe

ETA: Final = 4
MOST_ARMS: Final = 16


def rungs_for(arms: int) -> tuple[float, ...]:
    """The shares of a training at which so many arms are looked at; the last is 1."""
    rungs, first = [1.0], 1
    while first < arms:
        first *= ETA
        rungs.insert(0, 1 / first)
    return tuple(rungs)


def arms_at(arms: int) -> tuple[int, ...]:
    """How many of so many arms are trained up to each rung, if none stops early."""
    counts = [arms]
    for _ in rungs_for(arms)[1:]:
        counts.append(ceil(counts[-1] / ETA))
    return tuple(counts)


def full_runs(arms: int) -> float:
    """What halving so many arms costs, in trainings to the end; without the baseline, which is one more."""
    shares = (0.0, *rungs_for(arms))
    return sum(count * (upper - lower) for count, (lower, upper) in zip(arms_at(arms), pairwise(shares), strict=True))


def arms_for(
    seconds: float, seconds_per_full_run: float, *, seconds_per_look: float = 0.0, most: int = MOST_ARMS
) -> int:
    """The most arms whose halving fits into the seconds, the baseline and every look reckoned in; 0 for none."""

    def takes(arms: int) -> float:
        looks = sum(arms_at(arms)) + len(rungs_for(arms))
        return (full_runs(arms) + 1) * seconds_per_full_run + looks * seconds_per_look

    return max((arms for arms in range(1, most + 1) if takes(arms) <= seconds), default=0)


def who_stays(effects: Mapping[int, Effect], seed: int) -> tuple[int, ...]:
    """Of the arms that were measured at a rung those that go on, the best first: one in `ETA`, rounded up.

    An arm stops early whose interval lies below that of the best, or below the baseline. Ties go by a seeded order.
    """
    order = list(range(max(effects, default=-1) + 1))
    random.Random(seed).shuffle(order)  # noqa: S311 - draws must repeat, not be secret
    best_first = sorted(effects, key=lambda arm: (-effects[arm].mean, order[arm]))
    bar = max(0.0, effects[best_first[0]].interval[0]) if best_first else 0.0
    near = [arm for arm in best_first if effects[arm].interval[1] >= bar]
    return tuple(near[: ceil(len(effects) / ETA)])


@dataclass(kw_only=True)
class _Arm:
    """One try on its way up; what was last found of it, and the baseline that it was held against."""

    proposal: Proposal
    name: str
    began: str
    found: Measured | Unmeasured | None = None
    verdict: Verdict | None = None
    baseline: Measured | None = None
    seconds: float = 0.0
    rungs: list[RungTaken] = field(default_factory=list)
    looks: list[Measured | Unmeasured] = field(default_factory=list)

    @property
    def effect(self) -> Effect | None:
        """Of its last look; None where it could not be compared."""
        verdict = self.verdict
        return None if verdict is None or verdict.result is ExperimentResult.FAILED else verdict.effect

    def note(self, *, stayed: bool) -> None:
        """Take its last look down; one that was never trained has no rung to speak of."""
        look = self.looks[-1]
        if look.run is not None:
            evaluation = look.evaluation.id if isinstance(look, Measured) else None
            taken = RungTaken(
                steps=look.run.steps, effect=self.effect, stayed=stayed, run_id=look.run.id, evaluation_id=evaluation
            )
            self.rungs.append(taken)


def halve(
    bench: Bench,
    proposals: Sequence[Proposal],
    names: Sequence[str],
    *,
    heard: Callable[[str], None] = lambda _: None,
    is_over: Callable[[], bool] = lambda: False,
) -> tuple[Experiment, ...]:
    """Try all of these, each as far as it is worth; a record for each, in their order.

    Called again after it was stopped, it finds what is finished. `heard` is told of each look. What stops it once
    `is_over` ends it: who was still in it is `out of time`, with the rungs that it took.

    Raises:
        NoBaselineError: the recipe in force could not be measured.
        TrainingStoppedError: somebody stopped the training; what it learnt is kept.
        BudgetError: the command's time or money is used up.
    """
    arms = [
        _Arm(proposal=proposal, name=name, began=bench.now()) for proposal, name in zip(proposals, names, strict=True)
    ]
    alive = tuple(range(len(arms)))
    shares = rungs_for(len(arms))
    baselines: list[Measured] = []
    for number, share in enumerate(shares, start=1):
        try:
            baselines.append(_raise_baseline(bench, baselines[-1] if baselines else None, share))
            _raise_ahead(bench, [arms[place] for place in alive], share, baselines[-1])
            for place in alive:
                _raise(bench, arms[place], share, baselines[-1])
                heard(f"{arms[place].name}, rung {number} of {len(shares)}: {_told(arms[place])}")
        except NotYet as stopped:
            if not is_over():
                raise
            _cut([arms[place] for place in alive], stopped.message)
            _drop_states(bench, arms, baselines, going_on=())
            break
        effects = {place: effect for place in alive if (effect := arms[place].effect) is not None}
        staying = who_stays(effects, bench.project.config.project.seed) if share < 1 else alive
        _close(arms, alive, staying, f"rung {number} of {len(shares)}")
        further = (*(found for place in staying if (found := arms[place].found)), baselines[-1])
        _drop_states(bench, arms, baselines, going_on=further)
        alive = staying
    return tuple(_write(bench, arm) for arm in arms)


def _raise_baseline(bench: Bench, before: Measured | None, share: float) -> Measured:
    found = measure(bench, (), beside=before, learn=_learning(bench, share, before))
    if isinstance(found, Unmeasured):
        raise NoBaselineError(
            f"the recipe in force could not be measured at {share:.0%} of its steps: {found.why}",
            next_step="Put that right first; `selftune train --plan` shows what would be done and how long it takes.",
        )
    return replace(found, recipe=in_rungs(found.recipe), evaluation=ask_often_enough(bench, found))


def _raise_ahead(bench: Bench, arms: Sequence[_Arm], share: float, baseline: Measured) -> None:
    """Train all arms up to the rung at once, where there is an engine for it."""
    runs = [arm.found.run if isinstance(arm.found, Measured) else None for arm in arms]
    train_ahead(
        bench,
        [arm.proposal.changes for arm in arms],
        baseline,
        lambda place, recipe: _rung_of(bench, share, runs[place], recipe),
    )


def _raise(bench: Bench, arm: _Arm, share: float, baseline: Measured) -> None:
    """Train an arm up to the rung and look at it beside the baseline that is as far."""
    started = bench.elapsed()
    before = arm.found if isinstance(arm.found, Measured) else None
    found = measure(bench, arm.proposal.changes, beside=baseline, learn=_learning(bench, share, before))
    if isinstance(found, Measured):
        found = replace(found, recipe=in_rungs(found.recipe))
        verdict = read_screen(baseline, found, bench.screen.suite, bench.demand)
        arm.verdict = prove_kept(bench, found, verdict) if share == 1 else verdict
    else:
        arm.verdict = Verdict(result=found.result, why=found.why)
    arm.found, arm.baseline = found, baseline
    arm.looks.append(found)
    arm.seconds += bench.elapsed() - started


def _learning(bench: Bench, share: float, before: Measured | None) -> Callable[[Dataset, Recipe], Run]:
    """How an arm is trained up to a rung: on from where it paused, or from the first step where that is gone."""

    def learn(dataset: Dataset, recipe: Recipe) -> Run:
        run = None if before is None else before.run
        rung = _rung_of(bench, share, run, recipe)
        if rung is None:
            assert run is not None, "only what was trained has ended"  # noqa: S101 - can't happen
            return run
        return bench.train(dataset, rung)

    return learn


def _rung_of(bench: Bench, share: float, run: Run | None, recipe: Recipe) -> Rung | None:
    """The rung that comes after this run; None where it stopped early, by its own held-out lessons."""
    if run is not None and run.status is not RunStatus.PAUSED:
        return None
    after = run.id if run is not None and holds_state(run, bench.project.blobs) else ""
    return Rung(recipe=in_rungs(recipe), until=share, after=after)


def _close(arms: Sequence[_Arm], alive: Sequence[int], staying: Sequence[int], rung: str) -> None:
    """Note for each arm that was looked at whether it stays, and why not."""
    best = arms[staying[0]] if staying else None
    for place in alive:
        arm = arms[place]
        arm.note(stayed=place in staying and arm.effect is not None)
        if place not in staying and arm.effect is not None and arm.verdict is not None:
            ahead = "none went on" if best is None else f"{len(staying)} of {len(alive)} went on, {best.name} first"
            why = f"stopped at {rung}, {_told(arm)}; {ahead}."
            arm.verdict = replace(arm.verdict, result=ExperimentResult.REVERTED, why=why)


def _cut(arms: Sequence[_Arm], why: str) -> None:
    """The time is up: whoever was still in it is out of time."""
    for arm in arms:
        if len(arm.looks) > len(arm.rungs):
            arm.note(stayed=False)
        if arm.verdict is not None and arm.verdict.result is ExperimentResult.FAILED:
            continue
        told = f"the time was up before its next rung: {why}"
        left = Verdict(result=ExperimentResult.OUT_OF_TIME, why=told)
        arm.verdict = left if arm.verdict is None else replace(arm.verdict, result=left.result, why=told)


def _drop_states(
    bench: Bench, arms: Sequence[_Arm], baselines: Sequence[Measured], *, going_on: Sequence[Measured | Unmeasured]
) -> None:
    """Let go what nobody goes on from: the rung is closed."""
    looks = (*(look for arm in arms for look in arm.looks), *baselines)
    further = {look.run.id for look in going_on if look.run is not None}
    for file in spent_states((look.run for look in looks if look.run is not None), further):
        bench.project.blobs.drop(file.digest)


def _told(arm: _Arm) -> str:
    if arm.found is None or arm.found.run is None or arm.effect is None:
        return "not measured" if arm.verdict is None else arm.verdict.why
    run, effect = arm.found.run, arm.effect
    low, high = effect.interval
    return f"{effect.mean:+.3f} [{low:+.3f}, {high:+.3f}] on {effect.n} after {run.steps} of {run.planned_steps} steps"


def _write(bench: Bench, arm: _Arm) -> Experiment:
    """The record of one arm, with all that its looks took."""
    found = arm.found or Unmeasured(result=ExperimentResult.OUT_OF_TIME, why="the time was up before it began.")
    verdict = arm.verdict or Verdict(result=found.result, why=found.why)  # type: ignore[union-attr] # Unmeasured here
    written = write_up(bench, arm.proposal, arm.name, verdict, found, arm.baseline)
    runs = {look.run.id: look.run for look in arm.looks if look.run is not None}
    asked = {look.evaluation.id: look.evaluation for look in arm.looks if isinstance(look, Measured)}
    return replace(
        written,
        began=arm.began,
        elapsed_seconds=arm.seconds,
        training_seconds=sum(run.wall_seconds for run in runs.values()),
        evaluation_seconds=sum(one.wall_seconds for one in asked.values()),
        costs_usd=(
            sum(run.cost_usd for run in runs.values()),
            sum(one.cost_usd for one in asked.values()),
            written.costs_usd[2],
        ),
        rungs=tuple(arm.rungs),
    )
