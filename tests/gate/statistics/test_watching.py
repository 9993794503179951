"""Watching after every answer: seldom wrong whenever one looks, soon right where harm is real."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from selftune.gate.statistics.watching import STAKES, Payoff, Watch, bounds, log_mean, watch_all

ALPHA = 0.05
DIFFERENCES = st.lists(st.floats(min_value=-1, max_value=1), max_size=30)


def ever_shown(draw, tolerated: float, answers: int) -> int | None:
    """After how many answers harm is first shown to somebody who looks after every one."""
    watch = Watch(tolerated=tolerated)
    for n in range(1, answers + 1):
        watch = watch.after(Payoff(value=draw()))
        if watch.shows_harm(ALPHA):
            return n
    return None


def shown_in(rng: random.Random, candidate: float, champion: float, tolerated: float, answers: int, runs: int):
    def draw() -> float:
        return float(rng.random() < candidate) - float(rng.random() < champion)

    return [ever_shown(draw, tolerated, answers) for _ in range(runs)]


@pytest.mark.parametrize(("candidate", "champion", "tolerated"), [(0.1, 0.1, 0.0), (0.5, 0.5, 0.0), (0.07, 0.05, 0.02)])
def test_who_looks_after_every_answer_is_seldom_wrong(candidate, champion, tolerated):
    """No harm beyond what is tolerated, 400 looks each: of 250 runs 5 % may be wrong, here its 99 % binomial limit."""
    shown = shown_in(random.Random(7), candidate, champion, tolerated, answers=400, runs=250)
    assert sum(at is not None for at in shown) <= 21


def test_a_day_that_gets_worse_for_both_is_no_harm():
    rng = random.Random(3)
    shown = []
    for _ in range(100):
        watch = Watch(tolerated=0.02)
        for n in range(300):
            share = n / 300
            watch = watch.after(Payoff(value=float(rng.random() < share) - float(rng.random() < share)))
        shown.append(watch.shows_harm(ALPHA))
    assert sum(shown) <= 12


def test_harm_is_found_and_greater_harm_sooner():
    """Found in all of 60 runs: 15 points more errors within 500 answers, 60 points more within 60."""
    small = shown_in(random.Random(1), 0.2, 0.05, 0.02, answers=500, runs=60)
    large = shown_in(random.Random(2), 0.65, 0.05, 0.02, answers=60, runs=60)
    assert None not in small
    assert None not in large
    assert sorted(large)[30] < sorted(small)[30]


def test_pairs_that_are_as_bad_as_can_be_show_harm_after_a_dozen():
    shown = [watch_all([1.0] * n, 0.02).shows_harm(0.0125) for n in range(12)]
    assert shown.index(True) == 10


@given(st.lists(st.floats(min_value=-1, max_value=1), min_size=1, max_size=30), st.floats(0.01, 0.2))
def test_the_interval_ends_where_the_bets_refute(differences, alpha):
    low, high = bounds([Payoff(value=one) for one in differences], alpha)
    assert -1 <= low <= high <= 1
    for tolerated in (0.0, 0.02, 0.3):
        # Away from the last step of the halving both say the same.
        if abs(low - tolerated) > 1e-5:
            assert watch_all(differences, tolerated).shows_harm(alpha) == (low > tolerated)


@given(DIFFERENCES, st.floats(min_value=0, max_value=0.9))
def test_the_capital_is_the_mean_over_the_stakes_of_what_each_alone_would_become(differences, tolerated):
    capitals = [math.prod(1 + stake * (d - tolerated) / (1 + tolerated) for d in differences) for stake in STAKES]
    found = watch_all(differences, tolerated)
    assert math.exp(log_mean(found.logs)) == pytest.approx(math.fsum(capitals) / len(capitals))
    assert found.n == len(differences)
    assert 0 < found.p_value <= 1


@given(DIFFERENCES, st.floats(min_value=0, max_value=0.9))
def test_what_was_shown_once_stays_shown_and_what_is_tolerated_more_is_shown_less(differences, tolerated):
    found = watch_all(differences, tolerated)
    assert found.after(Payoff(value=-1.0)).p_value <= found.p_value
    assert watch_all(differences, min(0.95, tolerated + 0.05)).p_value >= found.p_value - 1e-12


@pytest.mark.parametrize("bad", [1.5, -1.01, math.nan])
def test_what_is_no_difference_is_refused(bad):
    with pytest.raises(ValueError, match="no difference"):
        Watch(tolerated=0.1).after(Payoff(value=bad))


@pytest.mark.parametrize("bad", [-0.1, 1.0])
def test_what_can_t_be_tolerated_is_refused(bad):
    with pytest.raises(ValueError, match="tolerated"):
        Watch(tolerated=bad)
