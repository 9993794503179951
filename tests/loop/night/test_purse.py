"""What a night may spend is counted from what is on record since it began, each record once."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import pytest
from what_ran import BASE, evaluation_of, run_of, screen

from selftune.app.cli.exit_codes import ExitCode
from selftune.app.nightly import exit_code_of
from selftune.errors import BudgetError
from selftune.loop.night.estimates import Estimate
from selftune.loop.night.night import NightReport
from selftune.loop.night.purse import Allowance, Purse
from selftune.records import JudgeIdentity, Judgement, JudgementStatus, Mode, Night, Outage
from selftune.testing import MemoryReader

ORACLE = JudgeIdentity(name="oracle", version="1", lineage=("a-model",))
CODE = JudgeIdentity(name="checks", version="1")
TRY = Estimate(seconds=60.0, low=50.0, high=70.0, source="s", usd=1.0, judge_calls=10, disk_bytes=1_000_000)
BACK, LOST = Outage(why="training", seconds=3.0), Outage(why="training", seconds=None)


def verdict(number, judge, *, attempts=1, cost_usd=0.0):
    return Judgement(
        salt=str(number),
        interaction_id=f"interaction:{number}",
        rubric_digest="r",
        judge=judge,
        status=JudgementStatus.SCORED,
        attempts=attempts,
        cost_usd=cost_usd,
    )


def purse_over(*records, since=0, free=10**12, **allowance):
    project = SimpleNamespace(store=MemoryReader(records), folder=None)
    return Purse(project, Allowance(**allowance), since=since, free_bytes=lambda: free)


SPENT = (
    run_of(BASE, samples=100, trained=90.0, wall=100.0),  # 1.00 USD
    evaluation_of(screen(2), seconds=5.0, answers=2, judge_calls=4, cost_usd=0.25),
    verdict(1, ORACLE, attempts=3, cost_usd=0.5),
    verdict(2, CODE),
)


def test_all_that_was_kept_since_the_night_began_is_counted():
    spent = purse_over(*SPENT).spent()
    assert spent.usd == (1.0, 0.25, 0.5)
    assert spent.seconds == (100.0, 5.0)
    assert spent.judge_calls == 4 + 3


def test_what_was_kept_before_the_night_is_not_its_own():
    spent = purse_over(*SPENT, since=len(SPENT)).spent()
    assert spent.usd == (0.0, 0.0, 0.0)
    assert spent.judge_calls == 0


def test_a_night_that_goes_on_after_a_crash_has_spent_what_it_had():
    """Another process, another purse: nothing is remembered but the place at which the night began."""
    before = (verdict(9, ORACLE, cost_usd=7.0),)
    first = purse_over(*before, *SPENT, since=1).spent()
    again = purse_over(*before, *SPENT, since=1)
    assert again.spent() == first == again.spent()


@pytest.mark.parametrize(
    ("allowance", "ended_by"),
    [
        ({"usd": 2.74}, "money"),
        ({"usd": 0.0}, "money"),
        ({"judge_calls": 16}, "judge calls"),
        ({"free": 1_999_999}, "disk"),
    ],
)
def test_what_is_too_little_is_named_and_refused_with_the_exit_code_of_budgets(allowance, ended_by):
    purse = purse_over(*SPENT, **allowance)
    short = purse.shortfall(TRY)
    assert short.ended_by == ended_by
    with pytest.raises(BudgetError, match=r"spent|free") as refused:
        purse.refuse_unless(TRY)
    assert refused.value.exit_code == ExitCode.BUDGET


@pytest.mark.parametrize("allowance", [{}, {"usd": 2.75}, {"judge_calls": 17}, {"free": 2_000_000}])
def test_what_is_just_enough_may_be_begun(allowance):
    purse = purse_over(*SPENT, **allowance)
    assert purse.shortfall(TRY) is None
    purse.refuse_unless(TRY)


@pytest.mark.parametrize(
    ("ended_by", "outages", "released", "code"),
    [
        ("money", (), None, ExitCode.BUDGET),
        ("judge calls", (), None, ExitCode.BUDGET),
        ("disk", (), None, ExitCode.BUDGET),
        ("budget", (), None, ExitCode.BUDGET),
        ("experiments", (BACK,), None, ExitCode.OK),
        ("experiments", (LOST,), None, ExitCode.INVALID),
        ("experiments", (BACK, LOST), None, ExitCode.INVALID),
        # A person has started it again, or what the gate let in serves.
        ("experiments", (LOST, BACK), None, ExitCode.OK),
        ("experiments", (LOST,), "release:1", ExitCode.OK),
    ],
)
def test_the_command_ends_with_what_became_of_budgets_and_of_what_serves(ended_by, outages, released, code):
    night = Night(
        name="n", began="b", ended="e", ended_by=ended_by, mode=Mode.FULL, outages=outages, release_id=released
    )
    assert exit_code_of(NightReport(night=night)) == code


def test_a_try_that_costs_nothing_is_begun_on_no_money_but_not_where_all_of_it_is_spent():
    free = replace(TRY, usd=0.0)
    assert purse_over(usd=0.0).shortfall(free) is None
    assert purse_over(*SPENT, usd=1.75).shortfall(free).ended_by == "money"
