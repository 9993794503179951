"""A trend is an order that chance seldom makes."""

from __future__ import annotations

import math
import random
from itertools import permutations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from selftune.gate.statistics.trend import trend_of

law = settings(deadline=None, max_examples=60)
few = st.lists(st.integers(-3, 3).map(float), min_size=2, max_size=6)
different = st.lists(st.integers(-50, 50).map(float), min_size=2, max_size=20, unique=True)


@pytest.mark.parametrize(
    ("n", "rises", "published"),
    [(4, 6, 0.042), (4, 4, 0.167), (5, 10, 0.0083), (5, 6, 0.117), (8, 16, 0.031), (10, 23, 0.023), (10, 21, 0.036)],
)
def test_the_p_values_are_those_of_kendall_s_table(n: int, rises: int, published: float) -> None:
    # M. G. Kendall, "Rank Correlation Methods", appendix table 1: the chance of S being reached or passed.
    assert trend_of(values_that_rise(n, rises)).p_value == pytest.approx(published, abs=6e-4)


def values_that_rise(n: int, rises: int) -> list[float]:
    """Rising values, neighbours exchanged from the end until so many pairs rise."""
    values, falls = [float(place) for place in range(n)], (n * (n - 1) // 2 - rises) // 2
    while falls:
        place = next(at for at in reversed(range(n - 1)) if values[at] < values[at + 1])
        values[place], values[place + 1] = values[place + 1], values[place]
        falls -= 1
    return values


def test_three_values_can_not_show_a_trend_and_four_can() -> None:
    assert trend_of([0.1, 0.2, 0.3]).p_value == pytest.approx(1 / 6)
    assert trend_of([0.1, 0.2, 0.3, 0.4]).p_value == pytest.approx(1 / 24)


@law
@given(values=few)
def test_small_numbers_are_counted_order_by_order(values: list[float]) -> None:
    found = trend_of(values)
    orders = [trend_rises(order) for order in permutations(values)]
    assert found.p_value == pytest.approx(sum(rises >= found.rises for rises in orders) / len(orders))


def trend_rises(order: tuple[float, ...]) -> int:
    return sum(
        (order[j] > order[i]) - (order[j] < order[i]) for i in range(len(order)) for j in range(i + 1, len(order))
    )


@law
@given(values=different)
def test_backwards_it_falls_as_it_rose(values: list[float]) -> None:
    forth, back = trend_of(values), trend_of(values[::-1])
    assert back.rises == -forth.rises
    assert back.step == pytest.approx(-forth.step)
    assert forth.p_value + back.p_value >= 1 - 1e-9


@law
@given(values=different, shift=st.integers(-9, 9), scale=st.integers(1, 9))
def test_a_shift_changes_nothing_and_a_scale_the_step_alone(values: list[float], shift: int, scale: int) -> None:
    found, moved = trend_of(values), trend_of([value * scale + shift for value in values])
    assert (moved.rises, moved.p_value) == (found.rises, found.p_value)
    assert moved.step == pytest.approx(found.step * scale)


def test_one_value_out_of_line_does_not_make_the_step() -> None:
    assert trend_of([1.0, 2.0, 3.0, 90.0, 5.0, 6.0]).step == pytest.approx(1.0)


def test_many_values_with_ties_go_by_the_normal_curve_and_all_alike_show_nothing() -> None:
    assert trend_of([1.0] * 12).p_value == 1.0
    tied = [1.0, 1.0, 2.0, 2.0, 3.0, 3.0, 4.0, 4.0, 5.0]
    assert trend_of(tied).p_value < 0.001
    assert trend_of(tied[::-1]).p_value > 0.999


def test_orders_drawn_by_chance_pass_for_a_trend_no_more_often_than_the_level_says() -> None:
    draw, tries, level = random.Random(20261121), 4_000, 0.05
    passed = sum(trend_of([draw.random() for _ in range(7)]).p_value <= level for _ in range(tries))
    assert passed <= tries * level + 2.6 * math.sqrt(tries * level * (1 - level))


@pytest.mark.parametrize("values", [[], [1.0], [1.0, math.nan], [1.0, math.inf]])
def test_too_little_is_no_trend(values: list[float]) -> None:
    with pytest.raises(ValueError, match="two finite values"):
        trend_of(values)
