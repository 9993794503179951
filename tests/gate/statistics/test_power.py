"""How many items a gain takes: published tables, the inverse of itself, and simulation by the tests that ship."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from selftune.gate.statistics.equivalence import equivalent, shows_above
from selftune.gate.statistics.means import mean_difference
from selftune.gate.statistics.power import (
    chance_of_harm,
    detectable_gain,
    items_needed,
    items_needed_for_equality,
    items_needed_to_hold,
    power_of,
    power_of_counts,
    power_to_hold,
)

law = settings(deadline=None, max_examples=60)


@pytest.mark.parametrize(("effect", "items"), [(0.1, 787), (0.2, 199), (0.5, 34), (0.8, 15)])
def test_items_needed_are_those_of_the_published_tables(effect: float, items: int) -> None:
    # Cohen (1988), table 2.4, by the exact noncentral t as G*Power 3 gives it: two-sided 5 %, power 80 %.
    assert items_needed(1.0, effect, alpha=0.05, power=0.8) == items


def test_items_needed_are_the_normal_planning_table_and_the_items_that_small_samples_cost() -> None:
    # One score's spread 0.2, arms correlated at 0.5, one-sided 5 %, power 80 %: 619 pairs for 0.02 and 99 for 0.05.
    assert items_needed(0.2, 0.02, alpha=0.1, power=0.8) in {619, 620}
    assert items_needed(0.2, 0.05, alpha=0.1, power=0.8) in range(99, 102)


@law
@given(st.floats(0.05, 1), st.integers(8, 2000), st.sampled_from([0.5, 0.8, 0.9]))
def test_gain_items_and_power_are_three_views_of_one_thing(spread: float, n: int, power: float) -> None:
    gain = detectable_gain(spread, n, alpha=0.05, power=power)
    assert items_needed(spread, gain, alpha=0.05, power=power) in {n, n + 1}
    assert power_of(spread, n, gain=gain, alpha=0.05) == pytest.approx(power)
    assert detectable_gain(2 * spread, n, alpha=0.05, power=power) == pytest.approx(2 * gain)


def test_the_planned_power_of_few_items_is_reached_in_simulation() -> None:
    draw, gain = random.Random(3), detectable_gain(0.2, 14, alpha=0.05, power=0.8)
    shown = sum(
        mean_difference([draw.gauss(gain, 0.2) for _ in range(14)], None, level=0.95, width=4.0).interval[0] > 0
        for _ in range(600)
    )
    assert shown / 600 == pytest.approx(0.8, abs=0.05)


def test_the_power_of_counts_is_that_of_every_outcome_counted() -> None:
    gained, lost, n = 0.5, 0.2, 9
    expected = 0.0
    for wins in range(n + 1):
        for losses in range(n + 1 - wins):
            ways = math.factorial(n) // (
                math.factorial(wins) * math.factorial(losses) * math.factorial(n - wins - losses)
            )
            differences = [1.0] * wins + [-1.0] * losses + [0.0] * (n - wins - losses)
            if mean_difference(differences, None, level=0.95, width=1.0).interval[0] > 0:
                expected += ways * gained**wins * lost**losses * (1 - gained - lost) ** (n - wins - losses)
    assert power_of_counts(n, gained=gained, lost=lost, alpha=0.05) == pytest.approx(expected)


def test_a_sure_gain_is_shown_surely_and_equal_arms_seldom() -> None:
    assert power_of_counts(30, gained=1.0, lost=0.0, alpha=0.05) == pytest.approx(1.0)
    assert power_of_counts(30, gained=0.0, lost=0.4, alpha=0.05) == 0.0
    assert power_of_counts(200, gained=0.1, lost=0.1, alpha=0.05) <= 0.025


def test_equality_takes_many_items_and_the_planned_ones_suffice() -> None:
    n = items_needed_for_equality(0.3, 0.1, alpha=0.05, power=0.8, width=2.0)
    draw = random.Random(1)
    shown = sum(
        equivalent([draw.gauss(0, 0.3) for _ in range(n)], alpha=0.05, margin=0.1, width=2.0).shown for _ in range(400)
    )
    assert shown / 400 >= 0.75
    assert items_needed_for_equality(0.0, 0.02, alpha=0.05, power=0.8) > 100


def test_what_no_number_of_items_shows_is_refused() -> None:
    with pytest.raises(ValueError, match="gain of nothing"):
        items_needed(0.2, 0.0, alpha=0.05, power=0.8)
    with pytest.raises(ValueError, match="margin of nothing"):
        items_needed_for_equality(0.2, 0.0, alpha=0.05, power=0.8)
    with pytest.raises(ValueError, match="sum to at most 1"):
        power_of_counts(5, gained=0.8, lost=0.4, alpha=0.05)
    for ask in (lambda: detectable_gain(0.2, 1, alpha=0.05, power=0.8), lambda: power_of(0.2, 1, gain=1, alpha=0.05)):
        with pytest.raises(ValueError, match="single item"):
            ask()


def test_the_power_to_hold_is_that_of_every_outcome_counted() -> None:
    n, gained, lost, margin, alpha = 20, 0.05, 0.1, 0.3, 0.05
    expected = math.fsum(
        math.comb(n, wins)
        * math.comb(n - wins, losses)
        * gained**wins
        * lost**losses
        * (1 - gained - lost) ** (n - wins - losses)
        for wins in range(n + 1)
        for losses in range(n + 1 - wins)
        if shows_above([1.0] * wins + [-1.0] * losses + [0.0] * (n - wins - losses), alpha=alpha, margin=-margin).shown
    )
    assert power_to_hold(n, gained=gained, lost=lost, margin=margin, alpha=alpha) == pytest.approx(expected)


def test_harm_is_shown_as_often_as_a_gain_of_the_other_arm_that_is_large_enough() -> None:
    any_harm = chance_of_harm(40, gained=0.05, lost=0.3, margin=0.0, alpha=0.05)
    assert any_harm == pytest.approx(power_of_counts(40, gained=0.3, lost=0.05, alpha=0.05))
    assert chance_of_harm(40, gained=0.05, lost=0.3, margin=0.3, alpha=0.05) < any_harm
    assert chance_of_harm(40, gained=0.0, lost=0.0, margin=0.0, alpha=0.05) == 0.0


def test_the_items_needed_to_hold_hold_as_often_as_planned() -> None:
    needed = items_needed_to_hold(0.0, math.sqrt(0.1), 0.1, n=20, alpha=0.05, power=0.8)
    assert needed is not None
    powers = [power_to_hold(n, gained=0.05, lost=0.05, margin=0.1, alpha=0.05) for n in (needed // 2, needed)]
    assert powers[0] < 0.8 <= powers[1]
    assert items_needed_to_hold(0.3, 0.2, 0.1, n=100, alpha=0.05, power=0.8) == 101
    assert items_needed_to_hold(-0.1, 0.3, 0.1, n=20, alpha=0.05, power=0.8) is None
    assert items_needed_to_hold(-0.09, 0.5, 0.1, n=900, alpha=0.05, power=0.8) is None
