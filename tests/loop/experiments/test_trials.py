"""One experiment: what is trained, how long beside its baseline, and what is written of what went wrong."""

from __future__ import annotations

import sys
from dataclasses import make_dataclass, replace
from pathlib import Path
from types import SimpleNamespace

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "gate"))

import gate_worlds as worlds

from selftune.bases import reference
from selftune.builds.config import BuildConfig
from selftune.builds.stage import ParityError
from selftune.curation.config import Curation
from selftune.errors import BelowTriggerError, BudgetError, MissingFileError, ServingError
from selftune.evals.config import EvaluationConfig
from selftune.gate.policies import load_policy
from selftune.loop.experiments.base import Agenda, Constraints, Lane, Proposal
from selftune.loop.experiments.trial import (
    Bench,
    Measured,
    NoBaselineError,
    Unmeasured,
    as_long_as,
    cut_short,
    make_bench,
    measure,
    measure_baseline,
    try_out,
)
from selftune.records import CurvePoint, ExperimentResult, Mode, RunPurpose, RunStatus
from selftune.testing import FakeClock, fake_build
from selftune.training.base import TrainingStoppedError
from selftune.training.config import Recipe

SUITE = replace(worlds.make_suite(5), purpose="screen")
PAIRS = tuple(dict.fromkeys(item.pair for item in SUITE.items))
LAST = CurvePoint(step=2, loss=1.0, learning_rate=1.0)
FASTER = Proposal(
    lane=Lane.HYPERPARAMETERS, changes=("learning_rate=0.002",), reason="it learns slowly", proposer="grid"
)
FEWER = Proposal(lane=Lane.MIXTURES, changes=("threshold=4.0",))


class Steps:
    """Takes each step as it was told to, and notes it: trains by the recipe's name, answers by what is right."""

    def __init__(self, clock: FakeClock) -> None:
        self.clock = clock
        self.taken: list[str] = []
        self.recipes: list[Recipe] = []
        self.forms: list[BuildConfig] = []
        self.proof_fails: Exception | None = None
        self.curations: list[Curation] = []
        self.status = RunStatus.FINISHED
        self.fails: dict[str, Exception] = {}
        self.asking_takes = 60.0
        self.out_of_time_above = 10_000
        self.right = {"reference_sft": (), "tried": PAIRS[:6]}

    def __call__(self, stage, inputs, config):
        name = stage.__name__
        self.taken.append(name)
        self.clock.advance(10)
        if name in self.fails:
            raise self.fails[name]
        return getattr(self, f"_{name}")(inputs, config)

    def _curate(self, judged, curation):
        self.curations.append(curation)
        return SimpleNamespace(id=f"dataset:{curation.threshold:g}", train=())

    def _train(self, dataset, recipe):
        self.recipes.append(recipe)
        too_long = recipe.max_steps > self.out_of_time_above
        return worlds.make_run(
            recipe=recipe.name, dataset_id=dataset.id, steps=30, planned_steps=recipe.max_steps,
            status=RunStatus.OUT_OF_TIME if too_long else self.status, wall_seconds=5.0,
            cost_usd=0.5, reason="the loss was no number", settings=recipe.settings,
            curve=(CurvePoint(step=1, loss=2.0, learning_rate=1.0, eval_loss=1.5), LAST),
        )  # fmt: skip

    def _build(self, run, form):
        self.forms.append(form)
        if form.proved and len(self.forms) > 1 and self.proof_fails is not None:
            raise self.proof_fails
        return fake_build(run.id, run_id=run.id)

    def _evaluate(self, build, config):
        right = self.right["reference_sft" if self.taken.count("train") == 1 else "tried"]
        once = worlds.make_evaluation(build, config.suite, {pair: pair in right for pair in PAIRS}, cost_usd=0.25)
        # Drawn answers waver: in every other round one pair more is right.
        wavering = config.suite.generation.temperature > 0
        outcomes = tuple(
            replace(one, repeat=repeat, score=1.0 if wavering and repeat % 2 and one.pair == PAIRS[-1] else one.score)
            for repeat in range(config.rounds)
            for one in once.outcomes
        )
        return replace(once, seeds=tuple(range(config.rounds)), outcomes=outcomes, wall_seconds=self.asking_takes)


@pytest.fixture
def bench(project) -> Bench:
    clock = FakeClock()
    plan = SimpleNamespace(
        policy=load_policy("small"), curation=Curation(trigger=7, disagreement=1.0), form=BuildConfig()
    )
    return Bench(
        project=replace(project, base_folder=Path(reference.__file__).parent / "weights"),
        plan=plan,
        judged=None,
        step=Steps(clock),
        screen=EvaluationConfig(suite=SUITE),
        agenda=Agenda(goal="better", knobs=(), constraints=Constraints(least_gain=0.05)),
        mode=Mode.PROXY,
        node="elsewhere",
        night="2026-01-01",
        now=clock.now,
        elapsed=clock.elapsed,
    )


def test_a_try_is_trained_built_asked_and_written_up_beside_its_baseline(bench):
    baseline = measure_baseline(bench)
    tried = try_out(bench, baseline, FASTER, "2026-01-01-01")
    assert bench.step.taken == [*["curate", "train", "build", "evaluate"] * 2, "build"]
    assert (tried.result, tried.baseline, tried.score) == (ExperimentResult.KEPT, 0.0, 0.3)
    assert (tried.name, tried.night, tried.node, tried.mode) == ("2026-01-01-01", "2026-01-01", "elsewhere", Mode.PROXY)
    assert (tried.lane, tried.proposer, tried.reason) == ("hyperparameters", "grid", "it learns slowly")
    assert (tried.changes, dict(tried.config)["learning_rate"]) == (("learning_rate=0.002",), "0.002")
    assert (tried.base_digest, tried.suite) == (bench.project.base.digest, SUITE.name)
    assert (tried.train_loss, tried.val_loss) == (1.0, 1.5)
    assert (tried.began, tried.elapsed_seconds) == ("2026-01-01T00:00:40+00:00", 50.0)
    assert (tried.training_seconds, tried.evaluation_seconds, tried.costs_usd) == (5.0, 60.0, (0.5, 0.25, 0.0))
    assert tried.baseline_run_id == baseline.run.id != tried.run_id
    assert tried.baseline_evaluation_id == baseline.evaluation.id != tried.evaluation_id
    assert tried.rungs == ()


def test_the_baseline_is_proved_and_a_try_only_once_it_is_kept(bench):
    baseline = measure_baseline(bench)
    try_out(bench, baseline, FASTER, "x")
    assert [form.proved for form in bench.step.forms] == [True, False, True]
    assert bench.step.forms[-1] == bench.plan.form, "what the gate finds again"
    bench.step.right["tried"] = ()
    reverted = try_out(bench, baseline, FASTER, "y")
    assert reverted.result is ExperimentResult.REVERTED
    assert [form.proved for form in bench.step.forms[3:]] == [False]


@pytest.mark.parametrize("error", [ParityError, ServingError])
def test_a_try_that_is_kept_and_can_not_be_proved_fails_and_claims_no_gain(bench, error):
    baseline = measure_baseline(bench)
    bench.step.proof_fails = error("greedy agree in 10.0% of 128, not in 75%.", next_step="Look.")
    tried = try_out(bench, baseline, FASTER, "x")
    assert (tried.result, tried.effect, tried.score) == (ExperimentResult.FAILED, None, None)
    assert "+0.300" in tried.why
    assert tried.why.endswith("But greedy agree in 10.0% of 128, not in 75%.")


def test_a_bench_holds_its_screen_off_what_is_learnt(project):
    evaluation = replace(project.config.evaluation, suite="state_obedience", further=())
    project = replace(project, config=replace(project.config, evaluation=evaluation))
    known = {"yardsticks": (), "store": project.store, "judge_identity": None, "policy": None}
    plan = make_dataclass("Plan", [*known, "judged"], frozen=True)(**known, judged=list)
    made = make_bench(project, plan, None, agenda=Agenda(goal="better", knobs=()), mode=Mode.FULL, night="n")
    assert len(made.plan.yardsticks) == len(made.screen.suite.items) == 42
    assert (made.judged, made.node, made.night) == ([], "here", "n")


def test_the_baseline_is_the_recipe_in_force_as_it_is(bench):
    measure_baseline(bench)
    assert bench.step.recipes == [bench.recipe_for(())]
    assert bench.recipe_for(()).digest == bench.recipe_for(("learning_rate=0.001",)).digest


def test_lessons_are_chosen_as_the_night_chooses_but_for_what_is_tried(bench):
    plain, fewer = bench.dataset_for(()), bench.dataset_for(("threshold=4.0",))
    assert plain.id != fewer.id
    assert [one.trigger for one in bench.step.curations] == [7, 7]
    now, then = bench.step.curations
    assert replace(then, threshold=now.threshold) == now


def test_another_mixture_is_trained_for_as_many_steps_as_the_baseline(bench):
    """Mission B33: probe against probe of the same steps; here 1.8 passes over fewer lessons would be less steps."""
    baseline = measure_baseline(bench)
    measure(bench, FEWER.changes, beside=baseline)
    first, second = bench.step.recipes
    assert (first.epochs, second.epochs, second.max_steps) == (1.8, 0.0, 60)
    assert replace(second, epochs=first.epochs, max_steps=first.max_steps) == first


def test_a_try_of_how_long_is_trained_is_as_long_as_it_says():
    recipe = Recipe(name="r", epochs=2.0, max_steps=90)
    run = worlds.make_run(planned_steps=60)
    beside = SimpleNamespace(run=run, dataset=SimpleNamespace(id="d"), recipe=recipe)
    other = SimpleNamespace(id="other")
    assert as_long_as(beside, recipe, SimpleNamespace(id="d"), ("learning_rate=1",)) is recipe
    assert as_long_as(beside, recipe, other, ("epochs=2",)) is recipe
    assert as_long_as(beside, recipe, other, ("threshold=4",)).max_steps == 60
    larger = replace(recipe, batch_size=4)
    assert as_long_as(beside, larger, SimpleNamespace(id="d"), ("batch_size=4",)).max_steps == 60
    steady = Recipe(name="r", max_steps=60)
    beside = SimpleNamespace(run=run, dataset=SimpleNamespace(id="d"), recipe=steady)
    assert as_long_as(beside, steady, other, ("threshold=4",)) == steady
    assert as_long_as(beside, replace(steady, batch_size=4), SimpleNamespace(id="d"), ("batch_size=4",)).max_steps == 60


def test_where_a_base_stands_in_a_recipe_that_is_too_long_is_cut_down_for_all(bench):
    """Mission B33: 300 steps beside 300 steps, never beside the 861 of production."""
    bench.step.out_of_time_above = 50
    baseline = measure_baseline(bench)
    tried = measure(bench, FASTER.changes, beside=baseline)
    longer = measure(bench, ("max_steps=40",), beside=baseline)
    lengths = [(one.max_steps, one.epochs, one.purpose) for one in bench.step.recipes]
    assert lengths[1:] == [(27, 0.0, RunPurpose.PROBE)] * 2 + [(40, 1.8, RunPurpose.PROBE)]
    assert baseline.recipe == bench.step.recipes[1]
    assert tried.recipe.learning_rate == 0.002
    assert isinstance(longer, Measured)


def test_the_base_that_serves_is_tried_by_its_whole_recipe_or_not_at_all(bench):
    bench.step.out_of_time_above = 50
    with pytest.raises(NoBaselineError, match="out of time after 30 of 60 steps"):
        measure_baseline(replace(bench, mode=Mode.FULL))


@pytest.mark.parametrize("status", [RunStatus.FAILED, RunStatus.DIVERGED, RunStatus.TRAINED_NOTHING])
def test_a_training_that_came_to_nothing_is_failed_with_its_reason_and_never_a_zero(bench, status):
    baseline = measure_baseline(bench)
    bench.step.status = status
    tried = try_out(bench, baseline, FASTER, "x")
    assert (tried.result, tried.score, tried.effect, tried.evaluation_id) == (ExperimentResult.FAILED, None, None, None)
    assert status.value.replace("_", " ") in tried.why
    assert "the loss was no number" in tried.why
    assert tried.run_id is not None
    assert bench.step.taken[-1] == "train"


def test_a_training_that_ran_out_of_its_own_time_is_no_failure(bench):
    baseline = measure_baseline(bench)
    bench.step.status = RunStatus.OUT_OF_TIME
    tried = try_out(bench, baseline, FASTER, "x")
    assert tried.result is ExperimentResult.OUT_OF_TIME
    assert "after 30 of 60 steps" in tried.why


@pytest.mark.parametrize(
    ("stage", "error"),
    [
        ("curate", BelowTriggerError("3 golden items.", next_step="Wait.")),
        ("evaluate", ServingError("it does not answer.", next_step="Look.")),
    ],
)
def test_what_a_try_can_be_the_reason_of_fails_that_try_alone(bench, stage, error):
    baseline = measure_baseline(bench)
    bench.step.fails[stage] = error
    tried = try_out(bench, baseline, FEWER, "x")
    assert (tried.result, tried.why) == (ExperimentResult.FAILED, error.message)


def test_a_change_that_is_none_of_the_recipe_s_fails_before_anything_is_trained(bench):
    baseline = measure_baseline(bench)
    tried = try_out(bench, baseline, replace(FASTER, changes=("learning_rate=9",)), "x")
    assert tried.result is ExperimentResult.FAILED
    assert bench.step.taken.count("train") == 1
    assert tried.config == ()


@pytest.mark.parametrize(
    "error", [TrainingStoppedError(3, 60), BudgetError("over.", next_step="Later."), KeyboardInterrupt()]
)
def test_who_stops_a_training_is_not_answered_by_the_try(bench, error):
    baseline = measure_baseline(bench)
    bench.step.fails["train"] = error
    with pytest.raises(type(error)):
        try_out(bench, baseline, FASTER, "x")


def test_a_machine_that_lacks_a_file_is_no_fault_of_the_try(bench):
    baseline = measure_baseline(bench)
    bench.step.fails["train"] = MissingFileError("the base is gone.", next_step="Add it.")
    with pytest.raises(MissingFileError):
        try_out(bench, baseline, FASTER, "x")


def test_without_a_baseline_nothing_is_tried(bench):
    bench.step.status = RunStatus.DIVERGED
    with pytest.raises(NoBaselineError, match="diverged after 30 of 60 steps"):
        measure_baseline(bench)


def test_a_try_that_a_deadline_cut_says_so_and_claims_nothing(bench):
    cut = cut_short(bench, measure_baseline(bench), FASTER, "x", "the night ended at 05:00")
    assert (cut.result, cut.why) == (ExperimentResult.OUT_OF_TIME, "the night ended at 05:00")
    assert (cut.effect, cut.run_id) == (None, None)
    assert cut.baseline_run_id is not None
    assert cut_short(bench, None, FASTER, "x", "no time").baseline_run_id is None


def test_a_try_that_trained_the_very_same_weights_is_no_null_result(bench):
    baseline = measure_baseline(bench)
    bench.step.taken.clear()
    same = try_out(bench, baseline, replace(FASTER, changes=("learning_rate=0.001",)), "x")
    assert same.result is ExperimentResult.FAILED
    assert "same build" in same.why


def test_what_was_measured_tells_its_time_and_cost(bench):
    found = measure(bench, ())
    assert isinstance(found, Measured)
    assert not isinstance(found, Unmeasured)
    assert (found.seconds, found.costs_usd) == ((5.0, 60.0), (0.5, 0.25))


@pytest.mark.parametrize(
    ("seconds", "least_gain", "rounds"), [(1.0, 0.05, 1), (1.0, 0.035, 2), (1.0, 0.02, 3), (4.0, 0.02, 1)]
)
def test_drawn_answers_are_asked_for_as_often_as_noise_asks_and_time_allows_and_of_each_try_alike(
    bench, seconds, least_gain, rounds
):
    """Mission B36: single prompts swing by 3 to 8 points; two or three evaluations of each configuration."""
    drawn = replace(SUITE, generation=replace(SUITE.generation, temperature=1.0))
    constraints = replace(bench.agenda.constraints, least_gain=least_gain)
    bench = replace(bench, screen=EvaluationConfig(suite=drawn), agenda=replace(bench.agenda, constraints=constraints))
    bench.step.asking_takes = seconds
    baseline = measure_baseline(bench)
    tried = measure(bench, FASTER.changes, beside=baseline)
    assert len(baseline.evaluation.seeds) == len(tried.evaluation.seeds) == rounds
