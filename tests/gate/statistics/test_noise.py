"""What equal models differ by: tables, laws, and how often two equal arms pass the floor."""

from __future__ import annotations

import math
import random
from statistics import stdev

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from selftune.gate.statistics.noise import chance_below, chi_square_quantile, noise_of_repeats, noise_of_trainings

law = settings(deadline=None, max_examples=60)
MEANS = st.lists(st.floats(0, 1).map(lambda mean: round(mean, 4)), min_size=2, max_size=8)


def test_the_chi_square_distribution_is_the_tabled_one() -> None:
    # Abramowitz and Stegun, table 26.8.
    for chance, freedom, value in ((0.95, 1, 3.8415), (0.025, 2, 0.0506), (0.975, 10, 20.4832), (0.5, 30, 29.3360)):
        assert chi_square_quantile(chance, freedom) == pytest.approx(value, abs=6e-5)
    # Wilson and Hilferty (1931), for many degrees of freedom.
    assert chi_square_quantile(0.975, 20_000) == pytest.approx(
        20_000 * (1 - 2 / 180_000 + 1.959964 * math.sqrt(2 / 180_000)) ** 3, rel=1e-6
    )


def test_the_interval_of_a_deviation_is_the_textbooks() -> None:
    # By hand from the tables: n = 3, s = 0.01; sqrt(2 / 7.378) and sqrt(2 / 0.0506).
    found = noise_of_trainings([0.78, 0.79, 0.80])
    assert found.deviation == pytest.approx(0.01)
    assert found.interval == pytest.approx((0.00521, 0.0629), abs=1e-4)


def test_two_trainings_that_differ_by_more_than_the_margin_leave_no_margin() -> None:
    # Mission C21: two identical trainings differed by 0.025, and the gate asked for 0.015.
    found = noise_of_trainings([0.778, 0.803])
    assert found.deviation == pytest.approx(0.025 / math.sqrt(2))
    assert found.floor > 0.015
    assert found.freedom == 1


@law
@given(MEANS, st.floats(0.1, 10), st.floats(-5, 5))
def test_shifting_changes_nothing_and_stretching_stretches(means: list[float], factor: float, shift: float) -> None:
    there = noise_of_trainings(means)
    back = noise_of_trainings([mean * factor + shift for mean in means])
    assert back.deviation == pytest.approx(there.deviation * factor, abs=1e-9)
    assert back.floor == pytest.approx(there.floor * factor, abs=1e-7)


@law
@given(MEANS)
def test_the_deviation_lies_in_its_interval(means: list[float]) -> None:
    found = noise_of_trainings(means)
    assert found.interval[0] <= found.deviation <= found.interval[1]
    assert found.deviation == pytest.approx(stdev(means))


def test_repeats_of_many_items_say_more_than_repeats_of_their_mean() -> None:
    draw = random.Random(2)
    items = [[draw.gauss(place / 36, 0.2) for _ in range(2)] for place in range(36)]
    found = noise_of_repeats(items, level=0.99)
    assert (found.runs, found.freedom) == (2, 36)
    low, high = found.interval
    assert low < 0.2 / 6 < high
    assert high / low < 2


def test_equal_arms_pass_the_floor_in_no_more_than_a_twentieth_of_cases() -> None:
    draw, passed = random.Random(8), 0
    for _ in range(1000):
        floor = noise_of_trainings([draw.gauss(0.8, 0.02) for _ in range(3)]).floor
        passed += abs(draw.gauss(0.8, 0.02) - draw.gauss(0.8, 0.02)) > floor
    assert passed <= 50 + 2.33 * math.sqrt(50 * 0.95)


@pytest.mark.parametrize("repeats", [[], [[1.0]], [[1.0, 2.0], [1.0]]])
def test_what_shows_no_noise_is_refused(repeats: list[list[float]]) -> None:
    with pytest.raises(ValueError, match="repeats"):
        noise_of_repeats(repeats)
    with pytest.raises(ValueError, match="no noise"):
        noise_of_trainings([0.8])


def test_the_chance_of_a_small_spread_is_the_chi_square_distribution_s() -> None:
    """Of three runs it is 1 - exp(-ratio squared), of any number that of the quantile it is put in for."""
    for ratio in (0.5, 1.0, 2.0):
        assert chance_below(ratio, 1.0, 3) == pytest.approx(1 - math.exp(-(ratio**2)))
    for runs in (2, 5, 30):
        limit = math.sqrt(chi_square_quantile(0.8, runs - 1) / (runs - 1))
        assert chance_below(limit, 1.0, runs) == pytest.approx(0.8)
    assert chance_below(1.0, 1e-9, 3) == pytest.approx(1.0)
