"""The recipe under further seeds: which, when it is trained, and what the gate is handed."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "gate"))

import gate_worlds as worlds

from selftune.app.summary import training_takes
from selftune.builds.config import BuildConfig
from selftune.gate.base import Evidence
from selftune.gate.policies import load_policy
from selftune.loop.deciding.trainings import recipes_again, with_trainings
from selftune.loop.executor import step_key
from selftune.records import RunStatus
from selftune.testing import fake_context
from selftune.training.config import Recipe
from selftune.training.stage import train

STRICT = load_policy("strict")
RECIPE = Recipe(name="r")


def test_the_policy_says_how_often_and_the_project_s_seed_which():
    seeds = [recipe.seed for recipe in recipes_again(RECIPE, STRICT, 7)]
    assert len(set(seeds)) == 2
    assert seeds == [recipe.seed for recipe in recipes_again(RECIPE, STRICT, 7)]
    assert seeds != [recipe.seed for recipe in recipes_again(RECIPE, STRICT, 8)]
    assert 7 not in seeds
    assert recipes_again(RECIPE, load_policy("small"), 7) == ()


def test_another_seed_is_the_same_recipe():
    assert {recipe.digest for recipe in recipes_again(RECIPE, STRICT, 7)} == {RECIPE.digest}


def test_each_training_is_a_step_of_its_own_that_is_found_again_after_a_cut(tmp_path):
    context = fake_context(tmp_path)
    recipes = (RECIPE, *recipes_again(RECIPE, STRICT, context.seed))
    names = [step_key(train, "the lessons", recipe, context) for recipe in recipes]
    assert len(set(names)) == 3
    assert names[1:] == [
        step_key(train, "the lessons", r, context) for r in recipes_again(RECIPE, STRICT, context.seed)
    ]


def test_a_plan_tells_how_often_is_trained_and_how_long_it_takes():
    def told(run, policy):
        store = SimpleNamespace(last=lambda kind: run)
        return training_takes(SimpleNamespace(store=store, recipe=RECIPE, again=recipes_again(RECIPE, policy, 7)))

    assert told(None, load_policy("small")) == "once"
    assert told(worlds.make_run(wall_seconds=61.0), load_policy("small")).startswith("once; about 2 min each")
    assert told(worlds.make_run(wall_seconds=5.0), STRICT) == (
        "once, and 2 times more under other seeds if nothing else stops the candidate; "
        "about 1 min each at the pace of the last training"
    )


class Steps:
    """Notes each step and what it was given; trainings under a seed of `fails` do not finish."""

    def __init__(self, fails: tuple[int | None, ...] = ()) -> None:
        self.taken: list[tuple[str, object]] = []
        self._fails = fails

    def __call__(self, stage, inputs, config):
        self.taken.append((stage.__name__, config))
        failed = getattr(config, "seed", None) in self._fails
        return SimpleNamespace(status=RunStatus.FAILED if failed else RunStatus.FINISHED, made_by=stage.__name__)


def plan(policy=STRICT):
    return SimpleNamespace(
        again=recipes_again(RECIPE, policy, 7), policy=policy, form=BuildConfig(), evaluation="the suite that decides"
    )


@pytest.fixture
def evidence() -> Evidence:
    """A candidate that nothing stops."""
    return worlds.better_evidence(pairs=48)


def test_each_seed_is_trained_built_as_the_candidate_is_served_and_asked_the_suite_that_decides(evidence):
    steps, asked = Steps(), plan()
    found = with_trainings(asked, steps, "the lessons", evidence)
    assert [name for name, _ in steps.taken] == ["train", "train", *["build", "evaluate"] * 2], "one base for both"
    assert [config for name, config in steps.taken if name == "train"] == list(asked.again)
    assert [one.evaluation.made_by for one in found.trainings] == ["evaluate"] * 2
    forms = {(config.form, config.quantisation) for name, config in steps.taken if name == "build"}
    assert forms == {(evidence.candidate_build.form.value, evidence.candidate_build.quantisation)}


def test_a_training_that_did_not_finish_is_on_record_and_was_asked_nothing(evidence):
    asked = plan()
    steps = Steps(fails=(asked.again[0].seed,))
    failed, other = with_trainings(asked, steps, "the lessons", evidence).trainings
    assert (failed.run.status, failed.build, failed.evaluation) == (RunStatus.FAILED, None, None)
    assert other.evaluation is not None
    assert [name for name, _ in steps.taken] == ["train", "train", "build", "evaluate"]


@pytest.mark.parametrize("change", ["stopped already", "one training", "no run", "no candidate"])
def test_nothing_is_trained_again_where_it_could_not_help(evidence, change: str):
    changed = {
        "stopped already": replace(evidence, run=replace(evidence.run, status=RunStatus.DIVERGED)),
        "one training": evidence,
        "no run": replace(evidence, run=None),
        "no candidate": replace(evidence, candidate=None, candidate_build=None),
    }[change]
    steps = Steps()
    asked = plan(load_policy("small")) if change == "one training" else plan()
    assert with_trainings(asked, steps, "the lessons", changed).trainings == ()
    assert steps.taken == []
