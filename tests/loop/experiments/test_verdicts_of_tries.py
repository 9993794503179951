"""What a screen says of a try: the gate's own rules, less strictly, and nothing where the two can't be compared."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parents[2] / "gate"))

import gate_worlds as worlds

from selftune.gate.policies import load_policy
from selftune.loop.experiments.verdict import Arm, Demand, read_screen
from selftune.records import ExperimentResult, Suite
from selftune.testing import fake_build

SCREEN = replace(worlds.make_suite(5), purpose="screen")
PAIRS = tuple(dict.fromkeys(item.pair for item in SCREEN.items))
DEMAND = Demand(policy=load_policy("small"))
NONE = dict.fromkeys(PAIRS, False)
ALL = dict.fromkeys(PAIRS, True)


def arm(right, weights="baseline", suite=SCREEN, **changes) -> Arm:
    run = worlds.make_run(recipe=weights)
    build = fake_build(weights, run_id=run.id)
    return Arm(run=run, build=build, evaluation=worlds.make_evaluation(build, suite, right, **changes))


def read(before, after, demand=DEMAND, suite=SCREEN):
    return read_screen(arm(before, suite=suite), arm(after, "tried", suite=suite), suite, demand)


def mended(before, *pairs):
    return before | {pair: not before[pair] for pair in pairs}


def test_two_more_pairs_won_than_lost_are_kept_and_one_is_not():
    kept = read(NONE, mended(NONE, "field-0", "tone-1"))
    assert kept.result is ExperimentResult.KEPT
    assert (kept.baseline, kept.score, kept.effect.mean, kept.effect.n) == (0.0, 0.1, 0.1, 20)
    assert kept.effect.level == 0.95
    one = read(NONE, mended(NONE, "field-0"))
    assert one.result is ExperimentResult.REVERTED
    assert "once in five times" in one.why


def test_a_screen_that_the_baseline_answers_nearly_all_of_says_that_nobody_could_gain_there():
    """A real one: 20 of 21 pairs were right before anything was tried."""
    before = mended(ALL, "tone-1")
    assert "leaves no room" in read(before, ALL).why
    assert "leaves no room" not in read(mended(before, "tone-2"), mended(ALL, "field-1")).why


def test_what_is_certain_and_smaller_than_the_least_gain_is_reverted():
    found = read(NONE, mended(NONE, "field-0", "tone-1"), replace(DEMAND, least_gain=0.2))
    assert found.result is ExperimentResult.REVERTED
    assert "less than the least gain of 0.2" in found.why


def test_a_gain_that_is_paid_for_by_one_category_is_reverted_whoever_guards_it():
    """Mission C22: reasoning rose by 0.056 and tools by 0.095, while identity fell by 0.206."""
    before = NONE | {pair: True for pair in PAIRS if pair.startswith("identity")}
    after = ALL | {"identity-0": False, "identity-1": False, "identity-2": False}
    found = read(before, after)
    assert found.effect.mean > 0.5
    assert found.result is ExperimentResult.REVERTED
    assert "identity" in found.why
    parts = {part.name: (part.baseline, part.score, part.n) for part in found.parts}
    assert parts["identity"] == (1.0, 0.4, 5)


def test_one_pair_lost_in_a_category_is_no_fall_that_is_shown():
    before = NONE | {pair: True for pair in PAIRS if pair.startswith("identity")}
    assert read(before, ALL | {"identity-0": False}).result is ExperimentResult.KEPT


PUBLISHED = {"reasoning": 0.056, "tool": 0.095, "jailbreak": -0.107, "cross_agent": -0.128, "identity": -0.206}


def graded(categories: tuple[str, ...], each: int) -> Suite:
    """Single items that are graded from 0 to 1, so many in each category."""
    paired = worlds.make_suite(each, categories=categories)
    items = tuple(replace(item, id=item.pair, pair=None) for item in paired.items[::2])
    return replace(paired, unit="item", items=items, purpose="screen")


def as_published(suite: Suite) -> tuple[dict[str, float], dict[str, float]]:
    """Each category's mean changed by what was published; items swing by 0.05 around it."""
    swing = [0.05 if place % 2 else -0.05 for place in range(len(suite.items))]
    before = {item.id: 0.6 for item in suite.items}
    after = {item.id: 0.6 + PUBLISHED[item.category] + way for item, way in zip(suite.items, swing, strict=True)}
    return before, after


def test_the_published_screen_keeps_what_a_screen_of_42_in_every_category_reverts():
    """Mission C22: chosen on reasoning and tools, it lost jailbreak, cross-agent and identity."""
    cheap, whole = graded(("reasoning", "tool"), 21), graded(tuple(PUBLISHED), 8)
    assert (len(cheap.items), len(whole.items)) == (42, 40)
    assert read(*as_published(cheap), suite=cheap).result is ExperimentResult.KEPT
    found = read(*as_published(whole), suite=whole)
    assert found.result is ExperimentResult.REVERTED
    assert {name for name in PUBLISHED if f"{name} -" in found.why} == {"jailbreak", "cross_agent", "identity"}


def test_an_agent_that_fell_is_seen_behind_the_mean():
    suite = replace(worlds.make_suite(6, agents=("a", "b")), purpose="screen")
    pairs = {item.pair: item.agent for item in suite.items}
    before = {pair: agent == "b" and pair.startswith("tone") for pair, agent in pairs.items()}
    after = {pair: agent == "a" for pair, agent in pairs.items()}
    found = read(before, after, suite=suite)
    assert found.result is ExperimentResult.REVERTED
    assert "b -0.25" in found.why


def test_a_floor_holds_whatever_the_baseline_had():
    demand = replace(DEMAND, policy=replace(DEMAND.policy, floors=(("identity", 0.7), ("elsewhere", 0.7))))
    after = ALL | {"identity-0": False, "identity-1": False}
    assert read(NONE, ALL, demand).result is ExperimentResult.KEPT
    found = read(NONE, after, demand)
    assert found.result is ExperimentResult.REVERTED
    assert "floor 0.70" in found.why


def test_what_is_guarded_and_could_not_be_scored_is_not_kept():
    unseen = {pair: None if pair.startswith("tone") else True for pair in PAIRS}
    patient = replace(DEMAND, policy=replace(DEMAND.policy, max_unscored=0.5))
    assert read(NONE, unseen, patient).result is ExperimentResult.KEPT
    assert read(NONE, unseen, replace(patient, guarded=("tone",))).result is ExperimentResult.REVERTED


def test_critical_failures_that_grew_revert_a_gain():
    tried = arm(ALL, "tried")
    worse = tuple(replace(one, critical_failures=("leaked",)) for one in tried.evaluation.outcomes)
    tried = replace(tried, evaluation=replace(tried.evaluation, outcomes=worse))
    found = read_screen(arm(NONE), tried, SCREEN, DEMAND)
    assert found.result is ExperimentResult.REVERTED
    assert "leaked" in found.why


def test_one_server_that_answered_as_both_is_no_result():
    """Mission C24: four nights of false rejects, because an old process answered for every candidate."""
    found = read_screen(arm(NONE), arm(ALL), SCREEN, DEMAND)
    assert (found.result, found.effect) == (ExperimentResult.FAILED, None)
    assert "same build" in found.why
    old, tried = arm(NONE), arm(ALL, "tried")
    stale = replace(tried, evaluation=replace(tried.evaluation, proof=old.evaluation.proof))
    found = read_screen(old, stale, SCREEN, DEMAND)
    assert found.result is ExperimentResult.FAILED
    assert "same weights" in found.why


@pytest.mark.parametrize("change", [{"seeds": (12,)}, {"scorer": "another"}, {"suite_digest": "sha256:other"}])
def test_arms_that_were_asked_otherwise_are_not_compared(change):
    tried = arm(ALL, "tried", **change)
    found = read_screen(arm(NONE), tried, SCREEN, DEMAND)
    assert found.result is ExperimentResult.FAILED
    assert found.why.startswith("not comparable")


def test_items_without_a_score_are_no_zeros():
    some = {pair: None if place % 4 == 0 else True for place, pair in enumerate(PAIRS)}
    found = read(NONE, some)
    assert found.result is ExperimentResult.FAILED
    assert "unscored" in found.why


def test_arms_without_one_common_score_are_no_result_however_patient_the_policy():
    half = {pair: None if place % 2 else True for place, pair in enumerate(PAIRS)}
    other = {pair: True if place % 2 else None for place, pair in enumerate(PAIRS)}
    patient = replace(DEMAND, policy=replace(DEMAND.policy, max_unscored=1.0))
    found = read(half, other, patient)
    assert (found.result, found.effect) == (ExperimentResult.FAILED, None)
    assert "no pair was scored in both arms" in found.why


def test_a_rule_that_the_policy_does_not_have_reverts_nothing_but_a_guard_of_the_agenda_does():
    before = NONE | {pair: True for pair in PAIRS if pair.startswith("identity")}
    after = ALL | {pair: False for pair in PAIRS if pair.startswith("identity")}
    lax = replace(DEMAND, policy=replace(DEMAND.policy, rules=("gain",)))
    assert read(before, after, lax).result is ExperimentResult.KEPT
    assert read(before, after, replace(lax, guarded=("identity",))).result is ExperimentResult.REVERTED


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=len(PAIRS), max_size=len(PAIRS)))
def test_an_arm_and_its_opposite_are_never_both_kept(drawn):
    before = {pair: old for pair, (old, _) in zip(PAIRS, drawn, strict=True)}
    after = {pair: new for pair, (_, new) in zip(PAIRS, drawn, strict=True)}
    there, back = read(before, after), read(after, before)
    assert ExperimentResult.KEPT not in {there.result} & {back.result}
    assert there.effect.mean == pytest.approx(-back.effect.mean)
