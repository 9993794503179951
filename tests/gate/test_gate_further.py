"""Suites beside the one that decides stop a candidate, and never promote one."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

import gate_worlds as worlds
import pytest

from selftune.errors import ConfigError
from selftune.gate.config import Against, Policy, SuiteDemand
from selftune.gate.planning import DISCORDANCE, forecast, needs_base, plan_check
from selftune.gate.policies import load_policy
from selftune.gate.rules.further import GOLDEN, HOLDOUT, REGRESSION, NoWorse, NoWorseShown, Regression
from selftune.gate.stage import decide
from selftune.records import CheckStatus, JudgeIdentity, Outcome
from selftune.testing import fake_context


def shipped(name: str) -> Policy:
    """A shipped policy without the sets of categories it names: here a suite has one."""
    policy = load_policy(name)
    return replace(policy, suites=tuple((suite, replace(demand, sets=())) for suite, demand in policy.suites))


SMALL = shipped("small")
BETTER = worlds.better_evidence()
TO_BASE = replace(SMALL, suites=(("general", SuiteDemand(against=Against.BASE, margin=0.02)),))


def decide_on(evidence, policy=SMALL):
    return decide(evidence, policy, fake_context(Path()))


def beside(champion: int, candidate: int, base: int | None = None, units: int = 400, name: str = "general", **changes):
    arms = [None if right is None else worlds.right_up_to(right, units) for right in (champion, candidate, base)]
    return worlds.with_further(BETTER, name, *arms, **changes)


def further_suite(units: int, name: str = "general", **changes):
    return replace(worlds.make_suite(units, categories=("item",)), name=name, **changes)


def test_a_candidate_that_got_dumber_than_the_base_is_refused_however_much_it_gained() -> None:
    decision = decide_on(beside(champion=150, candidate=150, base=200), TO_BASE)
    assert decision.outcome is Outcome.REJECT
    assert "general -0.12" in decision.reason
    assert "against the base" in decision.reason


@pytest.mark.parametrize("name", ["small", "strict"])
def test_both_shipped_policies_refuse_a_candidate_that_got_dumber(name: str) -> None:
    policy = shipped(name)
    dumber = decide_on(beside(champion=150, candidate=150, base=200), policy)
    assert dumber.outcome is Outcome.REJECT
    assert "no_worse:general" in {check.name for check in dumber.checks if check.status is CheckStatus.FAIL}
    as_bright = decide_on(beside(champion=200, candidate=200, base=200), policy)
    assert "no_worse:general" not in {check.name for check in as_bright.checks if check.status is CheckStatus.FAIL}
    assert as_bright.outcome is not Outcome.REJECT


def test_both_shipped_policies_ask_whether_it_got_dumber_than_the_base() -> None:
    for name in ("small", "strict"):
        demand = load_policy(name).demand_on("general")
        assert (demand.against, demand.margin) == (Against.BASE, 0.02)
        assert needs_base(load_policy(name), further_suite(300))


def test_without_the_base_on_record_it_is_not_measured_and_not_promoted() -> None:
    decision = decide_on(beside(champion=150, candidate=150), TO_BASE)
    assert decision.outcome is Outcome.INCONCLUSIVE
    assert "was not asked of the candidate and the base" in decision.reason


def test_a_suite_that_no_one_named_in_the_policy_is_held_against_the_champion() -> None:
    policy = replace(SMALL, suites=())
    assert not needs_base(policy, further_suite(300))
    assert decide_on(beside(champion=200, candidate=200), policy).outcome is Outcome.PROMOTE
    decision = decide_on(beside(champion=200, candidate=120), policy)
    assert decision.outcome is Outcome.REJECT
    assert "newly broken: item-120" in decision.reason


def test_a_gain_on_a_further_suite_promotes_nothing() -> None:
    evidence = worlds.better_evidence(gain=0.0, seed=1)
    evidence = worlds.with_further(evidence, "general", worlds.right_up_to(10), worlds.right_up_to(90))
    assert decide_on(evidence, replace(SMALL, suites=())).outcome is not Outcome.PROMOTE


def test_a_fall_that_may_be_noise_is_printed_and_stops_only_where_the_suite_is_guarded() -> None:
    evidence = beside(champion=52, candidate=49, units=100)
    plain = replace(SMALL, suites=(("general", SuiteDemand(margin=0.02)),))
    guarded = replace(SMALL, suites=(("general", SuiteDemand(margin=0.02, guarded=True)),))
    assert NoWorse("general").check(evidence, plain).status is CheckStatus.NOT_SHOWN
    assert decide_on(evidence, plain).outcome is Outcome.PROMOTE
    assert NoWorseShown("general").check(evidence, guarded).status is CheckStatus.NOT_SHOWN
    decision = decide_on(evidence, guarded)
    assert decision.outcome is Outcome.INCONCLUSIVE


def test_a_guarded_suite_within_reach_says_how_many_items_would_show_it() -> None:
    guarded = replace(SMALL, suites=(("general", SuiteDemand(margin=0.04, guarded=True)),))
    decision = decide_on(beside(champion=52, candidate=52, units=100), replace(guarded, level=0.999))
    assert decision.outcome is Outcome.INCONCLUSIVE
    assert decision.items_needed > 100
    assert "of general" in decision.next_step


def test_an_outage_on_a_further_suite_makes_the_comparison_invalid() -> None:
    silent = dict.fromkeys(worlds.right_up_to(50))
    decision = decide_on(worlds.with_further(BETTER, "manners", worlds.right_up_to(50), silent))
    assert decision.outcome is Outcome.INVALID
    assert "manners: unscored" in decision.reason


def test_an_outage_of_the_base_is_no_base_to_be_held_against() -> None:
    silent = dict.fromkeys(worlds.right_up_to(50))
    evidence = worlds.with_further(BETTER, "general", *2 * (worlds.right_up_to(50),), silent)
    assert decide_on(evidence).outcome is Outcome.INVALID


def test_a_base_that_was_asked_under_other_conditions_is_no_base() -> None:
    evidence = beside(champion=200, candidate=200, base=200)
    asked = evidence.further[0]
    ((arm, base),) = asked.others
    other = replace(asked, others=((arm, replace(base, seeds=(99,))),))
    decision = decide_on(replace(evidence, further=(other,)), TO_BASE)
    assert decision.outcome is Outcome.INVALID
    assert "the arms differ in seeds" in decision.reason


def test_a_suite_with_too_few_items_is_not_measured() -> None:
    check = NoWorse("general").check(beside(champion=5, candidate=5, units=8), replace(SMALL, suites=()))
    assert check.status is CheckStatus.NOT_MEASURED
    assert "only 8 pairs of general" in check.detail


def test_a_required_suite_that_nobody_asked_is_not_measured_and_refused_when_planned() -> None:
    policy = replace(SMALL, suites=(("general", SuiteDemand(required=True)),))
    decision = decide_on(BETTER, policy)
    assert decision.outcome is Outcome.INCONCLUSIVE
    assert "suite 'general' was not asked" in decision.reason
    with pytest.raises(ConfigError, match="requires suite 'general'") as refused:
        plan_check(policy, BETTER.suite)
    assert "further under [evaluation]" in refused.value.next_step
    plan_check(policy, BETTER.suite, [further_suite(300)])


@pytest.mark.parametrize(
    ("champion", "candidate", "units", "status"),
    [(3, 3, 3, CheckStatus.PASS), (3, 2, 3, CheckStatus.NOT_SHOWN), (40, 25, 40, CheckStatus.FAIL)],
)
def test_each_item_of_the_regression_suite_counts_however_few_there_are(champion, candidate, units, status) -> None:
    evidence = beside(champion, candidate, units=units, name=REGRESSION, purpose=REGRESSION)
    assert Regression(REGRESSION).check(evidence, SMALL).status is status
    assert (decide_on(evidence).outcome is Outcome.REJECT) is (status is CheckStatus.FAIL)


def test_a_regression_suite_in_which_nothing_was_scored_is_not_measured() -> None:
    blank = dict.fromkeys(worlds.right_up_to(3, 3))
    evidence = worlds.with_further(BETTER, REGRESSION, blank, blank, purpose=REGRESSION)
    assert Regression(REGRESSION).check(evidence, SMALL).status is CheckStatus.NOT_MEASURED


def test_planning_counts_the_vetoes_of_further_suites() -> None:
    suite, more = BETTER.suite, [further_suite(100), further_suite(20, REGRESSION, purpose=REGRESSION)]
    alone, together = forecast(SMALL, suite).pass_chance, forecast(SMALL, suite, more).pass_chance
    assert 0.8 < together < alone


def test_the_forecast_over_several_suites_agrees_with_simulated_equal_candidates() -> None:
    draw, rounds, passed = random.Random(5), 40, 0
    first, general, rebuilt = worlds.make_suite(40), further_suite(160), worlds.tiers(300)
    mended = further_suite(40, "mended", purpose=REGRESSION)
    for _ in range(rounds):
        evidence = worlds.make_evidence(*equals(first, draw), first)
        for suite in (general, rebuilt, mended):
            champion, candidate = equals(suite, draw)
            evidence = worlds.with_further(
                evidence, suite.name, champion, candidate, champion, suite=suite, purpose=suite.purpose
            )
        passed += all(check.status is not CheckStatus.FAIL for check in decide_on(evidence).checks if is_veto(check))
    # Worlds have no critical failures, and the forecast counts what base and champion both see only once.
    wanted = forecast(SMALL, first, (general, rebuilt, mended)).pass_chance / 0.975
    assert passed / rounds == pytest.approx(wanted, abs=0.12)


def equals(suite, draw: random.Random) -> tuple[dict[str, bool], dict[str, bool]]:
    """Two arms as good as each other that differ on a tenth of the units."""
    champion = {key: draw.random() < 0.5 for key in dict.fromkeys(item.pair or item.id for item in suite.items)}
    return champion, {
        key: (draw.random() < 0.5) if draw.random() < 2 * DISCORDANCE else right for key, right in champion.items()
    }


def is_veto(check) -> bool:
    return check.name.partition(":")[0] not in {"gain", "by_heart"}


def test_a_guarded_margin_that_few_items_cannot_show_is_refused_with_the_items_it_needs() -> None:
    policy = replace(SMALL, suites=(("general", SuiteDemand(margin=0.1, guarded=True)),))
    with pytest.raises(ConfigError, match="the weakest is no_worse_shown:general") as refused:
        plan_check(policy, BETTER.suite, [further_suite(40)])
    assert "Bring suite 'general' to about" in refused.value.next_step
    needed = int(refused.value.next_step.split("about ")[1].split()[0])
    plan_check(policy, BETTER.suite, [further_suite(needed)])


def test_a_further_suite_with_too_few_items_is_refused_but_not_the_regression_suite() -> None:
    with pytest.raises(ConfigError, match="suite 'general' has 8 pairs"):
        plan_check(SMALL, BETTER.suite, [further_suite(8)])
    plan_check(SMALL, BETTER.suite, [further_suite(2, purpose=REGRESSION)])


def test_who_grades_a_further_suite_must_be_independent_too() -> None:
    """A judge that selected the lessons may not grade what was held out."""
    judge = JudgeIdentity(name="oracle:m", version="1", lineage=("m",))
    evidence = replace(beside(champion=200, candidate=200), judge=judge)
    asked = evidence.further[0]
    by_itself = replace(asked, candidate=replace(asked.candidate, scorer_lineage=("m",)))
    plain = replace(SMALL, suites=())
    assert decide_on(evidence, plain).outcome is Outcome.PROMOTE
    graded = replace(by_itself, champion=replace(asked.champion, scorer_lineage=("m",)))
    decision = decide_on(replace(evidence, further=(graded,)), plain)
    assert decision.outcome is Outcome.INCONCLUSIVE
    assert "m stands on both sides" in decision.reason


def test_conversations_are_looked_at_by_their_turns_and_not_as_a_mean() -> None:
    talks = replace(worlds.conversations(4), name="battle")
    evidence = worlds.with_further(BETTER, "battle", *2 * (worlds.right_up_to(4, 4),), suite=talks)
    names = {check.name for check in decide_on(evidence).checks}
    assert "turn_of_break:battle" in names
    assert "no_worse:battle" not in names
    plan_check(SMALL, BETTER.suite, [talks])


def test_the_golden_part_of_what_was_held_out_is_printed_beside_the_whole_that_decides() -> None:
    def told(evidence) -> str:
        return next(check.detail for check in decide_on(evidence).checks if check.name == f"no_worse:{HOLDOUT}")

    def with_golden(evaluation):
        golden = [replace(one, category=GOLDEN) for one in evaluation.outcomes[:100]]
        return replace(evaluation, outcomes=(*golden, *evaluation.outcomes[100:]))

    evidence = beside(champion=200, candidate=210, name=HOLDOUT)
    (held,) = evidence.further
    held = replace(held, champion=with_golden(held.champion), candidate=with_golden(held.candidate))
    assert "golden alone" not in told(evidence)
    assert told(replace(evidence, further=(held,))).endswith("of 50")
