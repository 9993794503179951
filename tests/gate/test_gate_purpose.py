"""A probe is compared with a probe (B33), and sets of categories such as reasoning are kept (C21)."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import gate_worlds as worlds
import pytest

from selftune.errors import ConfigError
from selftune.gate.config import Against, SetDemand, SuiteDemand
from selftune.gate.planning import needs_base, plan_check, vetoes_of
from selftune.gate.policies import load_policy
from selftune.gate.rules.purpose import SamePurpose, purpose_of
from selftune.gate.stage import decide
from selftune.records import CheckStatus, Outcome, RunPurpose
from selftune.testing import fake_build, fake_context

SMALL = load_policy("small")
PLAIN = replace(SMALL, suites=())
GOOD = worlds.better_evidence()


def run_of(steps: int, purpose: RunPurpose = RunPurpose.UNSTATED):
    """A run of so many steps of eight lessons."""
    return worlds.make_run(steps=steps, planned_steps=steps, passes=steps * 8 / 480, purpose=purpose)


def held_against(candidate, champion, policy=PLAIN):
    """The same gain by a candidate of this run over a champion of that one."""
    old = fake_build(run_id=None if champion is None else champion.id)
    new = replace(GOOD.candidate_build, run_id=candidate.id)
    before = replace(GOOD.champion, build_id=old.id, build_digest=old.digest)
    after = replace(GOOD.candidate, build_id=new.id, build_digest=new.digest)
    evidence = replace(
        GOOD,
        run=candidate,
        champion_run=champion,
        champion=before,
        candidate=after,
        champion_build=old,
        candidate_build=new,
    )
    return decide(evidence, policy, fake_context(Path()))


@pytest.mark.parametrize("production", [861, 1011])
def test_three_hundred_steps_are_no_match_for_a_production_run(production: int) -> None:
    """B33: probes of 300 steps against production of 861 and 1,011."""
    decision = held_against(run_of(300), run_of(production))
    assert decision.outcome is Outcome.INVALID
    told = f"candidate: probe, 300 steps over 2,400 lessons; champion: production, {production} steps over"
    assert told in decision.reason


def test_a_probe_is_comparable_with_a_probe_of_its_size() -> None:
    assert held_against(run_of(300), run_of(300)).outcome is Outcome.PROMOTE
    probe = RunPurpose.PROBE
    assert held_against(run_of(300, probe), run_of(861, probe)).outcome is Outcome.PROMOTE


def test_a_short_run_that_is_meant_for_production_says_so_in_its_recipe_or_the_policy_asks_for_less() -> None:
    assert held_against(run_of(300, RunPurpose.PRODUCTION), run_of(861)).outcome is Outcome.PROMOTE
    assert held_against(run_of(300), run_of(861), replace(PLAIN, probe_below=0.3)).outcome is Outcome.PROMOTE


def test_a_stated_probe_is_never_held_against_what_serves_however_long_it_was() -> None:
    for champion in (run_of(100), None):
        decision = held_against(run_of(900, RunPurpose.PROBE), champion)
        assert decision.outcome is Outcome.INVALID
    assert "what was never trained" in decision.reason


def test_a_longer_run_than_the_champions_is_no_probe_nor_makes_it_one() -> None:
    assert held_against(run_of(900), run_of(60)).outcome is Outcome.PROMOTE


def test_lessons_count_and_not_steps_where_the_batch_grew() -> None:
    wide = worlds.make_run(steps=150, planned_steps=150, passes=2400 / 480)
    assert purpose_of(wide, run_of(300), 0.5) is RunPurpose.PRODUCTION


def test_a_champion_whose_run_is_gone_is_not_measured() -> None:
    evidence = replace(GOOD, champion_build=fake_build(run_id="run:gone"))
    assert SamePurpose().check(evidence, PLAIN).status is CheckStatus.NOT_MEASURED


# ---- sets of categories


def reasoning(champion: int, candidate: int, base: int = 40, units: int = 40):
    """Arithmetic and reading of so many items each, of which the arms got so many right; a third category is fine."""
    categories = ("arithmetic", "reading", "tone")
    suite = worlds.make_suite(units, categories=categories)
    arms = [
        {f"{category}-{n}": category == "tone" or n < right for category in categories for n in range(units)}
        for right in (champion, candidate, base)
    ]
    return worlds.with_further(GOOD, "general", *arms, suite=suite)


def decide_on(evidence, policy=SMALL):
    return decide(evidence, policy, fake_context(Path()))


def test_both_shipped_policies_keep_reasoning() -> None:
    for policy in (SMALL, load_policy("strict")):
        assert dict(policy.demand_on("general").sets)["reasoning"].categories == ("arithmetic", "reading")


def test_reasoning_below_the_champions_is_a_veto_though_the_base_was_worse() -> None:
    decision = decide_on(reasoning(36, 24, base=10))
    (check,) = (one for one in decision.checks if one.name == "set_cap:general/reasoning")
    assert (check.status, check.n) == (CheckStatus.FAIL, 80)
    assert check.measured == pytest.approx(-0.3)
    assert decision.outcome is Outcome.REJECT
    assert "reasoning of general -0.30" in decision.reason


def test_reasoning_that_stayed_passes_and_a_loss_within_noise_is_printed() -> None:
    assert decide_on(reasoning(36, 36, base=36)).outcome is Outcome.PROMOTE
    checks = {one.name: one.status for one in decide_on(reasoning(36, 35, base=36)).checks}
    assert checks["set_cap:general/reasoning"] is CheckStatus.NOT_SHOWN


def of(**changes):
    return replace(PLAIN, suites=(("general", SuiteDemand(sets=(("s", SetDemand(**changes)),))),))


def test_a_set_may_be_held_against_the_base_which_is_then_asked_the_suite() -> None:
    policy = of(categories=("reading",), against=Against.BASE)
    evidence = reasoning(20, 20, base=38)
    assert needs_base(policy, evidence.further[0].suite)
    assert not needs_base(of(categories=("reading",)), evidence.further[0].suite)
    assert decide_on(evidence, policy).outcome is Outcome.REJECT
    alone = replace(evidence, further=(replace(evidence.further[0], others=()),))
    assert decide_on(alone, policy).outcome is Outcome.INCONCLUSIVE


def test_a_set_of_few_items_is_not_measured_and_refused_when_planned() -> None:
    policy = of(categories=("reading",))
    evidence = reasoning(5, 5, base=5, units=6)
    assert decide_on(evidence, policy).outcome is Outcome.INCONCLUSIVE
    with pytest.raises(ConfigError, match="set 's' of suite 'general' has 6 pairs"):
        plan_check(policy, GOOD.suite, [evidence.further[0].suite])


def test_a_set_of_categories_that_the_suite_lacks_is_refused_by_name() -> None:
    suite = reasoning(5, 5).further[0].suite
    with pytest.raises(ConfigError, match="suite 'general' has no item in guarded category 'logic'"):
        plan_check(of(categories=("reading", "logic")), GOOD.suite, [suite])


def test_a_set_counts_among_the_vetoes() -> None:
    suite = reasoning(5, 5).further[0].suite
    vetoes = {veto.name: veto.n for veto in vetoes_of(of(categories=("reading", "tone")), GOOD.suite, [suite])}
    assert vetoes["set_cap:general/s"] == 80
