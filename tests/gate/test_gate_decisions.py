"""The gate in worlds whose truth is known: it promotes a gain, refuses harm, doubts noise, sees through a bad test."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

import gate_worlds as worlds
import pytest

from selftune.gate.config import SetDemand, SuiteDemand
from selftune.gate.picks.base import Choice, Picks
from selftune.gate.policies import load_policy
from selftune.gate.reasons import next_step_for
from selftune.gate.rules.further import REGRESSION
from selftune.gate.rules.identity import IDENTITY
from selftune.gate.rules.leakage import LEAKAGE
from selftune.gate.stage import decide
from selftune.records import (
    Arm,
    Check,
    CheckStatus,
    Decision,
    JudgeIdentity,
    Outcome,
    Parity,
    RunStatus,
    decode_record,
    encode_record,
)
from selftune.testing import fake_build, fake_context, fake_proof

SMALL, STRICT = load_policy("small"), replace(load_policy("strict"), training_seeds=1)
"""Further seeds of the training are tested beside; here a candidate has one."""


def decide_on(evidence, policy=SMALL) -> Decision:
    return decide(evidence, policy, fake_context(Path()))


def status_of(decision: Decision, name: str) -> CheckStatus:
    return next(check.status for check in decision.checks if check.name == name)


@pytest.mark.parametrize("policy", [SMALL, STRICT], ids=["small", "strict"])
@pytest.mark.parametrize("seed", range(10))
def test_a_planted_gain_of_a_quarter_is_promoted(seed: int, policy) -> None:
    decision = decide_on(worlds.better_evidence(gain=0.25, seed=seed), policy)
    assert decision.outcome is Outcome.PROMOTE, decision.reason
    assert decision.interval is not None
    assert decision.interval[0] > 0
    assert decision.next_step is None


@pytest.mark.parametrize("policy", [SMALL, STRICT], ids=["small", "strict"])
def test_pure_noise_is_promoted_in_no_more_than_one_of_twenty_seeds(policy) -> None:
    suite = worlds.make_suite(40)
    outcomes = []
    for seed in range(20):
        draw = random.Random(seed)
        champion = worlds.draw_pairs(suite, 0.5, draw)
        outcomes.append(decide_on(worlds.make_evidence(champion, worlds.draw_pairs(suite, 0.5, draw), suite), policy))
    assert sum(one.outcome in {Outcome.INCONCLUSIVE, Outcome.REJECT} for one in outcomes) >= 19


@pytest.mark.parametrize("policy", [SMALL, STRICT], ids=["small", "strict"])
@pytest.mark.parametrize("seed", range(10))
def test_sabotage_is_rejected(seed: int, policy) -> None:
    decision = decide_on(worlds.better_evidence(gain=-0.3, seed=seed), policy)
    assert decision.outcome is Outcome.REJECT
    assert decision.next_step


def test_a_reject_says_in_one_sentence_that_it_got_worse() -> None:
    decision = decide_on(worlds.better_evidence(gain=-0.3))
    assert decision.reason.startswith("The candidate is worse: -0.")
    assert decision.reason.count(". ") == 0


def test_the_same_weights_on_both_servers_are_invalid() -> None:
    evidence = worlds.better_evidence()
    stray = replace(evidence.candidate.proof, model_digest=evidence.champion.proof.model_digest)
    decision = decide_on(worlds.with_candidate(evidence, proof=stray))
    assert decision.outcome is Outcome.INVALID
    assert "same weights" in decision.reason


def test_an_adapter_without_effect_is_invalid_though_its_file_differs() -> None:
    evidence = worlds.better_evidence()
    idle = replace(evidence.candidate.proof, fingerprint=evidence.champion.proof.fingerprint)
    decision = decide_on(worlds.with_candidate(evidence, proof=idle))
    assert decision.outcome is Outcome.INVALID
    assert status_of(decision, "arms_differ") is CheckStatus.FAIL


def test_an_arm_that_is_the_champion_itself_is_invalid() -> None:
    evidence = worlds.better_evidence()
    twin = replace(evidence, candidate=evidence.champion, candidate_build=evidence.champion_build)
    assert decide_on(twin).outcome is Outcome.INVALID


def test_a_run_that_trained_nothing_is_invalid_and_says_so() -> None:
    run = worlds.make_run(status=RunStatus.TRAINED_NOTHING, reason="no weight moved", steps=0, mean_abs_delta=0.0)
    evidence = replace(worlds.better_evidence(), candidate=None, candidate_build=None, run=run)
    decision = decide_on(evidence)
    assert decision.outcome is Outcome.INVALID
    assert "trained nothing" in decision.reason
    assert decision.build_id is None
    assert decision.run_id == run.id
    assert decision.difference is None


@pytest.mark.parametrize("status", [status for status in RunStatus if status is not RunStatus.FINISHED])
def test_no_unfinished_run_is_promoted_however_good_its_scores(status: RunStatus) -> None:
    decision = decide_on(worlds.better_evidence(run=worlds.make_run(status=status)))
    assert decision.outcome is Outcome.INVALID


def test_one_falling_category_is_vetoed_under_a_higher_mean() -> None:
    suite, draw = worlds.make_suite(60), random.Random(3)
    champion = worlds.draw_pairs(suite, {"field": 0.3, "identity": 0.9, "permission": 0.3, "tone": 0.3}, draw)
    candidate = champion
    for category in ("field", "permission", "tone"):
        candidate = worlds.change_pairs(candidate, gain=0.5, discordance=0.0, draw=draw, only=category)
    candidate = worlds.change_pairs(candidate, gain=-0.3, discordance=0.0, draw=draw, only="identity")
    decision = decide_on(worlds.make_evidence(champion, candidate, suite))
    assert decision.difference > 0.2
    assert decision.outcome is Outcome.REJECT
    assert "identity" in decision.reason
    assert status_of(decision, "category_cap:identity") is CheckStatus.FAIL


def test_one_falling_agent_is_vetoed_under_a_higher_mean() -> None:
    agents = tuple("abcdefg")
    suite, draw = worlds.make_suite(140, categories=("domain",), agents=agents), random.Random(4)
    champion = {f"domain-{number}": number % 7 == 0 for number in range(140)}
    candidate = {f"domain-{number}": number % 7 != 0 or draw.random() < 0.4 for number in range(140)}
    decision = decide_on(worlds.make_evidence(champion, candidate, suite))
    assert decision.outcome is Outcome.REJECT
    assert status_of(decision, "agent_cap:a") is CheckStatus.FAIL


def test_a_jailbreak_score_below_its_floor_is_vetoed() -> None:
    suite, draw = worlds.make_suite(60, categories=("domain", "jailbreak")), random.Random(5)
    champion = worlds.draw_pairs(suite, {"domain": 0.3, "jailbreak": 0.5}, draw)
    candidate = {f"domain-{n}": True for n in range(60)} | {f"jailbreak-{n}": n < 40 for n in range(60)}
    policy = replace(SMALL, floors=(("jailbreak", 0.7),))
    decision = decide_on(worlds.make_evidence(champion, candidate, suite), policy)
    check = next(check for check in decision.checks if check.name == "floor:jailbreak")
    assert check.measured == pytest.approx(0.667, abs=0.001)
    assert decision.outcome is Outcome.REJECT


def test_a_guarded_floor_needs_its_bound_and_not_only_its_mean() -> None:
    suite, draw = worlds.make_suite(40, categories=("domain", "jailbreak")), random.Random(6)
    champion = worlds.draw_pairs(suite, {"domain": 0.3, "jailbreak": 0.4}, draw)
    candidate = {f"domain-{n}": True for n in range(40)} | {f"jailbreak-{n}": n < 30 for n in range(40)}
    policy = replace(SMALL, floors=(("jailbreak", 0.7),), guarded=("jailbreak",))
    decision = decide_on(worlds.make_evidence(champion, candidate, suite), policy)
    assert status_of(decision, "floor:jailbreak") is CheckStatus.NOT_SHOWN
    assert decision.outcome is Outcome.INCONCLUSIVE


def test_what_small_prints_as_not_shown_keeps_strict_from_promoting() -> None:
    suite = worlds.make_suite(40)
    champion = {f"{c}-{n}": n % 2 == 0 for c in worlds.CATEGORIES for n in range(40)}
    # Three categories gain all; tone loses five pairs: too little to show harm, too much to rule it out.
    candidate = dict.fromkeys(champion, True) | {f"tone-{n}": n % 2 == 0 and n > 8 for n in range(40)}
    evidence = worlds.make_evidence(champion, candidate, suite)
    assert decide_on(evidence, replace(SMALL, category_cap=0.2)).outcome is Outcome.PROMOTE
    small = decide_on(evidence, replace(SMALL, category_cap=0.2))
    assert status_of(small, "category_cap:tone") is CheckStatus.NOT_SHOWN
    strict = decide_on(evidence, replace(STRICT, guarded_cap=0.2))
    assert status_of(strict, "guarded:tone") is CheckStatus.NOT_SHOWN
    assert strict.outcome is Outcome.INCONCLUSIVE
    assert strict.items_needed > 40
    assert "tone" in strict.next_step


def test_too_many_unscored_items_are_invalid_and_named() -> None:
    evidence = worlds.better_evidence()
    outcomes = tuple(
        replace(one, score=None, unscored_reason="outage") if place < 30 else one
        for place, one in enumerate(evidence.candidate.outcomes)
    )
    decision = decide_on(worlds.with_candidate(evidence, outcomes=outcomes))
    assert decision.outcome is Outcome.INVALID
    assert "field-0-a" in decision.reason


def test_items_that_were_never_asked_count_as_unscored() -> None:
    evidence = worlds.better_evidence()
    decision = decide_on(worlds.with_candidate(evidence, outcomes=evidence.candidate.outcomes[:-40]))
    assert status_of(decision, "evaluations_complete") is CheckStatus.FAIL
    assert decision.outcome is Outcome.INVALID


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"suite_digest": "sha256:other"}, "suite"),
        ({"seeds": (12,)}, "seeds"),
        ({"scorer": "another"}, "scorer"),
        ({"scorer_lineage": ("a-model",)}, "scorer"),
    ],
)
def test_gate_refuses_when_the_conditions_changed_between_the_arms(change, named: str) -> None:
    decision = decide_on(worlds.with_candidate(worlds.better_evidence(), **change))
    assert decision.outcome is Outcome.INVALID
    assert named in decision.reason


def test_gate_refuses_when_the_generation_parameters_changed() -> None:
    evidence = worlds.better_evidence()
    warmer = replace(evidence.candidate.generation, temperature=0.7)
    decision = decide_on(worlds.with_candidate(evidence, generation=warmer))
    assert decision.outcome is Outcome.INVALID
    assert "generation parameters" in decision.reason


def test_the_gate_warns_of_a_server_that_gave_two_answers_to_one_question() -> None:
    def told(deterministic: bool | None) -> str:
        evidence = worlds.with_candidate(worlds.better_evidence(), deterministic=deterministic)
        return next(check.detail for check in decide_on(evidence).checks if check.name == "same_conditions")

    assert "the server of candidate gave two answers" in told(deterministic=False)
    assert told(deterministic=None) == told(deterministic=True)


def test_gate_refuses_when_the_slots_changed() -> None:
    evidence = worlds.better_evidence()
    decision = decide_on(worlds.with_candidate(evidence, proof=replace(evidence.candidate.proof, slots=8)))
    assert "slots" in decision.reason


def test_gate_refuses_when_the_suite_is_not_the_one_that_was_asked() -> None:
    evidence = worlds.better_evidence()
    decision = decide_on(replace(evidence, suite=replace(evidence.suite, version="2")))
    assert decision.outcome is Outcome.INVALID


def test_a_server_that_showed_other_weights_than_the_build_is_invalid() -> None:
    evidence = worlds.better_evidence()
    decision = decide_on(worlds.with_candidate(evidence, proof=fake_proof(fake_build("somebody else's"))))
    assert decision.outcome is Outcome.INVALID
    assert status_of(decision, "proofs_match") is CheckStatus.FAIL


def test_an_adapter_on_the_server_that_the_build_does_not_hold_is_invalid() -> None:
    evidence = worlds.better_evidence()
    stray = replace(evidence.candidate.proof, adapter_digest="sha256:stray")
    decision = decide_on(worlds.with_candidate(evidence, proof=stray))
    assert "another adapter" in decision.reason


def test_a_build_of_another_run_is_invalid() -> None:
    decision = decide_on(replace(worlds.better_evidence(), run=worlds.make_run(seed=1)))
    assert "not built from this run" in decision.reason


def test_a_form_that_lost_parity_is_rejected_and_one_without_figures_is_not_promoted() -> None:
    lost = Parity(name="greedy", measured=0.4, threshold=0.9, n=20)
    assert decide_on(worlds.better_evidence(parity=(lost,))).outcome is Outcome.REJECT
    unmeasured = decide_on(worlds.better_evidence(parity=()))
    assert status_of(unmeasured, "parity") is CheckStatus.NOT_MEASURED
    assert unmeasured.outcome is Outcome.INCONCLUSIVE


def test_growing_critical_failures_are_rejected_under_a_higher_mean() -> None:
    evidence = worlds.better_evidence()
    outcomes = tuple(
        replace(one, critical_failures=("identity_lost",)) if place % 4 == 0 else one
        for place, one in enumerate(evidence.candidate.outcomes)
    )
    decision = decide_on(worlds.with_candidate(evidence, outcomes=outcomes))
    assert decision.outcome is Outcome.REJECT
    assert "before: none, after: 80 identity_lost" in decision.reason


def test_a_cap_on_critical_failures_holds_however_few_there_were() -> None:
    evidence = worlds.better_evidence()
    outcomes = (replace(evidence.candidate.outcomes[0], critical_failures=("x",)), *evidence.candidate.outcomes[1:])
    one_failure = worlds.with_candidate(evidence, outcomes=outcomes)
    assert status_of(decide_on(one_failure), "critical_failures") is CheckStatus.NOT_SHOWN
    assert decide_on(one_failure, replace(SMALL, max_critical_failures=0)).outcome is Outcome.REJECT


def test_a_judge_that_also_grades_keeps_the_answer_at_inconclusive() -> None:
    judge = JudgeIdentity(name="oracle", version="1", lineage=("some-model",))
    evidence = worlds.better_evidence(judge=judge)
    both = replace(
        worlds.with_candidate(evidence, scorer_lineage=("some-model",)),
        champion=replace(evidence.champion, scorer_lineage=("some-model",)),
    )
    assert decide_on(both).outcome is Outcome.INCONCLUSIVE
    allowed = decide_on(both, replace(SMALL, independence="reported"))
    assert allowed.outcome is Outcome.PROMOTE
    assert status_of(allowed, "independence") is CheckStatus.NOT_SHOWN


def test_a_model_does_not_select_its_own_lessons() -> None:
    own = fake_build().digest
    evidence = worlds.better_evidence(judge=JudgeIdentity(name="self", version="1", lineage=(own,)))
    assert status_of(decide_on(evidence), "independence") is CheckStatus.FAIL


def test_shared_code_is_exempt_and_the_decision_says_so() -> None:
    check = next(one for one in decide_on(worlds.better_evidence()).checks if one.name == "independence")
    assert check.status is CheckStatus.PASS
    assert "exempt" in check.detail


def test_a_run_whose_data_nobody_is_known_to_have_selected_is_not_promoted() -> None:
    decision = decide_on(worlds.better_evidence(judge=None))
    assert status_of(decision, "independence") is CheckStatus.NOT_MEASURED
    assert decision.outcome is Outcome.INCONCLUSIVE


def test_base_and_prompt_only_are_printed_beside_the_candidate() -> None:
    suite = worlds.make_suite(40)
    right, wrong = (dict.fromkeys((item.pair for item in suite.items), value) for value in (True, False))
    evidence = worlds.better_evidence(suite=suite, others={Arm.BASE: wrong, Arm.PROMPT_ONLY: right})
    decision = decide_on(evidence)
    check = next(one for one in decision.checks if one.name == "other_arms")
    assert "base 0.00" in check.detail
    assert "does not beat the prompt" in check.detail
    assert [arm for arm, _ in decision.arms] == [Arm.CHAMPION, Arm.CANDIDATE, Arm.BASE, Arm.PROMPT_ONLY]
    assert decision.outcome is Outcome.PROMOTE


def test_a_small_gain_is_inconclusive_and_says_what_it_would_take() -> None:
    suite = worlds.make_suite(40)
    champion = {f"{c}-{n}": n % 2 == 0 for c in worlds.CATEGORIES for n in range(40)}
    candidate = champion | {f"field-{n}": True for n in range(1, 15, 2)} | {"tone-0": False, "tone-2": False}
    decision = decide_on(worlds.make_evidence(champion, candidate, suite))
    assert decision.outcome is Outcome.INCONCLUSIVE
    assert decision.items_needed > decision.n == 160
    assert "Grow the suite by" in decision.next_step
    assert "min for both arms" in decision.next_step


@pytest.mark.parametrize(
    ("stopped_by", "said"),
    [
        ("gain", "Training and evaluating take about 14 min here."),
        ("critical_failures", "Training and evaluating take about 14 min here."),
        ("parity", "Evaluating takes about 4 min here."),
    ],
)
def test_the_next_step_ends_with_its_minutes_here(stopped_by, said) -> None:
    """Ten minutes of training and two for each arm, as the records have it."""
    evidence = worlds.better_evidence()
    arms = (evidence.champion, evidence.candidate)
    champion, candidate = (replace(arm, wall_seconds=120.0) for arm in arms)
    timed = replace(evidence, champion=champion, candidate=candidate, run=replace(evidence.run, wall_seconds=600.0))
    check = Check(name=stopped_by, status=CheckStatus.FAIL, detail="as told")
    assert next_step_for(Outcome.REJECT, (check,), None, timed).endswith(said)


def test_a_certain_gain_below_the_least_worth_having_is_rejected() -> None:
    suite = worlds.make_suite(500)
    champion = {f"{c}-{n}": n % 2 == 0 for c in worlds.CATEGORIES for n in range(500)}
    candidate = champion | {f"field-{n}": True for n in range(1, 20, 2)}
    decision = decide_on(worlds.make_evidence(champion, candidate, suite))
    assert 0 < decision.difference < SMALL.least_gain
    assert decision.outcome is Outcome.REJECT
    assert "no better" in decision.reason


def test_a_category_with_too_few_pairs_is_not_measured_and_never_promotes() -> None:
    evidence = worlds.better_evidence(pairs=5)
    decision = decide_on(evidence)
    assert status_of(decision, "category_cap:tone") is CheckStatus.NOT_MEASURED
    assert decision.outcome is Outcome.INCONCLUSIVE


def test_a_handful_of_units_is_no_measurement() -> None:
    suite = worlds.make_suite(10, categories=("field",))
    champion = {f"field-{n}": False for n in range(10)}
    decision = decide_on(worlds.make_evidence(champion, dict.fromkeys(champion, True), suite))
    assert status_of(decision, "gain") is CheckStatus.NOT_MEASURED
    assert decision.outcome is Outcome.INCONCLUSIVE
    assert decision.reason == "The gain could not be measured: only 10 units were scored in both arms, 12 are needed."
    assert decision.items_needed is None


def test_a_control_arm_that_nobody_scored_is_printed_as_such() -> None:
    suite = worlds.make_suite(40)
    blank = dict.fromkeys(item.pair for item in suite.items)
    decision = decide_on(worlds.better_evidence(suite=suite, others={Arm.PROMPT_ONLY: blank}))
    assert "prompt_only unscored" in next(one.detail for one in decision.checks if one.name == "other_arms")


def test_a_guarded_category_far_below_its_cap_is_not_helped_by_more_items() -> None:
    suite = worlds.make_suite(40)
    champion = {f"{c}-{n}": n % 2 == 0 for c in worlds.CATEGORIES for n in range(40)}
    candidate = dict.fromkeys(champion, True) | {f"tone-{n}": (n % 2 == 0 and n > 8) or n == 1 for n in range(40)}
    decision = decide_on(worlds.make_evidence(champion, candidate, suite), replace(STRICT, guarded_cap=0.1, level=0.99))
    assert status_of(decision, "guarded:tone") is CheckStatus.NOT_SHOWN
    assert decision.next_step.startswith("Add golden items")


def test_a_parity_that_is_missing_asks_for_no_items() -> None:
    decision = decide_on(worlds.better_evidence(parity=()))
    assert decision.items_needed is None
    assert decision.next_step


def test_an_evaluation_of_another_build_is_invalid() -> None:
    decision = decide_on(worlds.with_candidate(worlds.better_evidence(), build_id="build:other"))
    assert "of another build" in decision.reason


def test_swapping_the_arms_flips_the_difference_and_its_interval() -> None:
    evidence = worlds.better_evidence()
    forth = decide_on(evidence)
    swapped = replace(
        evidence,
        champion=evidence.candidate,
        candidate=evidence.champion,
        champion_build=evidence.candidate_build,
        candidate_build=evidence.champion_build,
    )
    back = decide_on(swapped)
    assert back.difference == -forth.difference
    assert back.interval == (-forth.interval[1], -forth.interval[0])
    assert back.p_value == forth.p_value


def test_a_decision_pins_the_build_the_policy_and_the_evaluations() -> None:
    evidence = worlds.better_evidence()
    decision = decide_on(evidence)
    assert decision.build_id == evidence.candidate_build.id
    assert (decision.policy, decision.policy_digest) == ("small", SMALL.digest)
    assert decision.arms == ((Arm.CHAMPION, evidence.champion.id), (Arm.CANDIDATE, evidence.candidate.id))
    assert decode_record(encode_record(decision)) == decision


def test_every_declared_rule_leaves_a_check() -> None:
    suite = worlds.make_suite(40, agents=("x", "y"))
    policy = replace(SMALL, guarded=("tone",), floors=(("field", 0.1),))
    evidence = worlds.better_evidence(suite=suite)
    beside = {"guarded_one": "gate", "plain_one": "gate", "mended": REGRESSION, "probed": IDENTITY, LEAKAGE: "gate"}
    for name, purpose in beside.items():
        evidence = worlds.with_further(evidence, name, *3 * (worlds.right_up_to(50),), purpose=purpose)
    rebuilt, talks = worlds.tiers(60), worlds.conversations(60)
    evidence = worlds.with_further(evidence, "rebuilt", *3 * (worlds.right_up_to(30, 60),), suite=rebuilt)
    evidence = worlds.with_further(evidence, "battle", *2 * (worlds.right_up_to(30, 60),), suite=talks)
    together = SuiteDemand(sets=(("all", SetDemand(categories=("item",))),))
    demands = (("guarded_one", SuiteDemand(guarded=True)), ("plain_one", together))
    policy = replace(policy, suites=demands, training_seeds=3, live_answers=30)
    decision = decide_on(replace(evidence, picks=Picks(choices=(Choice.TIE,))), policy)
    assert {check.name.partition(":")[0] for check in decision.checks} == set(policy.rules)


def test_decisions_depend_on_nothing_but_evidence_and_policy(tmp_path: Path) -> None:
    evidence = worlds.better_evidence()
    assert decide(evidence, SMALL, fake_context(tmp_path, seed=1)) == decide(
        evidence, SMALL, fake_context(tmp_path, seed=2)
    )
