"""Which suites are asked beside the one that decides, and of whom."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import pytest

from selftune.errors import ConfigError, UnknownNameError
from selftune.evals.suites import load_suite
from selftune.gate.config import Against, SuiteDemand
from selftune.gate.policies import load_policy
from selftune.gate.rules.leakage import LEAKAGE
from selftune.loop.config import EvaluationSection
from selftune.loop.cycle import run_cycle
from selftune.loop.ejected import eject
from selftune.loop.measuring.demands import refuse_unsound_suites
from selftune.loop.measuring.further import further_suites, refuse_unknown_demands
from selftune.loop.plan import Plan
from selftune.records import Arm, Message, Outcome, RunStatus
from selftune.testing import fake_build

FIRST = load_suite("state_obedience")
PLAIN = "state_obedience_plain"


def with_further(project, *names: str):
    return replace(project, config=replace(project.config, evaluation=EvaluationSection(further=names)))


def test_a_project_asks_nothing_more_unless_it_names_it(project):
    assert further_suites(project, FIRST) == ()


def test_suites_that_are_named_are_asked_in_that_order(project):
    (asked,) = further_suites(with_further(project, PLAIN), FIRST)
    assert asked.suite.name == PLAIN
    assert asked.slots == project.config.evaluation.slots


def test_the_suite_that_decides_is_not_asked_twice(project):
    with pytest.raises(ConfigError, match="names suite 'state_obedience' twice"):
        further_suites(with_further(project, "state_obedience"), FIRST)


def test_a_name_that_no_suite_has_is_refused(project):
    with pytest.raises(UnknownNameError):
        further_suites(with_further(project, "stat_obedience"), FIRST)


def test_a_policy_that_asks_something_of_a_suite_nobody_knows_is_refused(project):
    small = load_policy("small")
    refuse_unknown_demands(small, project, (FIRST,))
    with pytest.raises(ConfigError, match="asks something of suite 'genral'") as refused:
        refuse_unknown_demands(replace(small, suites=(("genral", SuiteDemand()),)), project, (FIRST,))
    assert "'general'" in refused.value.next_step
    mine = replace(small, suites=(("mine", SuiteDemand()),))
    refuse_unknown_demands(mine, project, (FIRST, replace(FIRST, name="mine")))


def test_a_screen_stops_nobody(project):
    screen = eject(project.folder, "suite", PLAIN)
    screen.write_text(
        screen.read_text().replace("scorer: state_obedience\n", "scorer: state_obedience\npurpose: screen\n")
    )
    (asked,) = further_suites(with_further(project, PLAIN), FIRST)
    with pytest.raises(ConfigError, match="is a screen"):
        refuse_unsound_suites(load_policy("small"), FIRST, [asked.suite])


def test_a_regression_suite_in_the_project_is_asked_without_being_named(project):
    own = eject(project.folder, "suite", PLAIN)
    own.rename(own.with_name("regression.yaml"))
    grown = own.with_name("regression.yaml")
    grown.write_text(grown.read_text().replace(f"name: {PLAIN}", "name: regression"))
    assert [asked.suite.name for asked in further_suites(project, FIRST)] == ["regression"]


def plan_of(policy, *suites: str):
    champion, base = fake_build("v1"), fake_build()
    asked = tuple(SimpleNamespace(suite=replace(FIRST, name=name)) for name in suites)
    return SimpleNamespace(policy=policy, champion=champion, others=((Arm.BASE, base),), further=asked, again=())


def test_the_base_is_asked_where_the_policy_holds_the_candidate_against_it():
    policy = replace(load_policy("small"), suites=(("general", SuiteDemand(against=Against.BASE)),))
    plan = plan_of(policy, "general", "council")
    general, council = plan.further
    arms = [[arm for arm, _ in Plan.arms_beside(plan, asked, fake_build("tuned"))] for asked in (general, council)]
    assert arms == [[Arm.CHAMPION, Arm.CANDIDATE, Arm.BASE], [Arm.CHAMPION, Arm.CANDIDATE]]


def test_the_questions_of_a_cycle_are_counted_arm_by_arm():
    policy = replace(load_policy("small"), suites=(("general", SuiteDemand(against=Against.BASE)),))
    few = replace(FIRST, items=FIRST.items[:10])
    thrice = SimpleNamespace(suite=replace(few, name="general", repeats=3), repeats=1)
    once = SimpleNamespace(suite=replace(few, name="council"), repeats=1)
    plan = plan_of(policy)
    plan.further, plan.evaluation = (thrice, once), SimpleNamespace(suite=few, repeats=2)
    plan.arms_against = lambda candidate: (1, 2, 3)
    plan.arms_beside = lambda asked, candidate: Plan.arms_beside(plan, asked, candidate)
    assert Plan.asks(plan) == 3 * 20 + 3 * 30 + 2 * 10
    plan.again = (1, 2)  # the candidate under two further seeds, on the suite that decides
    assert Plan.asks(plan) == 5 * 20 + 3 * 30 + 2 * 10


def test_without_a_candidate_nobody_is_asked_more():
    plan = plan_of(load_policy("small"), "general")
    assert list(Plan.arms_beside(plan, plan.further[0], None)) == []


def test_a_cycle_asks_each_arm_each_further_suite_and_hands_the_gate_what_they_said():
    taken, seen = [], {}

    def step(stage, inputs, config):
        taken.append((stage.__name__, inputs, config))
        return SimpleNamespace(status=RunStatus.FINISHED, outcome=Outcome.REJECT)

    def evidence(run, candidate, evaluations, further):
        seen.update((suite.name, arms) for suite, arms in further)

    asked = SimpleNamespace(suite=SimpleNamespace(name="general"))
    nothing = dict.fromkeys(("sources", "capture", "judging", "curation", "form", "policy", "corrector"))
    plan = SimpleNamespace(
        **nothing,
        recipe="a recipe",
        evaluation="first",
        ladder=False,
        again=(),
        further_after=lambda dataset: (asked,),
        judged=lambda judgements: None,
        arms_against=lambda candidate, dataset: ((Arm.CHAMPION, "old"), (Arm.CANDIDATE, "new")),
        arms_beside=lambda config, candidate: ((Arm.CHAMPION, "old"), (Arm.CANDIDATE, "new"), (Arm.BASE, "base")),
        evidence=evidence,
    )
    run_cycle(plan, step)
    asks = [(inputs, config) for name, inputs, config in taken if name == "evaluate"]
    assert asks == [("old", "first"), ("new", "first"), ("old", asked), ("new", asked), ("base", asked)]
    assert list(seen["general"]) == [Arm.CHAMPION, Arm.CANDIDATE, Arm.BASE]


NO_LESSONS = SimpleNamespace(train=(), disliked=(), canaries=())


def test_what_the_dataset_holds_out_is_asked_after_the_further_suites():
    held = SimpleNamespace(suite=SimpleNamespace(name="holdout"))
    plan = plan_of(load_policy("small"), "general")
    plan.store, plan.seed, plan.evaluation = "store", 0, SimpleNamespace(slots=1)
    for asked, expected in ((held, [*plan.further, held]), (None, [*plan.further])):
        plan.holdout = SimpleNamespace(asked_of=lambda dataset, read, asked=asked: asked)
        assert list(Plan.further_after(plan, NO_LESSONS)) == expected
    plan.holdout = None
    assert Plan.further_after(plan, NO_LESSONS) == plan.further


def test_private_passages_of_the_lessons_are_asked_unless_the_project_has_such_a_suite_of_its_own():
    said = Message(role="user", content=" ".join(f"word{place}" for place in range(20)))
    lesson = SimpleNamespace(interaction_id="interaction:1", messages=(said,))
    dataset = SimpleNamespace(train=(lesson,), disliked=(), canaries=())
    for own, names in (("general", ["general", LEAKAGE]), (LEAKAGE, [LEAKAGE])):
        plan = plan_of(load_policy("small"), own)
        plan.holdout, plan.seed, plan.evaluation = None, 0, SimpleNamespace(slots=1)
        assert [asked.suite.name for asked in Plan.further_after(plan, dataset)] == names
