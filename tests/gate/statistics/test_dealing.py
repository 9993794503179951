"""Bets on users whom chance dealt to two sides: exact over the deal, whatever the users are like."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from selftune.gate.statistics.dealing import LEVELS, Dealt
from selftune.gate.statistics.watching import Watch

SHARES = st.floats(min_value=0.01, max_value=0.99)
MEANS = st.floats(min_value=0, max_value=1)


def after(means, share, lowest=0.0):
    found = Dealt(share=share, watch=Watch(tolerated=0.0), lowest=lowest)
    for n, mean in enumerate(means):
        found = found.after(mean, candidate=n % 3 == 0)
    return found


@given(st.lists(MEANS, max_size=10), SHARES, MEANS, MEANS)
def test_over_the_deal_a_user_tells_just_their_own_difference(before, share, with_candidate, with_champion):
    dealt = after(before, share)
    told = dealt.told_by(with_candidate, candidate=True).value * share + dealt.told_by(
        with_champion, candidate=False
    ).value * (1 - share)
    assert told == pytest.approx(with_candidate - with_champion, abs=1e-9)


@given(st.lists(st.floats(-1, 1), max_size=10), SHARES, st.floats(-1, 1), st.booleans())
def test_nobody_tells_more_or_less_than_was_said_before(before, share, mean, candidate):
    told = after(before, share, lowest=-1.0).told_by(mean, candidate=candidate)
    assert told.least - 1e-9 <= told.value <= told.most + 1e-9
    assert told.least <= -1


@given(st.lists(MEANS, max_size=12), SHARES, MEANS)
def test_where_both_models_are_alike_the_capital_is_a_martingale_over_the_deal(before, share, mean):
    """No tolerance and no difference: the capital that is expected after the next user is the one of before."""
    import math

    from selftune.gate.statistics.watching import log_mean

    dealt = after(before, share)
    now = math.exp(log_mean(dealt.watch.logs))
    sides = {True: share, False: 1 - share}
    then = sum(
        chance * math.exp(log_mean(dealt.after(mean, candidate=side).watch.logs)) for side, chance in sides.items()
    )
    assert then == pytest.approx(now, rel=1e-6)


def test_a_user_of_a_small_share_who_is_answered_badly_tells_much():
    few, half = (after([0.0] * 6, share).after(1.0, candidate=True).watch for share in (0.1, 0.5))
    assert few.p_value < half.p_value < 1


@pytest.mark.parametrize("share", [0.0, 1.0, -1.0])
def test_a_deal_that_is_none_is_refused(share):
    with pytest.raises(ValueError, match="dealt"):
        Dealt(share=share, watch=Watch(tolerated=0.0))


@pytest.mark.parametrize("mean", [-0.1, 1.1, float("nan")])
def test_what_is_no_mean_is_refused(mean):
    with pytest.raises(ValueError, match="no mean"):
        Dealt(share=0.5, watch=Watch(tolerated=0.0)).told_by(mean, candidate=True)


def test_levels_go_up():
    assert list(LEVELS) == sorted(set(LEVELS))
    assert LEVELS[0] == 1
