"""The guardrails where answers of one user are alike: seldom wrong though users differ, soon right where harm is."""

from __future__ import annotations

import random
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from selftune.gate.statistics.watching import Payoff, Watch
from selftune.loop.canary.guards import Guard, Guardrails, Outcome
from selftune.loop.canary.note import Limits

LIMITS = Limits(alpha=0.05, errors=0.02, refusals=0.05, thumbs=0.1, slow=0.2, slower_times=1.5)


def trial(share=0.5, *, shadow=False, alpha=0.05):
    limits = Limits(alpha=alpha, errors=0.02, refusals=0.05, thumbs=0.1, slow=0.2, slower_times=1.5)
    return SimpleNamespace(limits=limits, share=share, shadow=shadow)


def answers(rng, *, users, many, share, rate):
    """Made-up answers: each user is on one side, and one in four asks ten times as often as the others.

    `rate` draws a user's share of failures, given the side.
    """
    dealt = [rng.random() < share for _ in range(users)]
    rates = [rate(side) for side in dealt]
    often = [10 if rng.random() < 0.25 else 1 for _ in range(users)]
    for user in rng.choices(range(users), weights=often, k=many):
        yield Outcome(candidate=dealt[user], person=str(user), failed=rng.random() < rates[user])


def ended_at(guards, outcomes):
    """After how many answers of the candidate harm was shown; None where it never was."""
    by_candidate = 0
    for outcome in outcomes:
        guards.take(outcome)
        by_candidate += outcome.candidate
        if guards.harm is not None:
            return by_candidate
    return None


def bet_on_answers(outcomes):
    """What was done before: every answer of the candidate beside the champion's since its last one."""
    watch, around = Watch(tolerated=0.02), list[float]()
    for outcome in outcomes:
        if not outcome.candidate:
            around.append(float(outcome.failed))
        elif around:
            watch = watch.after(Payoff(value=float(outcome.failed) - sum(around) / len(around)))
            around.clear()
    return watch.shows_harm(0.05 / 4)


def test_users_who_differ_are_no_harm_though_their_answers_are_alike():
    """Two users in ten fail nine times in ten with both models. 5 % of 60 runs may be wrong: 8 with 99 %."""
    rng, ours, by_answers = random.Random(4), 0, 0
    for _ in range(60):
        seen = list(answers(rng, users=30, many=400, share=0.5, rate=lambda _: 0.9 * (rng.random() < 0.2)))
        ours += ended_at(Guardrails(trial()), seen) is not None
        by_answers += bet_on_answers(seen)
    assert ours <= 8
    # Else the users here would not differ enough to show anything.
    assert by_answers > 8


@pytest.mark.parametrize("share", [0.1, 0.3])
def test_a_user_alone_who_is_answered_badly_sends_nobody_back(share):
    guards = Guardrails(trial(share))
    for n in range(500):
        guards.take(Outcome(candidate=False, person=f"champion's {n}", failed=False))
        guards.take(Outcome(candidate=True, person="ada", failed=True))
    assert guards.harm is None
    assert guards.seen(Guard.ERRORS).mean == 1.0


def test_harm_to_many_users_is_found_though_they_differ():
    """Two in three users of the candidate meet failures, in half of the answers: found in each of 20 runs."""
    rng = random.Random(5)
    found = []
    for _ in range(20):
        seen = answers(rng, users=150, many=3000, share=0.3, rate=lambda side: 0.5 * side * (rng.random() < 0.67))
        found.append(ended_at(Guardrails(trial(0.3)), seen))
    assert None not in found
    assert sorted(found)[10] < 300


def test_what_is_on_record_says_the_same_as_what_was_watched():
    rng = random.Random(6)
    guards = Guardrails(trial(0.3), keep=True)
    seen = answers(rng, users=60, many=600, share=0.3, rate=lambda side: 0.6 if side else 0.05)
    assert ended_at(guards, seen) is not None
    mean, (low, high) = guards.measured(Guard.ERRORS)
    assert 0.02 < low <= mean <= high <= 1
    assert guards.measured(Guard.THUMBS) is None


def test_in_the_shadow_answers_to_one_request_are_held_against_each_other_whatever_came_between():
    guards = Guardrails(trial(0.0, shadow=True), keep=True)
    for n in range(20):  # a burst: all were answered before any shadow was
        guards.take(Outcome(candidate=False, person="ada", failed=n % 2 == 0, answer=f"{n}"))
    for n in reversed(range(0, 20, 2)):
        guards.take(Outcome(candidate=True, person="ada", failed=True, answer=f"{n}"))
    guards.take(Outcome(candidate=True, person="ada", failed=True, answer="nobody's"))
    assert guards.seen(Guard.ERRORS).n == 10
    assert guards.measured(Guard.ERRORS)[0] == 0.0
    assert guards.answers == {False: 20, True: 11}


def test_one_user_in_the_shadow_is_enough_to_show_harm():
    guards, asked = Guardrails(trial(0.0, shadow=True)), 0
    while guards.harm is None:
        asked += 1
        for side in (False, True):
            guards.take(Outcome(candidate=side, person="ada", failed=False, refused=side, answer=f"{asked}"))
    assert asked == 10
    assert guards.harm is Guard.REFUSALS


def test_slow_is_measured_alike_on_both_sides():
    """A candidate three times as slow: its users lie above the champion's by nearly 1, and harm is shown."""
    guards = Guardrails(trial(), keep=True)
    for n in range(80):
        guards.take(Outcome(candidate=bool(n % 2), person=f"{n}", seconds=3.0 if n % 2 else 1.0))
    mean, (low, _) = guards.measured(Guard.SLOW)
    assert mean == pytest.approx(1.0, abs=0.05)
    assert guards.harm is Guard.SLOW
    assert low > 0.2


@given(st.lists(st.floats(0.01, 100), min_size=50, max_size=60))
@settings(max_examples=20)
def test_slower_is_counted_against_the_fifty_answers_before(seconds):
    guards = Guardrails(trial())
    for at, one in enumerate(seconds):
        before = seconds[max(0, at - 50) : at]
        told = sum((other < one / 1.5) - (other > one * 1.5) for other in before)
        assert guards._slower(one) == (told / len(before) if before else None)


def test_users_beyond_what_a_gateway_remembers_are_counted_and_not_bet_on(monkeypatch):
    monkeypatch.setattr("selftune.loop.canary.guards._MOST_PEOPLE", 5)
    guards = Guardrails(trial())
    for n in range(20):
        guards.take(Outcome(candidate=bool(n % 2), person=f"{n}", failed=bool(n % 2)))
    assert guards.answers == {False: 10, True: 10}
    assert guards.seen(Guard.ERRORS).n == 2
