"""The vetoes of an explicit policy keep a gain from being called better; they never make anything worse."""

from __future__ import annotations

from dataclasses import replace

import pytest
from referee_sheets import labelled, sheet_of

from selftune.gate.policies import load_policy
from selftune.gate.referee.compare import referee
from selftune.gate.referee.verdict import Finding, Terms
from selftune.records import CheckStatus
from selftune.records.scores import ScoredRow

TEN = (0.0, 10.0)
SMALL = load_policy("small")


def spread(middle: float, count: int = 20) -> list[float]:
    return [middle + 0.4 * (place % 5 - 2) for place in range(count)]


def arms(*, tone: float, facts: float = 9.0, critical: int = 0, count: int = 20, kind: str = "category"):
    old = labelled(spread(5, 60), **{kind: "facts"}) + labelled(spread(7, count), **{kind: "tone"})
    marked = range(critical)
    new = labelled(spread(facts, 60), **{kind: "facts"})
    new += labelled(spread(tone, count)[::-1], critical=marked, **{kind: "tone"})
    return sheet_of(*old), sheet_of(*new)


def judged(pair, **changes):
    return referee(*pair, Terms(), scale=TEN, policy=replace(SMALL, **changes))


def status_of(verdict, name):
    return next(check.status for check in verdict.checks if check.name == name)


def test_a_category_that_falls_by_the_cap_stops_a_gain_and_is_named():
    pair = arms(tone=5.0)
    assert referee(*pair, Terms(), scale=TEN).outcome is Finding.BETTER
    verdict = judged(pair)
    assert verdict.outcome is Finding.INCONCLUSIVE
    assert "category_cap:tone: -2.00" in verdict.reason
    assert "the limit is -1.00" in verdict.reason
    assert status_of(verdict, "category_cap:tone") is CheckStatus.FAIL
    assert status_of(verdict, "category_cap:facts") is CheckStatus.PASS
    assert judged(arms(tone=7.0)).outcome is Finding.BETTER


def test_an_agent_that_falls_by_the_cap_stops_a_gain():
    verdict = judged(arms(tone=5.0, kind="agent"))
    assert (verdict.outcome, status_of(verdict, "agent_cap:tone")) == (Finding.INCONCLUSIVE, CheckStatus.FAIL)


def test_a_veto_leaves_worse_and_not_sure_as_they_are():
    assert judged(arms(tone=3.0, facts=2.0)).outcome is Finding.WORSE
    assert judged(arms(tone=7.0, facts=5.0)).outcome is Finding.INCONCLUSIVE


def test_a_guarded_category_must_be_shown_and_too_few_items_do_not_show_it():
    few = arms(tone=7.0, count=5)
    assert judged(few).outcome is Finding.BETTER
    guarded = judged(few, guarded=("tone",))
    assert status_of(guarded, "guarded:tone") is CheckStatus.NOT_MEASURED
    assert guarded.outcome is Finding.INCONCLUSIVE
    # Twenty that were not lost leave room for one in eight that would be; forty do not.
    assert status_of(judged(arms(tone=7.0), guarded=("tone",)), "guarded:tone") is CheckStatus.NOT_SHOWN
    assert judged(arms(tone=7.0, count=40), guarded=("tone",)).outcome is Finding.BETTER
    absent = judged(arms(tone=7.0), guarded=("jailbreak",))
    assert (absent.outcome, "guarded:jailbreak: only 0 items" in absent.reason) == (Finding.INCONCLUSIVE, True)


@pytest.mark.parametrize(("floor", "status"), [(0.6, CheckStatus.PASS), (0.8, CheckStatus.FAIL)])
def test_a_floor_is_a_share_of_the_scale(floor, status):
    verdict = judged(arms(tone=7.0), floors=(("tone", floor),))
    assert status_of(verdict, "floor:tone") is status
    assert (verdict.outcome is Finding.BETTER) == (status is CheckStatus.PASS)
    absent = judged(arms(tone=7.0), floors=(("wit", floor),))
    assert (status_of(absent, "floor:wit"), absent.outcome) == (CheckStatus.NOT_MEASURED, Finding.INCONCLUSIVE)
    edge = judged(arms(tone=7.0), floors=(("tone", 0.65),), guarded=("tone",))
    assert status_of(edge, "floor:tone") is CheckStatus.NOT_SHOWN
    assert edge.outcome is Finding.INCONCLUSIVE


def test_a_floor_holds_for_each_agent_as_for_all():
    """0.667 was one agent's: the mean over all agents hid it."""

    def arm(scores):
        rows = [(agent, score) for agent, held in scores.items() for score in held]
        return sheet_of(
            *(
                ScoredRow(item_id=f"{agent}{n}", score=score, category="jailbreak", agent=agent)
                for n, (agent, score) in enumerate(rows)
            )
        )

    old = arm({"ann": [0.0, 1.0] * 6, "bob": [0.0, 1.0] * 6})
    new = arm({"ann": [1.0] * 12, "bob": [1.0, 1.0, 0.0] * 4})
    verdict = referee(old, new, Terms(), policy=replace(SMALL, floors=(("jailbreak", 0.7),)))
    assert status_of(verdict, "floor:jailbreak") is CheckStatus.PASS
    assert status_of(verdict, "floor:jailbreak/bob") is CheckStatus.FAIL
    assert status_of(verdict, "floor:jailbreak/ann") is CheckStatus.PASS
    assert verdict.outcome is Finding.INCONCLUSIVE


def test_more_critical_failures_stop_a_gain_once_they_are_shown():
    one, many = arms(tone=7.0, critical=1), arms(tone=7.0, critical=15)
    assert status_of(judged(one), "critical_failures") is CheckStatus.NOT_SHOWN
    assert judged(one).outcome is Finding.BETTER
    assert status_of(judged(many), "critical_failures") is CheckStatus.FAIL
    assert judged(many).outcome is Finding.INCONCLUSIVE
    assert status_of(judged(one, max_critical_failures=0), "critical_failures") is CheckStatus.FAIL


def test_what_two_files_cannot_show_is_named():
    verdict = judged(arms(tone=7.0))
    told = next(line for line in verdict.warnings if "two score files can't show" in line)
    assert "proofs_match" in told
    assert "category_cap" not in told
    undeclared = replace(SMALL, rules=("gain",), guarded=(), floors=())
    assert not any(check.name.startswith("category_cap") for check in judged(arms(tone=5), rules=("gain",)).checks)
    assert not any("can't show" in line for line in judged(arms(tone=7.0), rules=undeclared.rules).warnings)


def test_nothing_is_vetoed_where_nothing_is_measured():
    old, _ = arms(tone=7.0)
    verdict = referee(old, sheet_of(), Terms(), scale=TEN, policy=SMALL)
    assert verdict.outcome is Finding.INVALID
    assert not any(check.name.startswith("category_cap") for check in verdict.checks)
