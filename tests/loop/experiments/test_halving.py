"""Many tries at the cost of few: what halving costs, who goes on, what is written of the others, and what may go."""

from __future__ import annotations

import random
import sys
from dataclasses import replace
from math import ceil
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parents[2] / "gate"))

import gate_worlds as worlds

from selftune.bases import reference
from selftune.builds.config import BuildConfig
from selftune.curation.config import Curation
from selftune.errors import NotYet
from selftune.evals.config import EvaluationConfig
from selftune.gate.policies import load_policy
from selftune.loop.experiments.base import Agenda, Constraints, Lane, Proposal
from selftune.loop.experiments.halving import arms_at, arms_for, full_runs, halve, rungs_for, who_stays
from selftune.loop.experiments.trial import Bench, NoBaselineError
from selftune.records import Effect, ExperimentResult, FileDigest, Mode, RunStatus
from selftune.testing import FakeClock, fake_build
from selftune.training.base import TrainingStoppedError

SUITE = replace(worlds.make_suite(10), purpose="screen")
PAIRS = tuple(dict.fromkeys(item.pair for item in SUITE.items))
STEPS = 60


def test_sixteen_arms_cost_two_and_a_half_trainings_and_four_less_than_two() -> None:
    assert rungs_for(16) == (1 / 16, 1 / 4, 1.0)
    assert arms_at(16) == (16, 4, 1)
    assert full_runs(16) == 2.5
    assert full_runs(4) == 1.75
    assert (rungs_for(1), full_runs(1)) == ((1.0,), 1.0)


@given(st.integers(2, 64))
def test_the_last_rung_is_the_whole_one_arm_is_left_and_no_halving_costs_more_than_all_of_them(arms: int) -> None:
    assert rungs_for(arms)[-1] == 1.0
    assert list(rungs_for(arms)) == sorted(set(rungs_for(arms)))
    assert arms_at(arms)[-1] == 1
    assert full_runs(arms) < arms


@given(st.floats(0, 1e5), st.floats(1, 1e4), st.floats(0, 1e3))
def test_what_is_said_to_fit_fits_with_its_baseline_and_its_looks(seconds: float, run: float, look: float) -> None:
    arms = arms_for(seconds, run, seconds_per_look=look)
    assert 0 <= arms <= 16
    if arms:
        assert (full_runs(arms) + 1) * run + (sum(arms_at(arms)) + len(rungs_for(arms))) * look <= seconds
    else:
        assert 2 * run + 2 * look > seconds


def test_in_the_time_of_three_and_a_half_trainings_sixteen_arms_fit() -> None:
    assert arms_for(3500, 1000) == 16
    assert arms_for(3499, 1000) < 16
    assert arms_for(1999, 1000) == 0


def effect(mean: float, half: float = 0.1) -> Effect:
    return Effect(mean=mean, interval=(mean - half, mean + half), level=0.95, n=40)


means = st.lists(st.floats(-0.5, 0.5), min_size=1, max_size=16)


@given(means, st.integers(0, 9))
def test_one_in_four_goes_on_at_most_and_nobody_ahead_of_them_stays_behind(found: list[float], seed: int) -> None:
    staying = who_stays({place: effect(mean) for place, mean in enumerate(found)}, seed)
    assert len(staying) <= ceil(len(found) / 4)
    behind = [mean for place, mean in enumerate(found) if place not in staying]
    if len(staying) == ceil(len(found) / 4) and behind:
        assert min(found[place] for place in staying) >= max(behind)


@given(means, st.randoms(use_true_random=False))
def test_who_goes_on_hangs_on_no_order_but_that_of_what_was_found(found: list[float], draw: random.Random) -> None:
    effects = {place: effect(mean) for place, mean in enumerate(found)}
    shuffled = list(effects.items())
    draw.shuffle(shuffled)
    assert who_stays(dict(shuffled), 3) == who_stays(effects, 3)


def test_an_arm_that_lies_below_the_best_or_below_the_baseline_stops_early() -> None:
    assert len(who_stays({place: effect(0.2) for place in range(8)}, 0)) == 2
    assert who_stays({0: effect(0.4), 1: effect(0.1), **{place: effect(0.0) for place in range(2, 8)}}, 0) == (0,)
    assert who_stays({place: effect(-0.2) for place in range(4)}, 0) == ()
    assert who_stays({}, 0) == ()


def test_ties_are_drawn_and_drawn_alike_each_time() -> None:
    tied = {place: effect(0.1) for place in range(16)}
    drawn = {who_stays(tied, seed) for seed in range(20)}
    assert who_stays(tied, 1) == who_stays(tied, 1)
    assert len(drawn) > 5, "a tie must not always go to who was proposed first"


class Race:
    """An executor that trains nobody: an arm has as many right answers as `right` says of its rate and its share."""

    def __init__(self, bench_of: SimpleNamespace) -> None:
        self.world = bench_of
        self.taken: list[tuple[str, float, str]] = []
        self.finished: dict[tuple[str, float, str], object] = {}
        self.right: dict[tuple[float, float], int] = {}
        self.runs: dict[str, tuple[float, float]] = {}
        self.statuses: dict[tuple[float, float], RunStatus] = {}
        self.stop_at = 10**9
        self.proved: list[tuple[float, float]] = []

    def __call__(self, stage, inputs, config):
        self.world.clock.advance(1)
        return getattr(self, f"_{stage.__name__}")(inputs, config)

    def _curate(self, judged, curation):
        return SimpleNamespace(id="dataset:0", train=())

    def _train_part(self, dataset, rung):
        rate = rung.recipe.learning_rate
        key = rung.recipe.digest, rung.until, rung.after
        if key in self.finished:
            return self.finished[key]
        if len(self.taken) >= self.stop_at:
            raise TrainingStoppedError(3, STEPS)
        self.taken.append((f"{rate:g}", rung.until, rung.after))
        status = self.statuses.get((rate, rung.until), RunStatus.FINISHED if rung.until == 1 else RunStatus.PAUSED)
        kept = self.world.project.blobs.put_bytes(f"{rate} {rung.until}".encode())
        run = worlds.make_run(
            recipe=rung.recipe.name, recipe_digest=rung.recipe.digest, dataset_id=dataset.id, status=status,
            steps=ceil(STEPS * rung.until), planned_steps=STEPS, wall_seconds=60 * rung.until, cost_usd=0.5,
            after=rung.after or None, reason="made up",
            state=(FileDigest(name="s", digest=kept, size_bytes=1),) if status is RunStatus.PAUSED else (),
        )  # fmt: skip
        self.runs[run.id] = rate, rung.until
        self.finished[key] = run
        return run

    def _build(self, run, form):
        if form.proved:
            self.proved.append(self.runs[run.id])
        return fake_build(run.id, run_id=run.id)

    def _evaluate(self, build, config):
        rate, share = self.runs[build.run_id]
        right = PAIRS[: self.right.get((rate, share), self.right.get((rate, 0.0), 20))]
        return worlds.make_evaluation(build, config.suite, {pair: pair in right for pair in PAIRS}, cost_usd=0.25)


@pytest.fixture
def bench(project) -> Bench:
    clock = FakeClock()
    small = replace(load_policy("small"), floors=())
    plan = SimpleNamespace(policy=small, curation=Curation(), form=BuildConfig())
    project = replace(project, base_folder=Path(reference.__file__).parent / "weights")
    return Bench(
        project=project,
        plan=plan,
        judged=None,
        step=Race(SimpleNamespace(clock=clock, project=project)),
        screen=EvaluationConfig(suite=SUITE),
        agenda=Agenda(goal="better", knobs=(), constraints=Constraints(least_gain=0.05)),
        mode=Mode.FULL,
        night="2026-01-01",
        now=clock.now,
        elapsed=clock.elapsed,
    )


RATES = tuple(round(0.0001 * place, 4) for place in range(11, 27))


def proposals(rates=RATES) -> tuple[Proposal, ...]:
    return tuple(Proposal(lane=Lane.HYPERPARAMETERS, changes=(f"learning_rate={rate:g}",)) for rate in rates)


def names(count: int) -> tuple[str, ...]:
    return tuple(f"2026-01-01-{number:02d}" for number in range(1, count + 1))


def test_sixteen_arms_are_raced_in_three_rungs_and_the_best_comes_to_its_end(bench) -> None:
    best, second = RATES[11], RATES[2]
    near = {(rate, 0.0): 30 for rate in RATES[3:5]}
    bench.step.right = {(best, 0.0): 34, (second, 0.0): 32, **near}
    heard: list[str] = []
    experiments = halve(bench, proposals(), names(16), heard=heard.append)
    taken = bench.step.taken
    assert [len([one for one in taken if one[1] == share]) for share in rungs_for(16)] == [16 + 1, 4 + 1, 1 + 1]
    assert all(after for _, share, after in taken if share > 1 / 16), "whoever goes on goes on from where it paused"
    (winner,) = (one for one in experiments if one.result is ExperimentResult.KEPT)
    assert (winner.changes, winner.name) == ((f"learning_rate={best:g}",), "2026-01-01-12")
    assert [(rung.steps, rung.stayed) for rung in winner.rungs] == [(4, True), (15, True), (60, True)]
    assert winner.run_id == winner.rungs[-1].run_id
    assert dict(winner.config)["schedule"] == "late_linear"
    assert len(heard) == 16 + 4 + 1
    assert heard[11].startswith("2026-01-01-12, rung 1 of 3: +0.350 [+")
    assert heard[11].endswith("] on 40 after 4 of 60 steps")


def test_the_first_baseline_is_proved_and_whoever_is_kept_in_the_end(bench) -> None:
    bench.step.right = {(RATES[11], 0.0): 34, (RATES[2], 0.0): 32}
    halve(bench, proposals(), names(16))
    assert bench.step.proved == [(0.001, 1 / 16), (RATES[11], 1.0)]


def test_the_others_are_reverted_with_their_rung_and_the_reason(bench) -> None:
    bench.step.right = {(RATES[0], 0.0): 26, (RATES[1], 0.0): 23}
    experiments = halve(bench, proposals(), names(16))
    others = experiments[1:]
    assert {one.result for one in others} == {ExperimentResult.REVERTED}
    assert {len(one.rungs) for one in others} == {1, 2}
    assert all(not one.rungs[-1].stayed for one in others)
    early = next(one for one in others if len(one.rungs) == 1)
    assert early.why.startswith("stopped at rung 1 of 3, +0.000 [")
    assert "after 4 of 60 steps; 4 of 16 went on, 2026-01-01-01 first." in early.why
    assert experiments[1].rungs[-1].steps == 15
    assert experiments[1].baseline_run_id != experiments[2].baseline_run_id or len(experiments[2].rungs) == 2


def test_each_look_is_held_against_the_baseline_of_the_same_share(bench) -> None:
    """The baseline gets better on the way; whoever was ahead of it early and is behind it late is no gain."""
    bench.step.right = {(0.001, 1 / 4): 10, (0.001, 1.0): 38, (RATES[0], 0.0): 30}
    first, *_ = halve(bench, proposals(RATES[:4]), names(4))
    assert [rung.effect.mean for rung in first.rungs] == pytest.approx([0.5, -0.2])
    assert first.result is ExperimentResult.REVERTED


def test_what_an_arm_cost_is_all_that_its_rungs_cost(bench) -> None:
    bench.step.right = {(RATES[0], 0.0): 30}
    first, second, *_ = halve(bench, proposals(RATES[:4]), names(4))
    assert (first.training_seconds, first.evaluation_seconds) == (60 / 4 + 60, 120.0)
    assert first.costs_usd == (1.0, 0.5, 0.0)
    assert (second.training_seconds, second.costs_usd) == (15.0, (0.5, 0.25, 0.0))
    assert first.elapsed_seconds > second.elapsed_seconds > 0


def test_a_loss_prunes_nobody_but_a_training_that_failed_is_out(bench) -> None:
    bench.step.statuses = {(RATES[0], 1 / 4): RunStatus.DIVERGED}
    bench.step.right = {(RATES[0], 0.0): 40, (RATES[1], 0.0): 30}
    first, second, *_ = halve(bench, proposals(RATES[:4]), names(4))
    assert first.result is ExperimentResult.FAILED
    assert "diverged after 15 of 60 steps" in first.why
    assert (first.rungs[0].effect, first.rungs[0].evaluation_id) == (None, None)
    assert second.result is ExperimentResult.KEPT


def test_one_that_ended_early_by_its_own_lessons_is_not_trained_again(bench) -> None:
    bench.step.statuses = {(RATES[0], 1 / 4): RunStatus.FINISHED}
    bench.step.right = {(RATES[0], 0.0): 30}
    first, *_ = halve(bench, proposals(RATES[:4]), names(4))
    assert first.result is ExperimentResult.KEPT
    assert len({rung.run_id for rung in first.rungs}) == 1
    assert first.training_seconds == 15.0
    assert [one for one in bench.step.taken if one[0] == f"{RATES[0]:g}"] == [(f"{RATES[0]:g}", 1 / 4, "")]


def test_without_a_baseline_nobody_is_raced(bench) -> None:
    bench.step.statuses = {(0.001, 1 / 4): RunStatus.FAILED}
    with pytest.raises(NoBaselineError, match="25% of its steps"):
        halve(bench, proposals(RATES[:4]), names(4))
    assert len(bench.step.taken) == 1


def test_all_worse_than_the_baseline_ends_the_race_at_the_first_rung(bench) -> None:
    bench.step.right = dict.fromkeys(((rate, 0.0) for rate in RATES[:4]), 4)
    experiments = halve(bench, proposals(RATES[:4]), names(4))
    assert {one.result for one in experiments} == {ExperimentResult.REVERTED}
    assert {len(one.rungs) for one in experiments} == {1}
    assert "none went on" in experiments[0].why


@pytest.mark.parametrize("stop_at", [1, 3, 5, 6])
def test_stopped_anywhere_it_finds_what_is_finished_and_ends_as_if_it_had_not_been(bench, stop_at) -> None:
    bench.step.right = {(RATES[0], 0.0): 30}
    bench.step.stop_at = stop_at
    with pytest.raises(TrainingStoppedError):
        halve(bench, proposals(RATES[:4]), names(4))
    bench.step.stop_at = 10**9
    experiments = halve(bench, proposals(RATES[:4]), names(4))
    assert len(bench.step.taken) == len(set(bench.step.taken)) == 7, "no training is taken twice"
    assert [one.result for one in experiments] == [ExperimentResult.KEPT] + [ExperimentResult.REVERTED] * 3


def test_at_the_deadline_whoever_is_still_in_it_is_out_of_time_with_what_it_had_shown(bench) -> None:
    bench.step.right = {(RATES[0], 0.0): 30}
    bench.step.stop_at = 6
    experiments = halve(bench, proposals(RATES[:4]), names(4), is_over=lambda: True)
    first, *others = experiments
    assert first.result is ExperimentResult.OUT_OF_TIME
    assert first.rungs[0].effect.mean == pytest.approx(0.25)
    assert first.why.startswith("the time was up before its next rung")
    assert {one.result for one in others} == {ExperimentResult.REVERTED}
    bench.step.stop_at = 0
    bench.step.finished.clear()
    unborn = halve(bench, proposals(RATES[:4]), names(4), is_over=lambda: True)
    assert {one.result for one in unborn} == {ExperimentResult.OUT_OF_TIME}
    assert {one.rungs for one in unborn} == {()}


def test_what_stops_it_while_nothing_is_over_goes_to_who_called(bench) -> None:
    class Wanted(NotYet):
        """A person wants the machine."""

    def wanted(stage, inputs, config):
        raise Wanted("back.", next_step="Later.")

    with pytest.raises(Wanted):
        halve(replace(bench, step=wanted), proposals(RATES[:4]), names(4))


def test_states_go_as_soon_as_nobody_goes_on_from_them(bench) -> None:
    bench.step.right = {(RATES[0], 0.0): 30}

    def there(rate: float) -> bool:
        (run,) = (run for (_, share, _), run in bench.step.finished.items() if bench.step.runs[run.id] == (rate, 1 / 4))
        place = bench.project.folder / ".selftune" / "blobs" / "sha256"
        digest = run.state[0].digest.removeprefix("sha256:")
        return (place / digest[:2] / digest[2:]).exists()

    bench.step.stop_at = 5
    with pytest.raises(TrainingStoppedError):
        halve(bench, proposals(RATES[:4]), names(4))
    assert [there(rate) for rate in (0.001, *RATES[:4])] == [True, True, False, False, False]
    bench.step.stop_at = 10**9
    halve(bench, proposals(RATES[:4]), names(4))
    assert [there(rate) for rate in (0.001, *RATES[:4])] == [False] * 5


def test_one_whose_state_is_gone_is_trained_from_its_first_step(bench) -> None:
    bench.step.right = {(RATES[0], 0.0): 30}
    halve(bench, proposals(RATES[:4]), names(4))
    for key in [key for key in bench.step.finished if key[1] == 1.0]:
        del bench.step.finished[key]
    again, *_ = halve(bench, proposals(RATES[:4]), names(4))
    assert [after for _, share, after in bench.step.taken[-2:]] == ["", ""]
    assert again.result is ExperimentResult.KEPT
