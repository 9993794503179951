"""Change points: a planted one is found where it lies, a level series shows one as seldom as its level promises."""

from __future__ import annotations

from itertools import product
from random import Random

import pytest

from selftune.app.campaigns.comparisons import most_by_chance
from selftune.gate.statistics.change_points import change_points


def noise(n: int, seed: int, spread: float = 1.0) -> list[float]:
    draw = Random(seed)
    return [draw.gauss(0, spread) for _ in range(n)]


def test_a_planted_change_is_found_where_it_lies_with_the_levels_on_both_sides() -> None:
    values = [value + 10 * (at >= 30) for at, value in enumerate(noise(50, 1))]
    (found,) = change_points(values, level=0.99)
    assert found.at == 30
    assert found.n == 50
    assert found.p_value == pytest.approx(0.001)
    assert found.before == pytest.approx(sum(values[:30]) / 30)
    assert found.step == pytest.approx(sum(values[30:]) / 20 - sum(values[:30]) / 30)


def test_three_levels_are_told_apart_and_each_mean_is_of_its_own_part() -> None:
    values = [value + {0: 0.2, 1: 0.9, 2: 0.5}[at // 20] for at, value in enumerate(noise(60, 2, 0.05))]
    found = change_points(values, level=0.95)
    assert [one.at for one in found] == [20, 40]
    assert found[0].after == found[1].before == pytest.approx(0.9, abs=0.04)
    assert (found[0].n, found[1].n) in {(60, 40), (40, 60)}


def test_every_order_of_few_values_gives_the_p_value_that_counting_gives() -> None:
    values = [0.0, 0.0, 0.0, 0.0, 1.0, 1.0, 1.0, 1.0]
    (found,) = change_points(values, level=0.9, draws=9_999)
    orders = [order for order in product((0, 1), repeat=8) if sum(order) == 4]
    as_large = sum(order[:4] in {(0,) * 4, (1,) * 4} for order in orders) / len(orders)
    assert found.p_value == pytest.approx(as_large, abs=0.007)


def test_a_level_series_changes_as_seldom_as_its_level_promises() -> None:
    n = 300
    wrong = sum(bool(change_points(noise(24, seed), level=0.95, draws=199, seed=seed)) for seed in range(n))
    assert wrong <= most_by_chance(n, 0.05)


def test_neighbours_that_are_alike_pass_for_a_change_unless_they_move_together() -> None:
    def alike(seed: int) -> list[float]:
        value, series = 0.0, []
        for shock in noise(60, seed):
            value = 0.6 * value + shock
            series.append(value)
        return series

    singly, together = (
        sum(bool(change_points(alike(seed), level=0.95, draws=99, block=block)) for seed in range(60))
        for block in (1, 8)
    )
    assert singly > 20
    assert together <= most_by_chance(60, 0.15)


@pytest.mark.parametrize("values", [[], [1.0], [0.0] * 20, [0.0, 0.0, 0.0, 9.0, 9.0, 9.0, 9.0]])
def test_too_few_values_or_values_that_are_all_alike_show_nothing(values: list[float]) -> None:
    assert change_points(values, level=0.95) == ()


@pytest.mark.parametrize(
    ("values", "level", "draws"), [([1.0, float("nan")], 0.95, 999), ([1.0] * 9, 1.0, 999), ([1.0] * 9, 0.99, 50)]
)
def test_what_cannot_be_asked_is_refused(values: list[float], level: float, draws: int) -> None:
    with pytest.raises(ValueError, match=r"finite|can't show"):
        change_points(values, level=level, draws=draws)


def test_equal_seeds_give_equal_answers() -> None:
    values = [value + (at >= 12) for at, value in enumerate(noise(24, 5))]
    assert change_points(values, level=0.5, seed=3) == change_points(values, level=0.5, seed=3)


def test_thirteen_thousand_values_are_looked_through() -> None:
    values = [float(value > 0.5 + 0.4 * (at > 10_400)) for at, value in enumerate(noise(12_847, 6))]
    found = change_points(values, level=0.99, fewest=200, draws=199)
    assert any(abs(one.at - 10_400) < 150 for one in found)
