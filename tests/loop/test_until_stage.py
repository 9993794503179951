"""A command for one stage stops there; evaluating is a step for each arm and each suite."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from selftune.evals.stage import evaluate
from selftune.gate.stage import decide
from selftune.loop.runner import ReachedStage, UntilStage
from selftune.records import Evaluation, GenerationParameters
from selftune.testing import fake_build, fake_proof
from selftune.training.stage import train


def evaluation(suite: str) -> Evaluation:
    build = fake_build()
    return Evaluation(
        build_id=build.id, build_digest=build.digest, proof=fake_proof(build), suite=suite, suite_digest="sha256:0",
        scorer="s", scorer_lineage=(), generation=GenerationParameters(), seeds=(1,), outcomes=(),
    )  # fmt: skip


def test_a_stage_of_one_step_stops_after_it():
    step = UntilStage(lambda stage, inputs, config: inputs, train.__name__)
    with pytest.raises(ReachedStage) as reached:
        step(train, "a run", None)
    assert reached.value.output == "a run"


def test_evaluating_goes_on_until_every_arm_was_asked_every_suite():
    taken = []

    def take(stage, inputs, config):
        taken.append(stage.__name__)
        return evaluation(inputs) if stage is evaluate else SimpleNamespace()

    step = UntilStage(take, evaluate.__name__)
    step(train, "lessons", None)
    for suite in ("first", "first", "general"):
        step(evaluate, suite, None)
    with pytest.raises(ReachedStage) as reached:
        step(decide, "evidence", None)
    assert [one.suite for one in reached.value.output] == ["first", "first", "general"]
    assert decide.__name__ not in taken
