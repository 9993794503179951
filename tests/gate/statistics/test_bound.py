"""The bound behind every "not worse": known cases, weights drawn in earnest, and its level where all is counted."""

from __future__ import annotations

import math
import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from selftune.gate.statistics.bound import chance_at_most, hold, hold_counts, lowest_mean, shows_mean_above
from selftune.gate.statistics.clusters import MANY, gather
from selftune.gate.statistics.shares import clopper_pearson

law = settings(deadline=None, max_examples=60)
DIFFERENCES = st.lists(st.floats(-1, 1).map(lambda d: round(d, 3)), min_size=1, max_size=13)


@pytest.mark.parametrize(("lost", "n"), [(0, 14), (1, 14), (4, 40), (10, 40), (30, 500), (0, 2000)])
def test_where_items_were_only_lost_it_is_the_bound_of_clopper_and_pearson(lost: int, n: int) -> None:
    bound = lowest_mean(hold_counts(0, lost, n), 0.05, 1.0)
    # The saddle point is off by a hundredth of the chance at most, on the cautious side.
    exact = -clopper_pearson(lost, n, 0.9)[1]
    assert exact * 1.01 <= bound <= exact


@pytest.mark.parametrize("margin", [-0.1, -0.02, 0.05])
def test_the_chance_is_that_of_weights_drawn_in_earnest(margin: float) -> None:
    draw, n = np.random.default_rng(1), 12
    values = np.append(np.clip(draw.normal(0.05, 0.25, n), -1, 1), -1.0)
    drawn = draw.dirichlet(np.ones(n + 1), 200_000) @ values
    told = chance_at_most(hold(gather(values[:-1].tolist()), 1.0), margin)
    assert told == pytest.approx(float((drawn <= margin).mean()), rel=0.03)


def test_it_goes_on_smoothly_where_the_chance_is_even() -> None:
    held = hold_counts(5, 3, 40)
    mean = (5 - 4) / 41
    chances = [chance_at_most(held, mean + step * 1e-5) for step in range(-400, 401)]
    assert chances == sorted(chances)
    assert max(np.diff(chances)) < 2e-3


@law
@given(DIFFERENCES, st.sampled_from([0.005, 0.025, 0.05]))
def test_bound_and_chance_are_two_views_of_one_thing(differences: list[float], alpha: float) -> None:
    held = hold(gather(differences), 1.0)
    bound = lowest_mean(held, alpha, 1.0)
    assert -1 <= bound <= math.fsum(differences) / len(differences) + 1e-9
    for margin in (bound - 0.01, bound + 0.01):
        if margin > -1:
            assert shows_mean_above(held, margin, alpha) is (margin < bound)


@law
@given(DIFFERENCES, st.integers(0, 12), st.floats(0, 1))
def test_what_gets_better_never_lowers_the_bound(differences: list[float], which: int, by: float) -> None:
    lifted = list(differences)
    lifted[which % len(lifted)] = min(1.0, lifted[which % len(lifted)] + by)
    before, after = (lowest_mean(hold(gather(each), 1.0), 0.05, 1.0) for each in (differences, lifted))
    assert after >= before - 1e-6


def test_alike_units_count_as_what_they_are_and_copies_in_clusters_show_no_more() -> None:
    values = [-1.0] * 3 + [1.0] * 2 + [0.0] * 20
    counted = lowest_mean(hold_counts(2, 3, 25), 0.05, 1.0)
    assert lowest_mean(hold(gather(values), 1.0), 0.05, 1.0) == pytest.approx(counted)
    copied = gather(values * 2, [str(place % 25) for place in range(50)])
    assert lowest_mean(hold(copied, 1.0), 0.05, 1.0) == pytest.approx(counted)


def test_of_very_many_unlike_units_it_is_the_normal_bound_and_agrees_with_the_saddle_point() -> None:
    draw = random.Random(2)
    values = [draw.uniform(-0.4, 0.4) for _ in range(MANY + 200)]
    many, fewer = (lowest_mean(hold(gather(values[:n]), 1.0), 0.05, 1.0) for n in (MANY + 200, MANY - 1))
    assert many == pytest.approx(fewer, abs=3e-4)


@pytest.mark.parametrize("n", [6, 14, 36, 60])
@pytest.mark.parametrize("alpha", [0.025, 0.05])
@pytest.mark.parametrize("margin", [0.02, 0.1, 0.2])
def test_harm_of_the_margin_is_called_absent_in_no_more_than_alpha_whatever_is_gained_beside(
    n: int, alpha: float, margin: float
) -> None:
    shown = [
        (gained, lost)
        for gained in range(n + 1)
        for lost in range(n + 1 - gained)
        if shows_mean_above(hold_counts(gained, lost, n), -margin, alpha)
    ]
    for gained in (0.0, 0.02, 0.1, 0.3):
        wrong = math.fsum(_chance_of_outcome(n, *outcome, gained, gained + margin) for outcome in shown)
        assert wrong <= alpha


def _chance_of_outcome(n: int, gained: int, lost: int, gains: float, losses: float) -> float:
    ways = math.comb(n, gained) * math.comb(n - gained, lost)
    return ways * gains**gained * losses**lost * (1 - gains - losses) ** (n - gained - lost)
