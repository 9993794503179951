"""Agreement against published examples, laws that hold for any scorers, and intervals that cover what they should."""

from __future__ import annotations

import math
import random
from statistics import correlation

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from selftune.scoring.agreement import (
    Weighting,
    kappa_of_table,
    measure_kappa,
    measure_spearman,
    spearman,
    student_quantile,
    weighted_kappa,
)

SCORES = st.sampled_from([1.0, 2.0, 3.0, 4.0, 4.5, 5.0])
PAIRS = st.lists(st.tuples(SCORES, SCORES), min_size=2, max_size=40)
MEASURES = [weighted_kappa, lambda pairs: weighted_kappa(pairs, Weighting.LINEAR), spearman]

# Two judges, 200 cases, three diagnoses: Cohen 1968, table 1, as shares and with his weights of disagreement.
COHEN = ((0.44, 0.07, 0.09), (0.05, 0.20, 0.05), (0.01, 0.03, 0.06))
COHEN_WEIGHTS = ((0, 1, 3), (1, 0, 6), (3, 6, 0))
UNWEIGHTED = ((0, 1, 1), (1, 0, 1), (1, 1, 0))


def test_cohens_own_example_gives_his_weighted_kappa():
    assert kappa_of_table(COHEN, COHEN_WEIGHTS) == pytest.approx(0.348, abs=0.0005)
    assert kappa_of_table(COHEN, UNWEIGHTED) == pytest.approx(0.492, abs=0.0005)


def test_spearman_of_a_textbook_example():
    # Intelligence and hours of television of ten people, rho = -29/165: the example of Wikipedia's article.
    iq = [106, 100, 86, 101, 99, 103, 97, 113, 112, 110]
    hours = [7, 27, 2, 50, 28, 29, 20, 12, 6, 17]
    assert spearman(list(zip(iq, hours, strict=True))) == pytest.approx(-29 / 165)


@pytest.mark.parametrize(("freedom", "quantile"), [(3, 3.182), (5, 2.571), (10, 2.228), (30, 2.042), (1000, 1.962)])
def test_students_quantiles_are_those_of_the_tables(freedom, quantile):
    assert student_quantile(0.95, freedom) == pytest.approx(quantile, rel=0.01)


@given(PAIRS)
def test_quadratic_kappa_is_the_concordance_correlation_of_lin(pairs):
    # King and Chinchilli 2001, Statistics in Medicine 20: equal when moments are taken over n.
    ones, others = [one for one, _ in pairs], [other for _, other in pairs]
    n, mean_one, mean_other = len(pairs), sum(ones) / len(pairs), sum(others) / len(pairs)
    room = sum((one - mean_one) ** 2 for one in ones) + sum((other - mean_other) ** 2 for other in others)
    room += n * (mean_one - mean_other) ** 2
    assume(room > 1e-6)
    shared = sum((one - mean_one) * (other - mean_other) for one, other in pairs)
    assert weighted_kappa(pairs) == pytest.approx(2 * shared / room, abs=1e-9)


@pytest.mark.parametrize("measure", MEASURES)
@given(pairs=PAIRS)
def test_who_comes_first_makes_no_difference(measure, pairs):
    turned = [(other, one) for one, other in pairs]
    value = measure(pairs)
    assert measure(turned) == (None if value is None else pytest.approx(value, abs=1e-12))


@pytest.mark.parametrize("measure", MEASURES)
@given(scores=st.lists(SCORES, min_size=2, max_size=40))
def test_agreeing_in_everything_is_one_and_saying_always_the_same_is_nothing(measure, scores):
    value = measure([(score, score) for score in scores])
    assert value == (None if len(set(scores)) == 1 else pytest.approx(1.0))


@given(PAIRS)
def test_values_stay_between_minus_one_and_one_and_inside_their_interval(pairs):
    for found in (
        measure_kappa(pairs),
        measure_kappa(pairs, Weighting.LINEAR),
        measure_spearman(pairs),
    ):
        if found.value is not None:
            assert -1 - 1e-9 <= found.value <= 1 + 1e-9
        if found.interval is not None:
            assert found.value is not None
            assert -1 <= found.interval[0] <= found.value + 1e-9
            assert found.value - 1e-9 <= found.interval[1] <= 1


def test_shuffled_scores_agree_by_chance_only():
    draw = random.Random(3)
    scores = [draw.choice([1.0, 2.0, 3.0, 4.0, 5.0]) for _ in range(400)]
    shuffles = [list(zip(scores, draw.sample(scores, 400), strict=True)) for _ in range(60)]
    values = [[measure(pairs) for measure in MEASURES[:3]] for pairs in shuffles]
    for column in zip(*values, strict=True):
        # 60 means of 400 pairs each: a standard error of at most 0.05 / sqrt(60), and four of them.
        assert abs(sum(column) / 60) < 4 * 0.05 / math.sqrt(60)


def test_no_disagreement_in_few_labels_leaves_much_open_and_in_many_little():
    few, many = ([(float(1 + place % 5),) * 2 for place in range(n)] for n in (10, 200))
    assert measure_kappa(few).interval[0] < 0.2
    assert measure_kappa(many).interval[0] > 0.85


def test_three_labels_have_no_interval():
    assert measure_kappa([(1.0, 2.0), (2.0, 2.0), (5.0, 4.0)]).interval is None


def draw_pair(draw, noise):
    truth = draw.uniform(0.5, 5.5)
    return tuple(float(min(5, max(1, round(truth + draw.gauss(0, noise))))) for _ in range(2))


@pytest.mark.parametrize("noise", [0.3, 0.8, 1.6])
@pytest.mark.parametrize("n", [15, 60])
def test_the_interval_of_kappa_covers_the_true_value_as_often_as_it_says(n, noise):
    draw = random.Random(1)
    true = weighted_kappa([draw_pair(draw, noise) for _ in range(40_000)])
    assert true is not None
    covered = 0
    for _ in range(200):
        low, high = measure_kappa([draw_pair(draw, noise) for _ in range(n)]).interval
        covered += low <= true <= high
    # At a coverage of 0.95, fewer than 181 of 200 come once in a hundred times (exact binomial).
    assert covered >= 181


def error_of_fleiss(pairs):
    """The large-sample standard error of quadratically weighted kappa, from the table and not by leaving pairs out.

    Fleiss, Cohen and Everitt, "Large sample standard errors of kappa and weighted kappa", Psychological Bulletin 72
    (1969), 323-327, equation 12, with weights of agreement 1 - (i - j)^2 / 16.
    """
    n, scores = len(pairs), [1.0, 2.0, 3.0, 4.0, 5.0]
    share = {(i, j): pairs.count((i, j)) / n for i in scores for j in scores}
    weight = {(i, j): 1 - (i - j) ** 2 / 16 for i in scores for j in scores}
    rows = {i: sum(share[i, j] for j in scores) for i in scores}
    columns = {j: sum(share[i, j] for i in scores) for j in scores}
    of_row = {i: sum(weight[i, j] * columns[j] for j in scores) for i in scores}
    of_column = {j: sum(weight[i, j] * rows[i] for i in scores) for j in scores}
    seen = sum(share[pair] * weight[pair] for pair in share)
    chance = sum(rows[i] * columns[j] * weight[i, j] for i in scores for j in scores)
    spread = sum(
        share[i, j] * (weight[i, j] * (1 - chance) - (of_row[i] + of_column[j]) * (1 - seen)) ** 2
        for i in scores
        for j in scores
    )
    return math.sqrt((spread - (seen * chance - 2 * chance + seen) ** 2) / n) / (1 - chance) ** 2


@pytest.mark.parametrize("noise", [0.4, 0.8, 1.6, 3.0])
def test_the_interval_of_kappa_is_as_wide_as_the_formula_of_fleiss_cohen_and_everitt_makes_it(noise):
    draw = random.Random(7)
    pairs = [draw_pair(draw, noise) for _ in range(400)]
    found = measure_kappa(pairs)
    assert found.interval is not None
    z = [math.atanh(limit) for limit in found.interval]
    by_formula = 2 * 1.96 * error_of_fleiss(pairs) / (1 - found.value**2)
    assert z[1] - z[0] == pytest.approx(by_formula, rel=0.05)


@given(PAIRS)
def test_the_rank_correlation_is_that_of_ranks_by_counting(pairs):
    ones, others = zip(*pairs, strict=True)
    found = spearman(pairs)
    if found is None:
        assert len(set(ones)) == 1 or len(set(others)) == 1
    else:
        ranks = [
            [sum(low < one for low in side) + (side.count(one) + 1) / 2 for one in side] for side in (ones, others)
        ]
        assert found == pytest.approx(correlation(*ranks), abs=1e-9)
