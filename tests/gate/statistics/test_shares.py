"""Shares, effects and bets: held against published figures."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from selftune.gate.statistics.effects import bimodality, cohens_d
from selftune.gate.statistics.sequence import bet
from selftune.gate.statistics.shares import clopper_pearson, newcombe_interval, two_share_p_value
from selftune.gate.statistics.student import t_quantile, t_two_sided, welch

law = settings(deadline=None, max_examples=60)


def test_the_exact_interval_of_a_share_is_the_published_one() -> None:
    # Newcombe, Stat. Med. 17 (1998), 857-872, table I: 81 of 263, 15 of 148, 0 of 20, 1 of 29.
    for hits, n, low, high in (
        (81, 263, 0.2527, 0.3676),
        (15, 148, 0.0578, 0.1617),
        (0, 20, 0.0, 0.1684),
        (1, 29, 0.0009, 0.1776),
    ):
        assert clopper_pearson(hits, n, 0.95) == pytest.approx((low, high), abs=5e-5)


@law
@given(st.integers(1, 12).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_the_exact_interval_ends_where_the_tails_do(counts: tuple[int, int]) -> None:
    hits, n = counts
    low, high = clopper_pearson(hits, n, 0.9)

    def at_most(most: int, share: float) -> float:
        return math.fsum(math.comb(n, k) * share**k * (1 - share) ** (n - k) for k in range(most + 1))

    assert high == 1.0 if hits == n else at_most(hits, high) == pytest.approx(0.05)
    assert low == 0.0 if hits == 0 else 1 - at_most(hits - 1, low) == pytest.approx(0.05)


@pytest.mark.parametrize(("hits", "n"), [(1, 0), (3, 2), (-1, 2)])
def test_the_exact_interval_refuses_what_is_no_share(hits: int, n: int) -> None:
    with pytest.raises(ValueError, match="no share"):
        clopper_pearson(hits, n, 0.95)


@law
@given(st.integers(0, 20), st.integers(20, 40), st.integers(0, 20), st.integers(20, 40))
def test_swapping_two_shares_flips_the_sign(hits: int, n: int, other_hits: int, other_n: int) -> None:
    low, high = newcombe_interval(hits, n, other_hits, other_n, 0.95)
    assert newcombe_interval(other_hits, other_n, hits, n, 0.95) == pytest.approx((-high, -low))
    swapped = two_share_p_value(other_hits, other_n, hits, n)
    assert two_share_p_value(hits, n, other_hits, other_n) == pytest.approx(swapped)


@law
@given(st.integers(1, 60).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_the_exact_interval_holds_the_share(counts: tuple[int, int]) -> None:
    hits, n = counts
    low, high = clopper_pearson(hits, n, 0.95)
    assert 0 <= low <= hits / n <= high <= 1


def test_the_interval_of_two_shares_is_the_published_one() -> None:
    # Newcombe, Stat. Med. 17 (1998), 873-890, table II, method 10: 56/70 less 48/80, 9/10 less 3/10, 0/10 less 0/20.
    assert newcombe_interval(56, 70, 48, 80, 0.95) == pytest.approx((0.0524, 0.3339), abs=5e-5)
    assert newcombe_interval(9, 10, 3, 10, 0.95) == pytest.approx((0.1705, 0.8090), abs=5e-5)
    assert newcombe_interval(0, 10, 0, 20, 0.95) == pytest.approx((-0.1611, 0.2775), abs=5e-5)


def test_two_equal_shares_show_nothing() -> None:
    assert two_share_p_value(5, 10, 5, 10) == pytest.approx(1.0)
    assert two_share_p_value(0, 10, 0, 10) == 1.0
    assert two_share_p_value(9, 10, 3, 10) < 0.05


def test_the_t_distribution_is_the_tabled_one() -> None:
    for level, freedom, t in ((0.95, 9, 2.262), (0.95, 1, 12.706), (0.99, 30, 2.750), (0.9, 4, 2.132)):
        assert t_quantile(level, freedom) == pytest.approx(t, abs=6e-4)
    assert t_two_sided(0.0, 5) == pytest.approx(1.0)


def test_the_t_distribution_of_many_items_is_the_normal_one() -> None:
    assert t_quantile(0.95, 1e7) == pytest.approx(1.959964, abs=1e-5)
    assert t_two_sided(1.959964, 1e7) == pytest.approx(0.05, abs=1e-6)


SCORES = st.lists(st.floats(0, 10).map(lambda score: round(score, 2)), min_size=2, max_size=12)


@law
@given(SCORES, SCORES)
def test_interval_and_test_of_two_arms_never_contradict_each_other(ours: list[float], theirs: list[float]) -> None:
    found, back = welch(ours, theirs, 0.95), welch(theirs, ours, 0.95)
    assert back.difference == pytest.approx(-found.difference)
    if found.interval is not None and found.p_value is not None and abs(found.p_value - 0.05) > 1e-9:
        assert (found.interval[0] > 0 or found.interval[1] < 0) is (found.p_value < 0.05)
        assert back.p_value == pytest.approx(found.p_value)


def test_an_empty_arm_is_no_arm() -> None:
    with pytest.raises(ValueError, match="empty"):
        welch([], [1.0], 0.95)


def test_welch_is_the_textbooks() -> None:
    # Two arms without and with a spread of their own; figures by hand: error^2 = 1/5 * 2.5 + 1/4 * 5/3.
    found = welch([1, 2, 3, 4, 5], [6, 7, 8, 9], 0.95)
    assert found.difference == pytest.approx(4.5)
    assert found.p_value is not None
    assert found.p_value < 0.01
    assert welch([1, 1], [1, 1], 0.95).interval is None
    assert welch([1], [2, 3], 0.95).p_value is None


def test_an_effect_is_measured_in_spreads() -> None:
    assert cohens_d([1, 2, 3], [2, 3, 4]) == pytest.approx(1.0)
    assert cohens_d([1, 1], [2, 2]) is None
    assert cohens_d([1.19] * 3, [1.69] * 3) is None
    assert cohens_d([1], [2]) is None


def test_two_heaps_are_seen_and_one_is_not() -> None:
    draw = random.Random(3)
    heaps = bimodality([draw.gauss(2, 0.5) for _ in range(18)] + [draw.gauss(9, 0.5) for _ in range(18)])
    one = bimodality([draw.gauss(6, 1) for _ in range(36)])
    assert heaps is not None
    assert heaps.two_heaps
    assert (heaps.low[1], heaps.high[1]) == (18, 18)
    assert one is not None
    assert not one.two_heaps
    assert bimodality([1.0] * 20) is None
    assert bimodality([1.19] * 23) is None
    assert bimodality([1.0, 2.0]) is None


def test_scores_of_few_values_have_their_heaps_between_them() -> None:
    found = bimodality([0.0] * 5 + [1.0] * 7)
    assert found is not None
    assert (found.low, found.high) == ((0.0, 5), (1.0, 7))
    assert found.parted == pytest.approx(1.0)


@law
@given(st.lists(st.sampled_from([0.0, 1.0, 2.5, 4.0, 9.0]), min_size=8, max_size=20), st.floats(0.1, 5))
def test_heaps_do_not_depend_on_order_scale_or_place(scores: list[float], factor: float) -> None:
    found, other = bimodality(scores), bimodality([score * factor + 3 for score in reversed(scores)])
    assert (found is None) is (other is None)
    if found is not None and other is not None:
        assert other.coefficient == pytest.approx(found.coefficient)
        assert other.parted == pytest.approx(found.parted)


@law
@given(SCORES, st.floats(0.1, 5))
def test_an_effect_does_not_depend_on_the_scale_and_swaps_its_sign(scores: list[float], factor: float) -> None:
    others = [score + 0.5 for score in scores]
    found = cohens_d(scores, others)
    if found is not None:
        assert cohens_d([factor * score for score in scores], [factor * score for score in others]) == pytest.approx(
            found
        )
        assert cohens_d(others, scores) == pytest.approx(-found)


def test_bets_find_a_gain_and_say_when() -> None:
    draw = random.Random(5)
    found = bet([draw.choice((1.0, 1.0, 1.0, -1.0)) for _ in range(120)], 0.05)
    assert found.decided_at is not None
    assert found.p_value <= 0.05
    assert found.interval[0] > 0


def test_looking_after_every_item_of_equal_arms_errs_in_no_more_than_alpha() -> None:
    draw, wrong = random.Random(11), 0
    for _ in range(200):
        found = bet([draw.choice((1.0, -1.0, 0.0)) for _ in range(60)], 0.05)
        wrong += found.decided_at is not None
    assert wrong <= 200 * 0.05 + 2.33 * math.sqrt(200 * 0.05 * 0.95)


@law
@given(st.lists(st.sampled_from([-1.0, -0.4, 0.0, 0.4, 1.0]), min_size=1, max_size=40))
def test_bets_do_not_care_which_arm_is_which(differences: list[float]) -> None:
    there, back = bet(differences, 0.05), bet([-d for d in differences], 0.05)
    assert back.p_value == pytest.approx(there.p_value)
    assert back.interval == pytest.approx((-there.interval[1], -there.interval[0]))
    assert (there.decided_at is not None) is (there.p_value <= 0.05)
    if there.interval[0] > 0 or there.interval[1] < 0:
        assert there.decided_at is not None


def test_bets_that_refute_every_mean_leave_the_one_they_saw() -> None:
    # Won by all for long, then lost by all: no one mean goes with both.
    found = bet([1.0] * 400 + [-1.0] * 400, 0.05)
    assert found.interval == (0.0, 0.0)


def test_bets_refuse_what_is_no_difference() -> None:
    for differences in ([], [2.0]):
        with pytest.raises(ValueError, match="bets need"):
            bet(differences, 0.05)
