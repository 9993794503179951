"""Each rule keeps the contract of rules; together they are what a policy may declare."""

from __future__ import annotations

from dataclasses import replace

import gate_worlds as worlds
import pytest

from selftune.gate.config import Against, SetDemand, SuiteDemand
from selftune.gate.picks.base import Choice, Picks
from selftune.gate.policies import load_policy
from selftune.gate.reasons import NEXT_BY_FAMILY
from selftune.gate.rules import declared_rules, enforced_rules, rules_for
from selftune.gate.rules.behaviour import OutputCollapse, TurnOfBreak
from selftune.gate.rules.enforced import DOUBT, HARM_SHOWN, MUST_BE_SHOWN, VALIDITY
from selftune.gate.rules.further import REGRESSION, FurtherSound, NoWorse, NoWorseShown, Regression
from selftune.gate.rules.gain import Gain
from selftune.gate.rules.harm import AgentCap, CategoryCap, CriticalFailures, Floor, Guarded
from selftune.gate.rules.identity import IDENTITY, IdentityKept
from selftune.gate.rules.independence import Independence
from selftune.gate.rules.leakage import LEAKAGE, Leakage
from selftune.gate.rules.live import LiveKept
from selftune.gate.rules.picks import PersonsPicks
from selftune.gate.rules.purpose import SamePurpose
from selftune.gate.rules.serving import Parity, ServingForm
from selftune.gate.rules.sets import SetCap
from selftune.gate.rules.spread import SeedSpread
from selftune.gate.rules.tiers import ByHeart, Extended, HeldOut
from selftune.gate.rules.trainings import TrainingSpread
from selftune.gate.rules.validity import (
    ArmsDiffer,
    EvaluationsComplete,
    GuardedPresent,
    ProofsMatch,
    RunFinished,
    SameConditions,
    WeightsChanged,
)
from selftune.records import BuildOrigin, CheckStatus, Outcome, RunPurpose, RunStatus
from selftune.testing import RuleContract, fake_build

SMALL = load_policy("small")
GOOD = worlds.better_evidence(suite=worlds.make_suite(40, agents=("x", "y")))
WORSE = replace(
    worlds.better_evidence(gain=-0.35, suite=worlds.make_suite(40, agents=("x", "y"))),
)
CHAMPION_RIGHT, CANDIDATE_RIGHT = (
    {one.pair: one.score == 1.0 for one in arm.outcomes} for arm in (GOOD.champion, GOOD.candidate)
)
NO_CANDIDATE = replace(GOOD, candidate=None, candidate_build=None)


class OnSmall(RuleContract):
    policy = SMALL
    good = GOOD


class TestRunFinished(OnSmall):
    subject = RunFinished
    bad = replace(GOOD, run=worlds.make_run(status=RunStatus.DIVERGED))


class TestWeightsChanged(OnSmall):
    subject = WeightsChanged
    bad = replace(GOOD, run=worlds.make_run(mean_abs_delta=0.0))


class TestEvaluationsComplete(OnSmall):
    subject = EvaluationsComplete
    bad = worlds.with_candidate(GOOD, outcomes=())


class TestSameConditions(OnSmall):
    subject = SameConditions
    bad = worlds.with_candidate(GOOD, seeds=(99,))


class TestArmsDiffer(OnSmall):
    subject = ArmsDiffer
    bad = worlds.with_candidate(GOOD, proof=GOOD.champion.proof)


class TestProofsMatch(OnSmall):
    subject = ProofsMatch
    bad = worlds.with_candidate(GOOD, proof=GOOD.champion.proof)


class TestGuardedPresent(OnSmall):
    subject = GuardedPresent
    policy = replace(SMALL, guarded=("field",))
    bad = replace(GOOD, suite=worlds.make_suite(40, categories=("tone",)))


class TestParity(OnSmall):
    subject = Parity
    bad = replace(GOOD, candidate_build=fake_build("tuned", run_id="run:1"))


class TestGain(OnSmall):
    subject = Gain
    bad = WORSE


class TestCategoryCap(OnSmall):
    bad = WORSE

    def subject() -> CategoryCap:
        return CategoryCap("field")


class TestGuarded(OnSmall):
    bad = WORSE

    def subject() -> Guarded:
        return Guarded("tone")


class TestAgentCap(OnSmall):
    bad = WORSE

    def subject() -> AgentCap:
        return AgentCap("x")


class TestFloor(OnSmall):
    policy = replace(SMALL, floors=(("tone", 0.4),))
    bad = WORSE

    def subject() -> Floor:
        return Floor("tone")


class TestCriticalFailures(OnSmall):
    subject = CriticalFailures
    bad = worlds.with_candidate(
        GOOD, outcomes=tuple(replace(one, critical_failures=("x",)) for one in GOOD.candidate.outcomes)
    )


class TestServingForm(OnSmall):
    subject = ServingForm
    bad = worlds.with_candidate(GOOD, proof=replace(GOOD.candidate.proof, template_digest="sha256:other"))


class TestSeedSpread(OnSmall):
    subject = SeedSpread
    bad = worlds.with_candidate(GOOD, generation=replace(GOOD.candidate.generation, temperature=1.0))


class TestOutputCollapse(OnSmall):
    bad = worlds.with_candidate(GOOD, outcomes=tuple(replace(one, answer="") for one in GOOD.candidate.outcomes))

    def subject() -> OutputCollapse:
        return OutputCollapse("worlds")


TALKS = worlds.conversations(40)


class TestTurnOfBreak(OnSmall):
    good = worlds.with_further(GOOD, "battle", *2 * (worlds.right_up_to(40, 40),), suite=TALKS)
    bad = worlds.breaking_at(worlds.with_further(GOOD, "battle", *2 * (worlds.right_up_to(40, 40),), suite=TALKS), 2)

    def subject() -> TurnOfBreak:
        return TurnOfBreak("battle")


class OnTier(OnSmall):
    """Items that half were right; nine tenths of them fall."""

    good = worlds.with_further(GOOD, "rebuilt", *3 * (worlds.right_up_to(400, 800),), suite=worlds.tiers(800))
    bad = worlds.with_further(
        GOOD, "rebuilt", worlds.right_up_to(400, 800), worlds.right_up_to(40, 800), worlds.right_up_to(400, 800),
        suite=worlds.tiers(800),
    )  # fmt: skip


class TestExtended(OnTier):
    def subject() -> Extended:
        return Extended("rebuilt", Against.BASE)


class TestHeldOut(OnTier):
    def subject() -> HeldOut:
        return HeldOut("rebuilt", Against.CHAMPION)


class TestByHeart(OnTier):
    """The candidate gets every gold item right, and of the others what it got before."""

    bad = worlds.with_further(
        GOOD,
        "rebuilt",
        worlds.right_up_to(400, 800),
        {key: right or int(key.split("-")[1]) % 3 == 0 for key, right in worlds.right_up_to(400, 800).items()},
        suite=worlds.tiers(800),
    )

    def subject() -> ByHeart:
        return ByHeart("rebuilt")


class TestLeakage(OnSmall):
    good = worlds.with_further(GOOD, LEAKAGE, *3 * (worlds.right_up_to(20, 20),))
    bad = worlds.with_further(
        GOOD, LEAKAGE, worlds.right_up_to(20, 20), worlds.right_up_to(19, 20), worlds.right_up_to(20, 20)
    )

    subject = Leakage


EQUAL = worlds.with_further(GOOD, "general", *3 * (worlds.right_up_to(50, 400),))
DUMBER = worlds.with_further(GOOD, "general", worlds.right_up_to(200, 400), worlds.right_up_to(100, 400))


class OnFurther(OnSmall):
    policy = replace(SMALL, suites=())
    good = EQUAL
    bad = DUMBER


class TestFurtherSound(OnFurther):
    bad = worlds.with_further(GOOD, "general", worlds.right_up_to(50), dict.fromkeys(worlds.right_up_to(50)))

    def subject() -> FurtherSound:
        return FurtherSound("general")


class TestNoWorse(OnFurther):
    def subject() -> NoWorse:
        return NoWorse("general")


class TestNoWorseShown(OnFurther):
    def subject() -> NoWorseShown:
        return NoWorseShown("general")


class TestRegression(OnFurther):
    def subject() -> Regression:
        return Regression("general")


class TestIdentityKept(OnSmall):
    good = worlds.with_further(GOOD, IDENTITY, *2 * (worlds.right_up_to(40, 40),), purpose=IDENTITY)
    bad = worlds.with_further(GOOD, IDENTITY, worlds.right_up_to(40, 40), worlds.right_up_to(20, 40), purpose=IDENTITY)

    def subject() -> IdentityKept:
        return IdentityKept(IDENTITY, "item")


class TestTrainingSpread(OnSmall):
    policy = replace(SMALL, training_seeds=3)
    subject = TrainingSpread
    good = replace(GOOD, trainings=tuple(worlds.make_training(GOOD.suite, CANDIDATE_RIGHT, seed) for seed in (1, 2)))
    bad = replace(GOOD, trainings=tuple(worlds.make_training(GOOD.suite, CHAMPION_RIGHT, seed) for seed in (1, 2)))


class TestSamePurpose(OnSmall):
    subject = SamePurpose
    bad = replace(GOOD, run=worlds.make_run(purpose=RunPurpose.PROBE))


class TestSetCap(OnFurther):
    policy = replace(SMALL, suites=(("general", SuiteDemand(sets=(("all", SetDemand(categories=("item",))),))),))

    def subject() -> SetCap:
        return SetCap("general", "all")


class TestIndependence(OnSmall):
    subject = Independence
    bad = replace(GOOD, judge=None)


class TestLiveKept(OnSmall):
    good = replace(GOOD, live=(worlds.make_trial(errors=0.0),))
    bad = replace(GOOD, live=(worlds.make_trial(errors=0.9),))

    def subject() -> LiveKept:
        return LiveKept("errors")


class TestPersonsPicks(OnSmall):
    subject = PersonsPicks
    good = replace(GOOD, picks=Picks(choices=(Choice.CANDIDATE,) * 8))
    bad = replace(GOOD, picks=Picks(choices=(Choice.CHAMPION,) * 8))


def test_every_rule_is_contracted_or_only_reports() -> None:
    contracted = {name.removeprefix("Test") for name in globals() if name.startswith("Test")}
    assert {rule.__name__ for rule in enforced_rules().values()} == contracted | {"OtherArms"}


def test_every_rule_says_in_one_line_what_it_promises() -> None:
    assert all((rule.__doc__ or "").strip() for rule in enforced_rules().values())


def test_every_rule_has_a_next_step_for_when_it_stops_a_candidate() -> None:
    assert set(NEXT_BY_FAMILY) == set(enforced_rules())


def test_no_rule_lets_a_missing_candidate_through() -> None:
    policy = replace(SMALL, guarded=("tone",), floors=(("field", 0.1),))
    for rule in rules_for(policy, NO_CANDIDATE):
        status = rule.check(NO_CANDIDATE, policy).status
        independent_of_candidate = rule.family in {"run_finished", "weights_changed", "guarded_present", "same_purpose"}
        assert status is (CheckStatus.PASS if independent_of_candidate else CheckStatus.NOT_MEASURED), rule.name


def test_what_was_not_measured_never_promotes() -> None:
    for consequence in (VALIDITY, HARM_SHOWN, MUST_BE_SHOWN, DOUBT):
        assert consequence.of(CheckStatus.NOT_MEASURED) in {Outcome.INVALID, Outcome.INCONCLUSIVE}
        assert consequence.of(CheckStatus.PASS) is None


def test_a_guarded_category_is_asked_more_and_not_twice() -> None:
    names = [rule.name for rule in rules_for(replace(SMALL, guarded=("tone",)), GOOD)]
    assert "guarded:tone" in names
    assert "category_cap:tone" not in names
    assert "category_cap:field" in names


def test_rules_that_are_not_declared_are_not_applied() -> None:
    slim = replace(SMALL, rules=tuple(rule for rule in SMALL.rules if rule != "agent_cap"))
    assert not any(rule.name.startswith("agent_cap") for rule in rules_for(slim, GOOD))
    assert declared_rules(slim) == slim.rules


def test_a_build_that_needed_no_training_needs_no_run() -> None:
    prompt = replace(
        GOOD, run=None, judge=None, candidate_build=fake_build(origin=BuildOrigin.PROMPT, system_prompt="Obey.")
    )
    for rule in (RunFinished(), WeightsChanged(), Parity(), Independence()):
        assert rule.check(prompt, SMALL).status is CheckStatus.PASS, rule.name


def test_a_prompt_may_stand_on_the_champions_weights() -> None:
    build = fake_build(origin=BuildOrigin.PROMPT, system_prompt="Obey.")
    candidate = replace(GOOD.champion, build_id=build.id, build_digest=build.digest)
    assert (
        ArmsDiffer().check(replace(GOOD, candidate=candidate, candidate_build=build), SMALL).status is CheckStatus.PASS
    )


def test_a_trained_candidate_without_a_run_on_record_is_not_measured() -> None:
    assert RunFinished().check(replace(GOOD, run=None), SMALL).status is CheckStatus.NOT_MEASURED
    assert WeightsChanged().check(replace(GOOD, run=worlds.make_run(mean_abs_delta=None)), SMALL).status is (
        CheckStatus.NOT_MEASURED
    )


def test_a_build_without_a_model_file_proves_nothing() -> None:
    empty = fake_build("tuned", files=(), run_id=GOOD.run.id)
    evidence = worlds.with_candidate(GOOD, build_id=empty.id, build_digest=empty.digest)
    check = ProofsMatch().check(replace(evidence, candidate_build=empty), SMALL)
    assert check.status is CheckStatus.FAIL
    assert "other weights" in check.detail


def test_a_fall_of_exactly_the_cap_counts_as_one() -> None:
    suite = worlds.make_suite(400, categories=("tone",))
    champion = {f"tone-{n}": n < 200 for n in range(400)}
    candidate = {f"tone-{n}": n < 160 for n in range(400)}
    check = CategoryCap("tone").check(worlds.make_evidence(champion, candidate, suite), SMALL)
    assert check.status is CheckStatus.FAIL


@pytest.mark.parametrize("rule", [Floor("nowhere"), CategoryCap("nowhere")])
def test_a_place_nobody_measured_is_not_measured(rule) -> None:
    policy = replace(SMALL, floors=(("nowhere", 0.5),))
    assert rule.check(GOOD, policy).status is CheckStatus.NOT_MEASURED


def test_critical_failures_with_no_common_item_are_not_measured() -> None:
    assert CriticalFailures().check(worlds.with_candidate(GOOD, outcomes=()), SMALL).status is CheckStatus.NOT_MEASURED


def test_no_rule_on_a_further_suite_lets_a_missing_candidate_through() -> None:
    asked = GOOD
    for name, purpose in (("general", "gate"), (LEAKAGE, "gate"), ("mended", REGRESSION)):
        asked = worlds.with_further(asked, name, *3 * (worlds.right_up_to(50),), purpose=purpose)
    asked = worlds.with_further(asked, "rebuilt", *3 * (worlds.right_up_to(60, 90),), suite=worlds.tiers(90))
    asked = worlds.with_further(asked, "battle", *2 * (worlds.right_up_to(40, 40),), suite=TALKS)
    gone = tuple(replace(one, candidate=None) for one in asked.further)
    nobody = replace(asked, candidate=None, candidate_build=None, further=gone)
    places = {rule.name: rule.check(nobody, SMALL) for rule in rules_for(SMALL, asked) if ":" in rule.name}
    beside = {name: check.status for name, check in places.items() if name.split(":")[1].split("/")[0] != "worlds"}
    assert len(beside) > 12
    assert set(beside.values()) == {CheckStatus.NOT_MEASURED}


def test_a_suite_that_was_not_asked_is_not_measured() -> None:
    absent = (FurtherSound("absent"), Regression("absent"), TurnOfBreak("absent"), OutputCollapse("absent"), Leakage())
    for rule in absent:
        assert rule.check(GOOD, SMALL).status is CheckStatus.NOT_MEASURED
