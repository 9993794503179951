"""Each formula against a published worked example, its laws, and its coverage in simulation."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from selftune.gate.statistics.paired import (
    counted_interval,
    difference_interval,
    interval_p_value,
    mcnemar_mid_p,
    spread_of,
    wilson_interval,
)
from selftune.gate.statistics.power import items_needed

law = settings(deadline=None, max_examples=60)

differences = st.lists(st.sampled_from([-1.0, -0.5, -0.25, 0.0, 0.25, 0.5, 1.0]), min_size=1, max_size=16)


def counted(gained: int, lost: int, n: int) -> list[float]:
    return [1.0] * gained + [-1.0] * lost + [0.0] * (n - gained - lost)


@pytest.mark.parametrize(
    ("hits", "n", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_wilson_interval_gives_newcombes_table(hits: int, n: int, low: float, high: float) -> None:
    # R. G. Newcombe, Stat. Med. 17 (1998) 857-872, table I, method 3.
    assert wilson_interval(hits, n, 0.95) == (pytest.approx(low, abs=5e-5), pytest.approx(high, abs=5e-5))


def test_wilson_interval_refuses_what_is_no_share() -> None:
    for hits, n in ((1, 0), (3, 2), (-1, 2)):
        with pytest.raises(ValueError, match="no share"):
            wilson_interval(hits, n, 0.95)


@law
@given(st.integers(0, 50), st.integers(1, 50))
def test_wilson_interval_holds_the_share_and_stays_on_the_scale(hits: int, more: int) -> None:
    low, high = wilson_interval(hits, hits + more, 0.95)
    assert 0 <= low <= hits / (hits + more) <= high <= 1


def test_difference_interval_gives_the_statpsych_example() -> None:
    # Manual of the R package statpsych, ci.prop.ps(.05, 12, 4, 26, 6): 26 gained and 4 lost of 48.
    low, high = difference_interval(counted(26, 4, 48), 0.95)
    assert (low, high) == (pytest.approx(0.2548067, abs=1e-7), pytest.approx(0.6251933, abs=1e-7))


def test_counted_interval_is_the_difference_interval() -> None:
    assert counted_interval(26, 4, 48, 0.9) == pytest.approx(difference_interval(counted(26, 4, 48), 0.9))


def test_mcnemar_mid_p_gives_the_published_example() -> None:
    # Fagerland, Lydersen and Laake (2013): 7 against 1 of 21, exact p 0.070, mid-p 0.039.
    assert mcnemar_mid_p(1, 7) == mcnemar_mid_p(7, 1) == pytest.approx(0.0391, abs=5e-5)


def test_equal_differences_do_not_make_certainty() -> None:
    low, high = difference_interval([1.0] * 3, 0.95)
    assert low <= 0 < high
    low, high = difference_interval([0.0] * 10, 0.95)
    assert low < 0 < high


@law
@given(differences)
def test_a_higher_level_never_gives_a_narrower_interval(found: list[float]) -> None:
    (low, high), (lower, higher) = difference_interval(found, 0.9), difference_interval(found, 0.99)
    assert lower <= low <= high <= higher


def test_the_spread_of_units_counts_the_two_that_are_made_up() -> None:
    # By hand: 2 / 4 of the squares of 1, 1 and of the made-up 1 and -1, less the square of the mean 2 / 4.
    assert spread_of([1.0, 1.0]) == pytest.approx(math.sqrt(1 - 0.25))
    assert spread_of([0.0, 0.0]) == pytest.approx(math.sqrt(0.5))


@law
@given(differences)
def test_interval_and_its_own_test_never_contradict_each_other(found: list[float]) -> None:
    low, high = difference_interval(found, 0.95)
    if abs(interval_p_value(found) - 0.05) > 1e-9:
        assert (low > 0 or high < 0) is (interval_p_value(found) < 0.05)


@pytest.mark.parametrize("function", [spread_of, interval_p_value, lambda found: difference_interval(found, 0.95)])
@pytest.mark.parametrize("odd", [[], [1.5], [math.nan]])
def test_odd_differences_are_refused(function, odd: list[float]) -> None:
    with pytest.raises(ValueError, match=r"difference"):
        function(odd)


@pytest.mark.parametrize("n", [14, 36, 160])
@pytest.mark.parametrize("discordance", [0.1, 0.4])
def test_the_interval_covers_and_the_test_keeps_its_error_between_equal_arms(n: int, discordance: float) -> None:
    # 43 is the 99 % binomial limit of 600 simulated comparisons at a nominal error of 5 %.
    draw = random.Random(n)
    missed = rejected = 0
    for _ in range(600):
        found = [draw.choice((-1.0, 1.0)) if draw.random() < discordance else 0.0 for _ in range(n)]
        low, high = difference_interval(found, 0.95)
        missed += not low <= 0 <= high
        rejected += mcnemar_mid_p(found.count(1.0), found.count(-1.0)) <= 0.05
    assert missed <= 43
    assert rejected <= 43


def test_the_interval_covers_a_true_gain_of_graded_scores() -> None:
    draw = random.Random(9)
    missed = 0
    for _ in range(600):
        found = [draw.choice((0, 0.25, 0.5, 0.75, 1)) - draw.choice((0, 0, 0.25, 0.5, 0.75)) for _ in range(36)]
        low, high = difference_interval(found, 0.95)
        missed += not low <= 0.2 <= high
    assert missed <= 43


def test_the_planned_power_is_reached_in_simulation() -> None:
    n = items_needed(math.sqrt(0.4 - 0.2**2), 0.2, alpha=0.05, power=0.8)
    draw, shown = random.Random(1), 0
    for _ in range(500):
        found = [draw.choices((1.0, -1.0, 0.0), (0.3, 0.1, 0.6))[0] for _ in range(n)]
        shown += difference_interval(found, 0.95)[0] > 0
    assert shown / 500 == pytest.approx(0.8, abs=0.06)
