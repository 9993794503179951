"""Jumps: a step is held against the steps before it, in one unit whatever the scale, and never against too few."""

from __future__ import annotations

import math
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from selftune.gate.statistics.jumps import least_values, newest_jump, strongest_jump

FINITE = st.floats(-1, 1)


def noise(n: int, seed: int) -> list[float]:
    draw = Random(seed)
    return [draw.gauss(0, 1) for _ in range(n)]


def test_a_step_as_large_as_none_before_it_is_found_with_what_was_usual() -> None:
    values = [*noise(30, 1), 14.0]
    found = newest_jump(values)
    assert found is not None
    assert (found.at, found.lag, found.n) == (30, 1, 28)
    assert found.step == pytest.approx(14 - (values[28] + values[29]) / 2)
    before = [values[at] - (values[at - 1] + values[at - 2]) / 2 for at in range(2, 30)]
    assert found.usual == pytest.approx(sum(before) / 28)
    assert found.p_value < 1e-4


def test_a_climb_of_a_few_values_is_found_though_no_step_of_it_stands_out() -> None:
    values = noise(40, 2)
    values += [value + 2.5 * at for at, value in enumerate(noise(4, 3), start=1)]
    found = newest_jump(values)
    assert found is not None
    assert found.lag == 4
    assert found.p_value < 0.01


def test_who_always_rose_may_go_on_rising_and_who_swings_may_swing() -> None:
    rising = [2.0 * at + value for at, value in enumerate(noise(40, 4))]
    swinging = [5 * math.sin(at / 2) + 0.1 * value for at, value in enumerate(noise(40, 5))]
    for values in (rising, swinging):
        found = newest_jump(values)
        assert found is not None
        assert found.p_value > 0.05


def test_too_short_a_history_says_nothing_and_the_least_one_speaks() -> None:
    assert newest_jump([*noise(least_values() - 2, 6), 99.0]) is None
    assert newest_jump([*noise(least_values() - 1, 6), 99.0]) is not None
    assert newest_jump([]) is None


def test_a_jump_in_the_middle_is_found_by_whoever_looks_at_the_whole() -> None:
    values = [value + 12 * (at >= 25) for at, value in enumerate(noise(40, 7))]
    found, newest = strongest_jump(values), newest_jump(values)
    assert found is not None
    assert found.at - found.lag < 25 <= found.at
    assert found.p_value < 0.01
    assert newest is not None
    assert newest.p_value > 0.05


def test_a_known_error_widens_what_is_usual_and_never_narrows_it() -> None:
    values = [*(0.01 * value for value in noise(16, 8)), 0.1]
    alone, with_error, small = (newest_jump(values, errors=(error,) * 17) for error in (0.0, 0.1, 1e-9))
    assert alone is not None
    assert with_error is not None
    assert small is not None
    assert alone.p_value < 0.01 < with_error.p_value
    assert small.p_value == alone.p_value


def test_a_first_move_after_none_at_all_is_no_more_than_a_last_among_so_many() -> None:
    still, moved = newest_jump([1.0] * 12), newest_jump([*[1.0] * 11, 2.0])
    assert still is not None
    assert still.p_value == 1.0
    assert moved is not None
    assert moved.p_value > 0.05


@given(st.lists(FINITE, min_size=11, max_size=20), st.floats(0.5, 4), FINITE)
def test_scale_and_place_change_nothing(values: list[float], scale: float, place: float) -> None:
    rounded = [round(value, 3) for value in values]
    one, other = newest_jump(rounded), newest_jump([scale * value + place for value in rounded])
    assert one is not None
    assert other is not None
    if len(set(rounded)) > 1 and one.spread > 1e-6:
        assert other.p_value == pytest.approx(one.p_value, abs=1e-6)


@pytest.mark.parametrize(("values", "errors"), [([1.0, float("inf")], ()), ([1.0, 2.0], (0.1,))])
def test_what_cannot_be_asked_is_refused(values: list[float], errors: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match=r"finite|errors of"):
        strongest_jump(values, errors=errors)
