from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from selftune.app.campaigns import study_trends
from selftune.app.campaigns.comparisons import most_by_chance
from selftune.gate.statistics.permutation import (
    blocks_needed,
    lag_one,
    smallest_step,
    spread_of_nights,
    trend_against_control,
    trend_over_generations,
)

ALPHA, MONTHS = 0.05, 300
RISING = (0.1, 0.2, 0.3, 0.4)
SCORES = st.lists(st.floats(0, 1), min_size=4, max_size=6)


def generations(*lengths: int) -> list[int]:
    return [number for number, length in enumerate(lengths) for _ in range(length)]


def test_four_generations_that_rise_each_time_are_one_order_of_twenty_four():
    found = trend_over_generations(RISING, generations(1, 1, 1, 1))
    assert found.p_value == pytest.approx(1 / 24)
    assert found.least_p == pytest.approx(1 / 24)
    assert found.step == pytest.approx(0.1)


def test_three_generations_can_show_nothing_at_five_percent_whatever_they_do():
    assert trend_over_generations((0.1, 0.5, 0.9), generations(1, 1, 1)).p_value > ALPHA


def test_nights_of_one_generation_are_one_witness_however_many_there_are():
    few = trend_over_generations((0.1, 0.9), generations(1, 1))
    many = trend_over_generations([0.1] * 50 + [0.9] * 50, generations(50, 50))
    assert few.p_value == many.p_value == pytest.approx(0.5)


def test_nights_after_a_promotion_are_left_out_but_never_a_whole_generation():
    found = trend_over_generations((0.1, 0.1, 0.2, 0.5, 0.9), [0, 0, 1, 1, 2], gap=1)
    assert found.means == (0.1, 0.5, 0.9)
    assert found.n == 4


@given(SCORES)
def test_a_trend_and_its_mirror_never_both_look_unlikely(scores):
    names = list(range(len(scores)))
    there = trend_over_generations(scores, names)
    back = trend_over_generations(scores[::-1], names)
    assert there.p_value + back.p_value >= 1


@given(SCORES, st.integers(1, 3))
def test_arms_that_are_one_and_the_same_show_nothing(scores, block):
    if len(scores) // block >= 2:
        assert trend_against_control(scores, scores, block=block).p_value == 1


def test_a_gain_that_came_early_and_stayed_is_shown_against_the_control():
    control = [0.4] * 30
    learnt = [0.4] * 3 + [0.8] * 27
    found = trend_against_control(learnt, control, block=6)
    assert found.p_value == pytest.approx(1 / 32)
    assert trend_against_control(control, learnt, block=6).p_value == 1


def test_a_rest_of_nights_joins_the_block_before_it():
    assert trend_against_control([0.1] * 32, [0.0] * 32, block=6).blocks == 5


@pytest.mark.parametrize("alike", study_trends.ALIKE)
def test_chance_alone_is_called_a_trend_in_no_more_than_five_percent(alike):
    limit = most_by_chance(MONTHS, ALPHA)
    assert study_trends.called_a_trend(MONTHS, alike, study_trends.EQUAL) <= limit
    assert study_trends.set_above_control(MONTHS, alike) <= limit
    nights, block = study_trends.SHORTER
    assert study_trends.set_above_control(MONTHS, alike, nights=nights, block=block) <= limit


def test_blocks_that_are_too_short_are_fooled_by_errors_that_follow_each_other():
    assert study_trends.set_above_control(100, 0.9, block=3) > most_by_chance(100, ALPHA)


def test_a_step_of_the_smallest_size_is_shown_as_often_as_was_promised():
    step = smallest_step(0.05, 6, alpha=ALPHA, power=0.8)
    assert study_trends.shown_steps(MONTHS, step, 6) / MONTHS >= 0.74


def test_more_blocks_show_smaller_steps_and_as_many_as_are_said_to_be_needed_do():
    needed = blocks_needed(0.05, 0.04, alpha=ALPHA, power=0.8)
    assert needed is not None
    assert smallest_step(0.04, needed, alpha=ALPHA, power=0.8) <= 0.05
    assert needed == 4 or smallest_step(0.04, needed - 1, alpha=ALPHA, power=0.8) > 0.05
    assert blocks_needed(0.0, 0.04, alpha=ALPHA, power=0.8) is None


def test_the_spread_of_nights_is_about_their_own_generation():
    assert spread_of_nights([0.1, 0.1, 0.9, 0.9], [0, 0, 1, 1]) == 0
    assert spread_of_nights([0.1, 0.9], [0, 1]) is None
    assert spread_of_nights([0.0, 0.2, 0.5], [0, 0, 1]) == pytest.approx(math.sqrt(0.02))


def test_errors_that_follow_each_other_are_told_by_their_lag():
    assert lag_one([1, 1, 1]) is None
    assert lag_one([1, -1] * 10) == pytest.approx(-0.95)


@pytest.mark.parametrize("names", [[0, 0, 0], [0, 1]])
def test_what_is_no_trend_is_refused(names):
    with pytest.raises(ValueError, match="trend"):
        trend_over_generations((0.1, 0.2, 0.3), names)
