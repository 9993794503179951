"""The plan of a study: read strictly, registered once, and refused where it or an arm was changed."""

from __future__ import annotations

from dataclasses import replace

import pytest
from study_worlds import PLAN

from selftune.errors import ConfigError
from selftune.loop.config import CONFIG_FILE
from selftune.loop.study.arms import REGISTERED, put_settings, refuse_change, register, registered
from selftune.loop.study.plan import StudyArm, check_plan, load_study
from selftune.training.config import load_recipe


def test_the_shipped_month_is_thirty_nights_and_lets_nobody_approve():
    plan = load_study("month")
    assert (plan.nights, plan.approve) == (30, "")
    assert "permutation of generations" in plan.rule


def test_the_slow_learners_plan_can_show_something_against_a_control_and_names_somebody_simulated():
    plan = load_study("slow_learner")
    assert 1 / 2 ** (plan.nights // plan.block) <= plan.alpha
    assert "simulated" in plan.approve
    assert load_recipe(plan.recipe).epochs == 1


@pytest.mark.parametrize(
    "changes",
    [{"alpha": 0.0}, {"power": 0.4}, {"nights": 1}, {"prompts": 0}, {"gap": -1}, {"replayed": 3}, {"replay": "log"}],
)
def test_a_number_that_makes_no_sense_is_refused(changes):
    with pytest.raises(ConfigError):
        check_plan(replace(PLAN, **changes), "study test")


def test_an_unknown_key_is_refused(tmp_path):
    (tmp_path / "plan.toml").write_text('name = "n"\nquestion = "q"\nnigths = 3\n')
    with pytest.raises(ConfigError, match="nigths"):
        load_study(tmp_path / "plan.toml")


def test_a_plan_is_registered_once_with_metric_rule_alpha_nights_and_seed(arm):
    register(arm, PLAN, StudyArm.LEARNING)
    register(arm, PLAN, StudyArm.LEARNING)
    events = [dict(entry.detail) for entry in arm.store.history() if entry.event == REGISTERED]
    assert len(events) == 1
    assert events[0]["plan"] == PLAN.digest
    assert {"metric", "rule", "alpha", "nights", "seed"} <= set(events[0])


def test_a_changed_plan_is_refused_after_it_was_registered(arm):
    register(arm, PLAN, StudyArm.LEARNING)
    with pytest.raises(ConfigError, match="is not the one that is registered"):
        register(arm, replace(PLAN, alpha=0.1), StudyArm.LEARNING)


def test_an_arm_whose_settings_were_changed_is_refused_and_what_a_release_writes_is_no_change(arm):
    register(arm, PLAN, StudyArm.LEARNING)
    put_settings(arm.folder, [("serving", "model", "new.gguf"), ("serving", "release", "v1.1")])
    refuse_change(arm, PLAN, registered(arm))
    put_settings(arm.folder, [("curation", "threshold", 3.0)])
    assert "threshold" in (arm.folder / CONFIG_FILE).read_text()
    with pytest.raises(ConfigError, match="was changed after"):
        refuse_change(arm, PLAN, registered(arm))


def test_a_study_that_nobody_registered_is_refused(arm):
    with pytest.raises(ConfigError):
        refuse_change(arm, PLAN, registered(arm))
