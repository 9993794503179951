"""Real requests beside the champion: they may stop a promotion and never make one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import gate_worlds as worlds
import pytest

from selftune.gate.live import Lived, decide_live
from selftune.gate.policies import load_policy
from selftune.gate.stage import decide
from selftune.records import CheckStatus, Outcome
from selftune.testing import fake_context

SMALL = load_policy("small")
ASKS = replace(SMALL, live_answers=100)
GOOD = worlds.better_evidence()
WORSE = replace(GOOD, candidate=GOOD.champion)
KEPT = worlds.make_trial(errors=0.0, latency=0.0, refusals=0.0)
HARMED = worlds.make_trial(errors=0.5, latency=0.0, refusals=0.0)


def decided(evidence, policy=SMALL):
    return decide(evidence, policy, fake_context(Path()))


def again(decision, *trials, policy=SMALL):
    return decide_live(Lived(decision=decision, trials=trials), policy, fake_context(Path()))


def live_of(decision):
    return {check.name: check.status for check in decision.checks if check.name.startswith("live:")}


def test_nobody_is_asked_for_a_trial_where_the_policy_asks_for_none():
    assert live_of(decided(GOOD)) == {}
    assert decided(GOOD).outcome is Outcome.PROMOTE


def test_harm_on_real_requests_stops_what_the_suite_promotes():
    promoted = decided(GOOD)
    stopped = again(promoted, HARMED)
    assert (promoted.outcome, stopped.outcome) == (Outcome.PROMOTE, Outcome.REJECT)
    assert live_of(stopped)["live:errors"] is CheckStatus.FAIL
    assert stopped.reason.startswith("On real requests: errors +0.50")
    assert stopped.live == (HARMED.id,)
    assert len(stopped.checks) == len(promoted.checks) + 3


def test_a_good_trial_makes_no_promotion():
    for evidence in (WORSE, replace(GOOD, run=None)):
        before = decided(evidence)
        after = again(before, KEPT)
        assert before.outcome is not Outcome.PROMOTE
        assert (after.outcome, after.reason, after.next_step) == (before.outcome, before.reason, before.next_step)


def test_a_policy_that_asks_for_a_trial_waits_for_one_and_is_content_with_it():
    waiting = decided(GOOD, ASKS)
    assert waiting.outcome is Outcome.INCONCLUSIVE
    assert set(live_of(waiting).values()) == {CheckStatus.NOT_MEASURED}
    assert "selftune canary start" in waiting.next_step
    assert again(waiting, KEPT, policy=ASKS).outcome is Outcome.PROMOTE
    assert decided(replace(GOOD, live=(KEPT,)), ASKS).outcome is Outcome.PROMOTE
    too_short = worlds.make_trial(n=60, errors=0.0, latency=0.0, refusals=0.0)
    assert again(waiting, too_short, policy=ASKS).outcome is Outcome.INCONCLUSIVE


def test_thumbs_are_up_to_people_and_too_few_of_them_keep_nothing_waiting():
    some = worlds.make_trial(n=100, errors=0.0, latency=0.0, refusals=0.0, thumbs=0.0)
    thumbs = replace(some.guards[3], n=SMALL.min_units)
    after = again(decided(GOOD, ASKS), replace(some, guards=(*some.guards[:3], thumbs)), policy=ASKS)
    assert after.outcome is Outcome.PROMOTE
    assert live_of(after)["live:thumbs"] is not CheckStatus.NOT_MEASURED


def test_a_trial_too_short_to_show_anything_is_no_obstacle_but_harm_in_it_is():
    short = worlds.make_trial(n=4, errors=0.0)
    assert live_of(again(decided(GOOD), short)) == {}
    assert again(decided(GOOD), worlds.make_trial(n=11, errors=1.0)).outcome is Outcome.REJECT


def test_harm_that_was_shown_stays_shown_however_often_the_candidate_is_tried_again():
    assert again(decided(GOOD), HARMED, KEPT).outcome is Outcome.REJECT


def test_what_is_neither_shown_nor_ruled_out_is_printed_and_stops_nobody():
    unsure = worlds.make_trial(n=60, errors=0.01)
    after = again(decided(GOOD), unsure)
    assert after.outcome is Outcome.PROMOTE
    assert live_of(after) == {"live:errors": CheckStatus.NOT_SHOWN}


def test_a_candidate_that_fell_silent_waits_until_it_was_tried_again():
    silent = replace(worlds.make_trial(n=4, errors=0.0), end="returned", why="it gave no answer at all")
    waiting = again(decided(GOOD), silent)
    assert (waiting.outcome, live_of(waiting)) == (Outcome.INCONCLUSIVE, {"live:serving": CheckStatus.NOT_MEASURED})
    assert "gave no answer" in waiting.reason
    assert again(waiting, silent, KEPT).outcome is Outcome.PROMOTE


def test_a_trial_of_next_to_no_answers_clears_no_silence():
    silent = replace(worlds.make_trial(n=4, errors=0.0), end="returned", why="it gave no answer at all")
    ended_at_once = replace(worlds.make_trial(n=0), end="stopped", why="a person ended it")
    too_short = replace(worlds.make_trial(n=SMALL.min_units - 1, errors=0.0), end="stopped")
    waiting = again(decided(GOOD), silent, ended_at_once, too_short)
    assert (waiting.outcome, live_of(waiting)) == (Outcome.INCONCLUSIVE, {"live:serving": CheckStatus.NOT_MEASURED})
    assert "gave no answer" in waiting.reason
    long_enough = replace(worlds.make_trial(n=SMALL.min_units, errors=0.0), end="stopped")
    assert "live:serving" not in live_of(again(waiting, silent, long_enough, ended_at_once))


def test_a_policy_without_the_rule_looks_at_no_trial():
    blind = replace(SMALL, rules=tuple(rule for rule in SMALL.rules if rule != "live"))
    assert live_of(again(decided(GOOD, blind), HARMED, policy=blind)) == {}


@pytest.mark.parametrize("name", ["small", "strict"])
def test_the_policies_of_the_house_declare_it(name):
    assert "live" in load_policy(name).rules
