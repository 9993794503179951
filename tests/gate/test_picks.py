"""A person's blind picks: the bet keeps its promise whenever one stops, and what it shows stands in for a gain only."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import gate_worlds as worlds
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from selftune.gate.picks.again import Reopened, decide_again
from selftune.gate.picks.base import Choice, Picks, PicksMay
from selftune.gate.picks.bet import ALTERNATIVE, bet, picks_at_best, plan_of
from selftune.gate.picks.needs import SECONDS_EACH, more_picks
from selftune.gate.policies import load_policy
from selftune.gate.stage import decide
from selftune.records import CheckStatus, Decision, JudgeIdentity, Outcome
from selftune.scoring.sequential import log_ratio, operation
from selftune.testing import fake_context

SMALL, STRICT = load_policy("small"), load_policy("strict")
NEW, OLD, TIE = Choice.CANDIDATE, Choice.CHAMPION, Choice.TIE
PREFERRED, DISLIKED = (NEW,) * 8, (OLD,) * 8
# As good as the champion, and too few items to see it: the gate can't tell.
UNSURE = worlds.better_evidence(gain=0.03, pairs=12, seed=3)

choices = st.lists(st.sampled_from(Choice), max_size=60)
law = settings(deadline=None, max_examples=60)


def decided(evidence=UNSURE, policy=SMALL, picks: Picks | None = None) -> Decision:
    return decide(evidence if picks is None else replace(evidence, picks=picks), policy, fake_context(Path()))


def again(decision: Decision, picks: Picks, policy=SMALL) -> Decision:
    return decide_again(Reopened(decision=decision, picks=picks), policy, fake_context(Path()))


def status_of(decision: Decision, name: str) -> CheckStatus:
    return next(check.status for check in decision.checks if check.name == name)


@pytest.mark.parametrize("alpha", [0.05, 0.01])
@pytest.mark.parametrize("q", [0.5, 0.45, 0.3])
def test_a_candidate_that_is_no_better_ever_wins_the_bet_with_a_chance_of_at_most_alpha(q, alpha):
    reached, walk = 0.0, {0: 1.0}
    for n in range(1, 401):
        step: dict[int, float] = {}
        for won, share in walk.items():
            for more, chance in ((1, q), (0, 1 - q)):
                step[won + more] = step.get(won + more, 0.0) + share * chance
        won_now = {won for won in step if log_ratio(won, n, plan_of(alpha)) >= -math.log(alpha)}
        reached += sum(step[won] for won in won_now)
        walk = {won: share for won, share in step.items() if won not in won_now}
    assert 0 < reached <= alpha


def test_three_of_four_win_the_bet_within_forty_picks_in_at_least_four_of_five_tries():
    # Wald's lower limit is set so far off that no walk of forty picks gets there.
    within_forty = replace(plan_of(0.05), beta=1e-15, most=40)
    assert operation(ALTERNATIVE, within_forty).better == pytest.approx(0.8731, abs=5e-5)
    assert operation(0.5, within_forty).better == pytest.approx(0.0359, abs=5e-5)


@law
@given(choices)
def test_the_capital_is_in_the_mean_what_it_was_when_the_next_pick_is_a_coin(made):
    taken = bet(made, 1e-9)
    up, down = bet([*made, NEW], 1e-9), bet([*made, OLD], 1e-9)
    assert (up.capital_on_candidate + down.capital_on_candidate) / 2 == pytest.approx(taken.capital_on_candidate)


@law
@given(choices, st.integers(0, 60))
def test_ties_change_nothing_wherever_they_fall(made, place):
    with_tie, without = bet([*made[:place], TIE, *made[place:]], 0.05), bet(made, 0.05)
    assert (with_tie.settled, with_tie.n, with_tie.interval) == (without.settled, without.n, without.interval)


@law
@given(choices)
def test_champion_and_candidate_are_treated_alike(made):
    other = {NEW: OLD, OLD: NEW, TIE: TIE}
    one, mirrored = bet(made, 0.05), bet([other[choice] for choice in made], 0.05)
    assert (one.settled and other[one.settled], one.at) == (mirrored.settled, mirrored.at)
    assert one.capital_on_candidate == pytest.approx(mirrored.capital_on_champion)


@law
@given(choices, choices)
def test_what_is_settled_stays_settled_whatever_is_picked_after_it(made, later):
    first = bet(made, 0.2)
    if first.settled is not None:
        assert bet([*made, *later], 0.2) == first


@law
@given(choices, st.sampled_from([0.01, 0.05, 0.2]))
def test_no_interval_contradicts_its_bet(made, alpha):
    found = bet(made, alpha)
    assert (found.settled is NEW) <= (found.interval[0] >= 0.5)
    assert (found.settled is OLD) <= (found.interval[1] <= 0.5)
    if found.share is not None:
        assert found.interval[0] <= found.share <= found.interval[1]


def test_nothing_picked_shows_nothing():
    assert bet((), 0.05).share is None
    assert bet((), 0.05).interval == (0.0, 1.0)
    assert bet((TIE,) * 100, 0.05).settled is None


def test_eight_in_a_row_settle_it_and_seven_do_not():
    assert bet(PREFERRED, 0.05).settled is NEW
    assert bet(PREFERRED[1:], 0.05).settled is None
    assert bet(DISLIKED, 0.05).settled is OLD
    assert picks_at_best(0.05) == len(PREFERRED)


def test_picks_stand_in_for_a_gain_that_is_not_shown():
    before, after = decided(), decided(picks=Picks(choices=PREFERRED, statement_ids=("statement:1",)))
    assert before.outcome is Outcome.INCONCLUSIVE
    assert after.outcome is Outcome.PROMOTE, after.reason
    assert "stands in for gain" in after.reason
    assert after.next_step is None
    assert after.picks == ("statement:1",)


def test_picks_stand_in_where_the_judge_is_not_independent():
    grown = worlds.better_evidence()
    kin = JudgeIdentity(name="oracle", version="1", lineage=("qwen",))
    evidence = replace(
        grown,
        judge=kin,
        champion=replace(grown.champion, scorer_lineage=("qwen",)),
        candidate=replace(grown.candidate, scorer_lineage=("qwen",)),
    )
    assert decided(evidence).outcome is Outcome.INCONCLUSIVE
    promoted = decided(evidence, picks=Picks(choices=PREFERRED))
    assert promoted.outcome is Outcome.PROMOTE
    assert "independent of every judge" in promoted.reason


def test_picks_never_stand_in_for_a_veto_or_a_sound_measurement():
    harmed = worlds.better_evidence(gain=-0.3)
    assert decided(harmed, picks=Picks(choices=PREFERRED)).outcome is Outcome.REJECT
    unsound = worlds.with_candidate(UNSURE, seeds=(99,))
    assert decided(unsound, picks=Picks(choices=PREFERRED)).outcome is Outcome.INVALID
    guarding = replace(SMALL, guarded=("tone",), guarded_cap=0.01)
    kept_back = decided(policy=guarding, picks=Picks(choices=PREFERRED))
    assert kept_back.outcome is Outcome.INCONCLUSIVE
    assert status_of(kept_back, "picks") is CheckStatus.PASS


def test_a_gain_that_could_not_be_measured_is_not_replaced_by_picks():
    few = replace(SMALL, min_units=1000)
    assert status_of(decided(policy=few), "gain") is CheckStatus.NOT_MEASURED
    assert decided(policy=few, picks=Picks(choices=PREFERRED)).outcome is Outcome.INCONCLUSIVE


def test_a_champion_that_the_person_prefers_is_kept_even_against_a_gain():
    assert decided(worlds.better_evidence()).outcome is Outcome.PROMOTE
    assert decided(worlds.better_evidence(), picks=Picks(choices=DISLIKED)).outcome is Outcome.REJECT


def test_where_picks_are_only_reported_they_promote_nothing_and_stop_nothing():
    only_told = replace(SMALL, picks=PicksMay.BE_REPORTED)
    assert decided(policy=only_told, picks=Picks(choices=PREFERRED)).outcome is Outcome.INCONCLUSIVE
    assert decided(worlds.better_evidence(), only_told, Picks(choices=DISLIKED)).outcome is Outcome.PROMOTE
    assert "selftune pick" not in (decided(policy=only_told).next_step or "")
    assert STRICT.picks is PicksMay.BE_REPORTED


def test_an_unsure_decision_says_how_many_picks_and_minutes_would_settle_it():
    assert (decided().next_step or "").startswith(
        "Compare answers yourself, blind, with `selftune pick`: 23 more picks, about 6 minutes"
    )


@pytest.mark.parametrize("made", [(), PREFERRED, DISLIKED, (NEW, OLD, TIE), (NEW,) * 5])
def test_deciding_again_gives_what_deciding_with_the_picks_at_hand_gives(made):
    picks = Picks(choices=made, statement_ids=tuple(map(str, range(len(made)))))
    at_once, later = decided(picks=picks), again(decided(), picks)
    assert later.outcome is at_once.outcome
    if made:
        assert set(later.checks) == set(at_once.checks)


def test_a_decision_made_again_keeps_every_check_and_names_what_is_still_missing():
    before = decided()
    after = again(before, Picks(choices=(NEW,) * 4 + (OLD,), seconds_each=12.0))
    assert set(before.checks) < set(after.checks)
    assert after.next_step == "Go on picking with `selftune pick`: 14 more picks, about 3 minutes at the rate so far."
    assert again(after, Picks(choices=PREFERRED)).outcome is Outcome.PROMOTE


def test_a_decision_made_again_says_why_picks_were_not_enough():
    guarding = replace(SMALL, guarded=("tone",), guarded_cap=0.01)
    after = again(decided(policy=guarding), Picks(choices=PREFERRED), guarding)
    assert after.outcome is Outcome.INCONCLUSIVE
    assert after.reason.startswith("A person's picks speak for the candidate, but tone")
    refused = again(decided(), Picks(choices=DISLIKED))
    assert refused.outcome is Outcome.REJECT
    assert refused.reason.startswith("A person who picked blind prefers the champion")
    assert refused.next_step is not None


def test_more_picks_are_not_advised_where_they_would_not_help():
    assert more_picks(Picks(choices=(NEW, OLD) * 20), 0.05) is None
    assert more_picks(Picks(choices=PREFERRED), 0.05) is None
    unsure = again(decided(), Picks(choices=(NEW, OLD) * 20))
    assert unsure.outcome is Outcome.INCONCLUSIVE
    assert "pick" not in (unsure.next_step or "")


def test_minutes_follow_the_person_s_own_pace_and_ties_cost_picks_too():
    slow, quick = (more_picks(Picks(choices=(NEW,), seconds_each=pace), 0.05) for pace in (60.0, SECONDS_EACH))
    assert slow.picks == quick.picks
    assert slow.minutes > quick.minutes
    assert more_picks(Picks(choices=(NEW, *(TIE,) * 9)), 0.05).picks > quick.picks
    assert str(more_picks(Picks(choices=PREFERRED[1:]), 0.05)) == "1 more pick, about 1 minute"
