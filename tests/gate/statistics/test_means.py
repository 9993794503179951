"""The interval and the test of a mean difference: exact on small cases, honest on equal arms."""

from __future__ import annotations

import itertools
import math
import random
from statistics import fmean, stdev

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from selftune.gate.statistics.bootstrap import many_refuse_zero, studentised_interval
from selftune.gate.statistics.clusters import MANY, clustered_mean, gather
from selftune.gate.statistics.equivalence import shows_above
from selftune.gate.statistics.flips import flip_many, flip_signs
from selftune.gate.statistics.means import (
    mean_difference,
    mean_interval,
    paired_gain,
    paired_growth,
    paired_harm,
    spread_for_gain,
)
from selftune.gate.statistics.paired import difference_interval, mcnemar_mid_p, spread_of

law = settings(deadline=None, max_examples=60)
THOUSANDTHS = st.floats(-1, 1).map(lambda d: round(d, 3))
DIFFERENCES = st.lists(THOUSANDTHS, min_size=2, max_size=10)


def brute_p_value(differences: list[float]) -> float:
    observed = abs(sum(differences)) - 1e-9
    sums = [sum(s * d for s, d in zip(signs, differences, strict=True)) for signs in _signs(len(differences))]
    return sum(abs(total) >= observed for total in sums) / len(sums)


def _signs(count: int) -> itertools.product[tuple[int, ...]]:
    return itertools.product((1, -1), repeat=count)


@law
@given(DIFFERENCES)
def test_the_p_value_of_few_items_counts_every_assignment_of_signs(differences: list[float]) -> None:
    found = flip_signs(gather(differences), 0.95)
    assert found.exact
    assert found.p_value == pytest.approx(brute_p_value(differences))


@law
@given(DIFFERENCES, st.floats(-1.5, 1.5))
def test_the_interval_holds_the_shifts_that_the_test_does_not_refute(differences: list[float], shift: float) -> None:
    low, high = flip_signs(gather(differences), 0.95).interval
    if min(abs(shift - low), abs(shift - high)) > 1e-6:
        assert (low <= shift <= high) is (brute_p_value([d - shift for d in differences]) > 0.05)


@pytest.mark.parametrize("n", [5, 14, 36, 109])
def test_many_comparisons_at_once_have_the_p_values_of_each_by_itself(n: int) -> None:
    draw = random.Random(n)
    rows = [[round(draw.gauss(0.05, 0.2), 2) for _ in range(n)] for _ in range(12)]
    alone = [flip_signs(gather(row), 0.95).p_value for row in rows]
    assert flip_many(np.array(rows)).tolist() == pytest.approx(alone)


@law
@given(st.lists(st.tuples(THOUSANDTHS, st.sampled_from("abcdefgh")), min_size=2, max_size=30))
def test_clusters_turn_their_signs_together(members: list[tuple[float, str]]) -> None:
    clusters = gather([value for value, _ in members], [label for _, label in members])
    found = flip_signs(clusters, 0.95)
    assert found.p_value == pytest.approx(brute_p_value(list(clusters.totals)))


@law
@given(st.lists(st.sampled_from([-1.0, -0.5, 0.0, 0.3, 1.0]), min_size=2, max_size=40), st.sampled_from([0.9, 0.95]))
def test_interval_and_test_never_contradict_each_other(differences: list[float], level: float) -> None:
    for kind in (differences, [float(d > 0) - float(d < 0) for d in differences]):
        found = mean_difference(kind, None, level=level, width=1.0)
        low, high = found.interval
        if abs(found.p_value - (1 - level)) > 1e-9:
            assert (low > 0 or high < 0) is (found.p_value < 1 - level)
        assert low - 1e-9 <= found.mean <= high + 1e-9


@law
@given(DIFFERENCES, st.randoms(use_true_random=False))
def test_the_order_of_few_items_does_not_matter(differences: list[float], draw: random.Random) -> None:
    mixed = draw.sample(differences, len(differences))
    there, back = (mean_difference(each, None, level=0.95, width=1.0) for each in (differences, mixed))
    assert back.p_value == pytest.approx(there.p_value)
    assert back.interval == pytest.approx(there.interval)


@law
@given(DIFFERENCES, st.floats(0.1, 20))
def test_another_scale_stretches_the_interval_and_leaves_the_test(differences: list[float], factor: float) -> None:
    small = mean_difference(differences, None, level=0.95, width=1.0)
    large = mean_difference([d * factor for d in differences], None, level=0.95, width=factor)
    assert large.p_value == pytest.approx(small.p_value)
    assert large.interval == pytest.approx([end * factor for end in small.interval], abs=1e-6 * factor)


@law
@given(DIFFERENCES)
def test_swapping_the_arms_turns_the_interval_round(differences: list[float]) -> None:
    one = mean_difference(differences, None, level=0.95, width=1.0)
    other = mean_difference([-d for d in differences], None, level=0.95, width=1.0)
    assert other.p_value == pytest.approx(one.p_value)
    assert [-end for end in reversed(other.interval)] == pytest.approx(one.interval, abs=1e-6)


def test_fishers_analysis_of_darwins_plants_comes_out_as_he_counted_it() -> None:
    # R. A. Fisher, "The Design of Experiments" (1935), sections 17 and 21: eighths of an inch, and 1,726 of 32,768.
    plants = [49, -67, 8, 16, 6, 23, 28, 41, 14, 29, 56, 24, 75, 60, -48]
    found = flip_signs(gather(plants), 0.95)
    assert found.p_value == 1726 / 32768
    assert found.interval[0] < 0


def test_students_sleepers_come_out_as_the_textbooks_have_them() -> None:
    # Student, "The probable error of a mean", Biometrika 6 (1908): mean 1.58, t = 4.06, 95 % interval 0.70 to 2.46; the
    # flips ask for no normal distribution and stay close by.
    hours = [1.2, 2.4, 1.3, 1.3, 0.0, 1.0, 1.8, 0.8, 4.6, 1.4]
    found = mean_difference(hours, None, level=0.95, width=24.0)
    held = clustered_mean(gather(hours))
    assert held.error is not None
    assert found.mean == pytest.approx(1.58)
    assert held.mean / held.error == pytest.approx(4.06, abs=0.005)
    assert found.interval == pytest.approx((0.70, 2.46), abs=0.25)
    assert found.p_value == 4 / 1024


def test_a_few_items_that_agree_prove_nothing() -> None:
    found = mean_difference([0.5, 0.5, 0.5], None, level=0.95, width=1.0)
    assert found.p_value == 0.25
    assert found.interval[0] <= 0


def test_what_comes_in_clusters_counts_as_clusters() -> None:
    differences = [0.1, 0.3, 0.2, 0.4, 0.25, 0.15, 0.35, 0.05]
    labels = ["a", "a", "a", "a", "b", "b", "b", "b"]
    alone = mean_difference(differences, None, level=0.95, width=1.0)
    together = mean_difference(differences, labels, level=0.95, width=1.0)
    assert alone.p_value < 0.05 < together.p_value
    assert together.clusters == 2
    assert "clusters" in together.method


def test_one_cluster_shows_nothing() -> None:
    found = mean_difference([0.5, 0.6], ["a", "a"], level=0.95, width=1.0)
    assert found.interval == (-1.0, 1.0)
    assert found.p_value == 1.0


def test_the_clustered_error_of_single_items_is_the_plain_one() -> None:
    values = [0.1, 0.4, 0.7, 0.2]
    spread = math.sqrt(sum((v - fmean(values)) ** 2 for v in values) / 3)
    assert clustered_mean(gather(values)).error == pytest.approx(spread / 2)


def test_copies_of_an_item_in_its_cluster_add_no_certainty() -> None:
    values = [0.1, 0.4, 0.7, 0.2]
    tripled = gather([v for v in values for _ in range(3)], [str(v) for v in values for _ in range(3)])
    assert clustered_mean(tripled).error == pytest.approx(clustered_mean(gather(values)).error)


def test_above_many_items_a_normal_interval_stands_in_and_says_so() -> None:
    found = mean_difference([0.2, -0.1] * (MANY // 2 + 1), None, level=0.95, width=1.0)
    assert "normal" in found.method
    assert found.interval[0] < 0.05 < found.interval[1]


def test_many_items_of_few_clusters_are_few() -> None:
    values = [0.3, -0.1, 0.2, 0.1] * (MANY // 4 + 1)
    found = mean_difference(values, [str(place % 4) for place in range(len(values))], level=0.95, width=1.0)
    assert "normal" not in found.method
    assert found.interval[0] <= 0 <= found.interval[1]


def test_a_difference_wider_than_the_scale_is_refused() -> None:
    with pytest.raises(ValueError, match="wider"):
        mean_difference([0.0, 11.0], None, level=0.95, width=10.0)


def test_the_interval_of_one_arm_stays_on_its_scale() -> None:
    interval = mean_interval([9.9, 10.0, 9.8, 9.7, 10.0, 9.6, 10.0, 9.9] * 3, 0.95, (0.0, 10.0))
    assert interval is not None
    assert 9.5 < interval[0] < interval[1] <= 10.0
    assert mean_interval([4.0], 0.95, (0.0, 10.0)) is None


def test_an_arm_of_nearly_equal_scores_shows_nothing_of_its_spread() -> None:
    assert mean_interval([10.0, 10.0, 10.0, 10.0, 10.0, 9.7], 0.95, (0.0, 10.0)) == (0.0, 10.0)


def test_a_gain_of_graded_scores_is_seen_where_made_up_units_would_hide_it() -> None:
    draw = random.Random(5)
    graded = [draw.gauss(0.08, 0.15) for _ in range(36)]
    gain = paired_gain(graded, 0.95)
    assert difference_interval(graded, 0.95)[0] < 0 < gain.interval[0]
    assert (gain.gained, gain.lost) == (sum(d > 0 for d in graded), sum(d < 0 for d in graded))
    assert spread_for_gain(graded) == pytest.approx(stdev(graded))
    assert spread_for_gain([1.0, 0.0, 0.0]) == spread_of([1.0, 0.0, 0.0])


@law
@given(st.lists(st.sampled_from([-1.0, 0.0, 1.0]), min_size=2, max_size=40))
def test_a_gain_of_right_or_wrong_items_needs_interval_and_test(found: list[float]) -> None:
    gain = paired_gain(found, 0.95)
    exchangeable = mcnemar_mid_p(found.count(1.0), found.count(-1.0))
    assert (gain.mean, gain.n) == (pytest.approx(sum(found) / len(found)), len(found))
    assert gain.p_value >= exchangeable
    assert (gain.interval[0] > 0) is (difference_interval(found, 0.95)[0] > 0 and exchangeable <= 0.05)


@law
@given(st.lists(st.floats(-1, 1).map(lambda d: round(d, 2)), min_size=2, max_size=14), st.sampled_from([0.9, 0.95]))
def test_harm_is_shown_as_a_gain_of_the_other_arm_and_its_absence_by_the_bound(
    found: list[float], level: float
) -> None:
    harm, gain = paired_harm(found, level), paired_gain([-d for d in found], level)
    assert (harm.mean, harm.interval[1], harm.p_value) == (-gain.mean, -gain.interval[0], gain.p_value)
    assert harm.interval[0] == shows_above(found, alpha=(1 - level) / 2, margin=-0.5).bound
    growth = paired_growth([-d for d in found], level)
    assert (growth.mean, growth.interval) == (-harm.mean, (-harm.interval[1], -harm.interval[0]))
    assert (growth.gained, growth.lost) == (harm.lost, harm.gained)


def test_the_interval_of_many_scores_is_the_normal_one() -> None:
    interval = mean_interval([4.0, 6.0] * (MANY // 2 + 1), 0.95, (0.0, 10.0))
    assert interval == pytest.approx((5 - 1.96 / MANY**0.5, 5 + 1.96 / MANY**0.5), abs=1e-5)


def test_equal_scores_have_an_interval_without_width() -> None:
    assert mean_interval([7.0] * 10, 0.95, (0.0, 10.0)) == (7.0, 7.0)


def test_the_bootstrap_holds_clusters_together() -> None:
    draw = random.Random(6)
    values = [draw.gauss(0, 1) for _ in range(40)]
    alone = studentised_interval(gather(values), 0.95)
    copied = [value for value in values for _ in range(3)]
    in_threes = studentised_interval(gather(copied, [str(place // 3) for place in range(120)]), 0.95)
    assert in_threes == pytest.approx(alone)


def test_the_bootstrap_of_uneven_clusters_is_close_to_students_t() -> None:
    draw = random.Random(6)
    clusters = gather([draw.gauss(0, 1) for _ in range(300)], [str(min(place // 5, 47)) for place in range(300)])
    found = clustered_mean(clusters)
    low, high = studentised_interval(clusters, 0.95)
    assert found.error is not None
    assert (high - low) / 2 == pytest.approx(2.01 * found.error, rel=0.35)
    assert (high + low) / 2 == pytest.approx(found.mean)


def test_the_bootstrap_refuses_what_shows_nothing() -> None:
    with pytest.raises(ValueError, match="no spread"):
        studentised_interval(gather([1.0]), 0.95)
    with pytest.raises(ValueError, match="too few"):
        studentised_interval(gather([1.0, 2.0]), 0.95, resamples=10)
    with pytest.raises(ValueError, match="no values"):
        gather([])


def test_many_bootstraps_at_once_say_what_each_says_alone() -> None:
    draw = np.random.default_rng(6)
    samples = np.vstack(
        [
            draw.normal(0.1, 0.2, (30, 12)),
            draw.choice([-1.0, 0.0, 1.0], (30, 12), p=[0.05, 0.75, 0.2]),
            np.zeros((1, 12)),
            np.full((1, 12), 0.3),
        ]
    )
    alone = [studentised_interval(gather(one.tolist()), 0.95, resamples=999) for one in samples]
    together = many_refuse_zero(samples, 0.95, resamples=999)
    assert together.tolist() == [low > 0 or high < 0 for low, high in alone]
    assert 5 < together.sum() < 52
