"""Decisions of the founding documents, replayed: what this gate says of the same figures."""

from __future__ import annotations

from pathlib import Path

import pytest

from selftune.app.campaigns import replays as told
from selftune.gate.statistics.shares import clopper_pearson
from selftune.records import CheckStatus

CASES = {one.name: one for one in told.replays()}
PAGE = Path(__file__).parents[2] / "docs" / "replays.md"


@pytest.mark.parametrize("name", CASES)
def test_each_case_ends_as_promised(name: str) -> None:
    decision = CASES[name].decide()
    assert decision.outcome.value in CASES[name].promised, decision.reason


def test_every_arm_has_the_mean_that_was_told() -> None:
    evidence = CASES["0.813"].evidence
    means = [sum(one.score for one in arm.outcomes) / 36 for arm in (evidence.champion, evidence.candidate)]
    assert means == [pytest.approx(0.778, abs=5e-4), pytest.approx(0.813, abs=5e-4)]


def test_thirty_six_items_say_how_many_would_show_the_seeds_gain() -> None:
    decision = CASES["0.813"].decide()
    assert decision.items_needed is not None
    # A spread of 0.2 and a gain of 0.035 at 80 % power: 256 by the normal table, and what small samples cost.
    assert decision.items_needed in range(250, 300)


def test_the_screens_losses_are_vetoes_of_their_own_though_two_categories_rose() -> None:
    checks = {check.name: check.status for check in CASES["a screen that selects for overfitting"].decide().checks}
    assert checks["category_cap:identity"] is CheckStatus.FAIL
    assert checks["category_cap:tool"] is CheckStatus.PASS


def test_the_memorised_exam_is_found_by_both_tiers_once_there_are_items_enough() -> None:
    checks = {one.name: one.status for one in CASES["the same figures over ten times the items"].decide().checks}
    assert checks["extended:rebuilt/base"] is CheckStatus.FAIL
    assert checks["held_out:rebuilt/base"] is CheckStatus.FAIL


def test_a_probe_is_no_production_run_and_the_reason_says_so() -> None:
    assert "the arms differ in suite" in CASES["a probe's 14 prompts against the whole exam"].decide().reason


def test_three_hundred_steps_are_refused_beside_production_and_the_reason_names_both() -> None:
    reason = CASES["a probe of 300 steps against production of 861"].decide().reason
    assert (
        "candidate: probe, 300 steps over 2,400 lessons; champion: production, 861 steps over 6,888 lessons" in reason
    )


@pytest.mark.parametrize(
    ("name", "stopped"),
    [
        ("4+1 with reasoning lost", {"set_cap:general/reasoning"}),
        ("4+1 with a lucky seed", {"training_spread"}),
        ("4+1 with nothing against it", set()),
    ],
)
def test_of_the_four_and_one_only_the_part_that_was_spoilt_speaks(name: str, stopped: set[str]) -> None:
    checks = CASES[name].decide().checks
    assert {check.name for check in checks if check.status is CheckStatus.FAIL} == stopped


def test_the_founding_rule_keeps_a_third_of_identical_candidates_and_this_gate_next_to_none() -> None:
    """Two means of 36 items of spread 0.2 differ so that one is ahead by 0.02 or more in 33.6 % of tries."""
    nights = 80
    theirs = told.identical_kept(nights, told.keeps_two_hundredths_more)
    low, high = clopper_pearson(theirs, nights, 0.99)
    assert low < 0.336 < high
    assert told.identical_kept(nights, told.keeps_by_this_gate) <= 6  # the 99 % binomial limit of 2.5 %


def test_the_page_shows_what_the_gate_says_today() -> None:
    assert told.table() in PAGE.read_text(encoding="utf-8")


def test_the_report_holds_every_promise() -> None:
    section = told.section_over(10)
    assert all(figure.held is not False for figure in section.figures)


@pytest.mark.parametrize("held_out", [0.001, 9.0])
def test_a_loss_near_zero_is_named_and_no_loss_moves_a_decision(held_out: float) -> None:
    evidence = CASES["v2: validation loss near zero, 4 of 6 categories down"].evidence
    decision = told.decided(told.with_losses(evidence, held_out))
    assert decision.outcome.value == "reject"
    assert ("looks learnt by heart" in decision.reason) is (held_out < 1)
