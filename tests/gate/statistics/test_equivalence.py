"""One side at a time: bound and p-value agree, the sides mirror each other, and little evidence shows nothing."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from selftune.gate.statistics.equivalence import equivalent, shows_above, shows_below
from selftune.gate.statistics.means import mean_difference
from selftune.gate.statistics.paired import difference_interval

law = settings(deadline=None, max_examples=60)
DIFFERENCES = st.lists(st.floats(-1, 1).map(lambda d: round(d, 3)), min_size=2, max_size=13)
MARGINS = st.floats(-0.9, 0.9).map(lambda margin: round(margin, 2))


@law
@given(DIFFERENCES, MARGINS)
def test_bound_and_test_never_contradict_each_other(differences: list[float], margin: float) -> None:
    found = shows_above(differences, alpha=0.05, margin=margin)
    assert found.shown is (found.bound > margin)
    if abs(found.p_value - 0.05) > 1e-9:
        assert found.shown is (found.p_value < 0.05)


@law
@given(DIFFERENCES, MARGINS)
def test_below_is_above_with_the_arms_swapped(differences: list[float], margin: float) -> None:
    below = shows_below(differences, alpha=0.05, margin=margin)
    above = shows_above([-d for d in differences], alpha=0.05, margin=-margin)
    assert (below.shown, below.p_value) == (above.shown, above.p_value)
    assert (below.mean, below.bound) == (-above.mean, -above.bound)


@law
@given(DIFFERENCES, st.floats(0.05, 0.9), st.floats(0.1, 20))
def test_another_scale_changes_no_answer(differences: list[float], margin: float, factor: float) -> None:
    small = equivalent(differences, alpha=0.05, margin=margin)
    large = equivalent([d * factor for d in differences], alpha=0.05, margin=margin * factor, width=factor)
    assert large.p_value == pytest.approx(small.p_value)
    assert large.interval == pytest.approx([end * factor for end in small.interval])


@law
@given(DIFFERENCES, st.floats(0.05, 0.9), st.randoms(use_true_random=False))
def test_the_order_of_the_items_does_not_matter(differences: list[float], margin: float, draw: random.Random) -> None:
    mixed = draw.sample(differences, len(differences))
    there, back = (equivalent(each, alpha=0.05, margin=margin) for each in (differences, mixed))
    assert back.p_value == pytest.approx(there.p_value)
    assert back.interval == pytest.approx(there.interval)


@law
@given(DIFFERENCES)
def test_a_wider_margin_is_never_harder_to_show(differences: list[float]) -> None:
    p_values = [equivalent(differences, alpha=0.05, margin=margin).p_value for margin in (0.1, 0.2, 0.4, 0.8)]
    assert p_values == sorted(p_values, reverse=True)


def test_against_zero_it_is_half_of_the_two_sided_test() -> None:
    differences = [0.3, 0.5, -0.1, 0.4, 0.2, 0.6, 0.1, 0.35]
    both = mean_difference(differences, None, level=0.9, width=1.0)
    found = shows_above(differences, alpha=0.05)
    assert found.p_value == pytest.approx(both.p_value / 2)
    assert found.bound == both.interval[0]
    assert found.shown
    assert shows_below(differences, alpha=0.05).p_value == pytest.approx(1 - both.p_value / 2)


def test_the_bound_of_many_right_or_wrong_items_is_close_to_that_of_bonett_and_price() -> None:
    counted = [1.0] * 130 + [-1.0] * 110 + [0.0] * 760
    found = equivalent(counted, alpha=0.05, margin=0.1)
    assert found.shown
    assert found.interval == pytest.approx(difference_interval(counted, 0.9), abs=2e-3)


def test_a_few_equal_answers_do_not_show_equivalence_and_many_do() -> None:
    assert not equivalent([0.0] * 14, alpha=0.05, margin=0.02).shown
    assert equivalent([0.0] * 400, alpha=0.05, margin=0.02).shown


@pytest.mark.parametrize("n", [36, 109, 200])
@pytest.mark.parametrize("margin", [0.02, 0.1, 0.2])
def test_harm_of_exactly_the_margin_is_called_absent_in_no_more_than_alpha_of_cases(n: int, margin: float) -> None:
    # Every outcome counted, items only ever lost: there the interval of Bonett and Price errs in up to 9 %.
    wrong = math.fsum(
        math.comb(n, lost) * margin**lost * (1 - margin) ** (n - lost)
        for lost in range(n + 1)
        if shows_above([-1.0] * lost + [0.0] * (n - lost), alpha=0.05, margin=-margin).shown
    )
    assert wrong <= 0.05


def test_what_was_lost_throughout_is_not_shown_to_be_less() -> None:
    found = shows_above([-1.0] * 8, alpha=0.05, margin=-0.9)
    assert (found.shown, found.bound, found.p_value) == (False, pytest.approx(-1.0), 1.0)


def test_copies_within_a_cluster_show_no_more() -> None:
    draw = random.Random(4)
    values = [draw.uniform(-0.2, 0.2) for _ in range(40)]
    alone = shows_above(values, alpha=0.05, margin=-0.1)
    copied = shows_above(
        [v for v in values for _ in range(3)],
        [str(place) for place in range(40) for _ in range(3)],
        alpha=0.05,
        margin=-0.1,
    )
    assert copied.p_value == pytest.approx(alone.p_value)
    assert copied.clusters == 40
    assert "40 clusters" in copied.method


@pytest.mark.parametrize(
    ("wrong", "said"),
    [({"margin": 1.0}, "wider"), ({"margin": 0.1, "alpha": 0.6}, "one-sided"), ({"margin": -0.1}, "nothing")],
)
def test_what_can_not_be_asked_is_refused(wrong: dict[str, float], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        equivalent([0.1, 0.2], **({"alpha": 0.05} | wrong))
