"""Many tests at once, and night after night: published figures, laws, and what equal nights come to."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from selftune.gate.statistics.many import LordPlan, alpha_for, benjamini_hochberg, holm, level_of_test

law = settings(deadline=None, max_examples=60)
P_VALUES = st.lists(st.floats(0, 1), max_size=20)
NIGHTS = st.lists(st.booleans(), max_size=80)


def test_adjusted_p_values_are_the_published_ones() -> None:
    # Benjamini and Hochberg (1995), section 4: fifteen comparisons, of which four stand at q = 0.05.
    p_values = [
        0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.3240,
        0.4262, 0.5719, 0.6528, 0.7590, 1.0,
    ]  # fmt: skip
    assert sum(p <= 0.05 for p in benjamini_hochberg(p_values)) == 4


def test_holm_is_his_procedure_step_by_step() -> None:
    # By hand: 0.01 * 4, 0.015 * 3 = 0.045, 0.03 * 2 = 0.06, 0.04 * 1 but never less than the one before.
    assert holm([0.03, 0.01, 0.04, 0.015]) == pytest.approx((0.06, 0.04, 0.06, 0.045))


@law
@given(P_VALUES)
def test_adjusting_keeps_the_order_and_lowers_nothing(p_values: list[float]) -> None:
    for adjust in (benjamini_hochberg, holm):
        adjusted = adjust(p_values)
        assert all(p <= q <= 1 for p, q in zip(p_values, adjusted, strict=True))
        ranked = [q for _, q in sorted(zip(p_values, adjusted, strict=True))]
        assert ranked == sorted(ranked)


@law
@given(P_VALUES)
def test_erring_nowhere_asks_for_more_than_erring_in_a_share(p_values: list[float]) -> None:
    for everywhere, share in zip(holm(p_values), benjamini_hochberg(p_values), strict=True):
        assert everywhere >= share - 1e-12


@pytest.mark.parametrize("adjust", [benjamini_hochberg, holm])
def test_what_is_no_chance_is_refused(adjust) -> None:
    with pytest.raises(ValueError, match="outside 0 to 1"):
        adjust([0.5, 1.5])


def test_a_season_without_a_find_spends_its_wealth_and_no_more() -> None:
    plan = LordPlan()
    spent = math.fsum(level_of_test(number, (), plan) for number in range(1, plan.season + 1))
    assert spent == pytest.approx(plan.wealth)


@law
@given(NIGHTS)
def test_the_levels_of_a_season_never_outgrow_alpha_by_its_promotions(nights: list[bool]) -> None:
    # What the proof of LORD++ rests on: at every time, the levels sum to at most alpha * max(promotions, 1).
    plan, levels = LordPlan(season=80), 0.0
    for night in range(len(nights)):
        found = [at for at, promoted in enumerate(nights[:night], start=1) if promoted]
        levels += level_of_test(night + 1, found, plan)
        assert levels <= plan.alpha * max(1, len(found)) + 1e-12


@law
@given(NIGHTS, st.integers(1, 6))
def test_one_more_promotion_never_lowers_what_comes_after(nights: list[bool], experiments: int) -> None:
    after_none = alpha_for([*nights, False], experiments=experiments)
    assert alpha_for([*nights, True], experiments=experiments) >= after_none
    assert 0 < after_none <= 0.05


def test_experiments_of_a_night_share_its_alpha_and_only_one_side_promotes() -> None:
    night = alpha_for([False, False])
    assert alpha_for([False, False], experiments=4) == pytest.approx(night / 4)
    assert night == pytest.approx(2 * level_of_test(3, (), LordPlan()))
    assert alpha_for([False, False], most=0.001) == 0.001


def test_a_season_begins_anew() -> None:
    plan = LordPlan(season=3)
    assert alpha_for([False] * 3, plan=plan) == alpha_for([], plan=plan)
    assert alpha_for([True, True, True, False], plan=plan) == alpha_for([False], plan=plan)


def test_nights_that_are_none_are_refused() -> None:
    with pytest.raises(ValueError, match="tests nothing"):
        alpha_for([], experiments=0)
    with pytest.raises(ValueError, match="numbered"):
        level_of_test(3, (3,), LordPlan())
    with pytest.raises(ValueError, match="online test"):
        LordPlan(wealth=0.1)


def test_equal_nights_of_four_promote_in_no_more_seasons_than_promised() -> None:
    draw, plan, wrong = random.Random(7), LordPlan(), 0
    for _ in range(1000):
        nights: list[bool] = []
        for _ in range(plan.season):
            # A two-sided p-value of equal arms, on the side of a gain half of the time.
            alpha = alpha_for(nights, experiments=4)
            nights.append(any(draw.random() <= alpha and draw.random() < 0.5 for _ in range(4)))
        wrong += any(nights)
    assert wrong <= 1000 * 0.025 + 2.33 * math.sqrt(1000 * 0.025 * 0.975)
