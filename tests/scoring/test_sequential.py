"""A comparison may stop early, and whoever looks after each verdict is not fooled more often than was promised."""

from __future__ import annotations

import math
import random
from statistics import median

import pytest
from hypothesis import given
from hypothesis import strategies as st

from selftune.scoring.sequential import (
    SequentialPlan,
    Verdict,
    compare,
    decide,
    log_ratio,
    operation,
    win_rate_interval,
)

PLAN = SequentialPlan()


@pytest.mark.parametrize(
    ("win_rate", "mean_n"),
    # The means of the test in performance.md, as means go: 39 / 103 / 124 / 49.
    [(0.4, 39), (0.5, 103), (0.6, 124), (0.7, 49)],
)
def test_it_takes_as_many_comparisons_as_the_literature_says(win_rate, mean_n):
    assert operation(win_rate, PLAN).mean_n == pytest.approx(mean_n, rel=0.05)


def test_both_errors_are_held_and_clear_cases_are_cheap():
    assert operation(0.5, PLAN).better <= 0.05
    assert operation(0.6, PLAN).better >= 0.90
    assert operation(0.6, PLAN).not_better <= 0.10
    assert [operation(rate, PLAN).median_n <= 50 for rate in (0.4, 0.35, 0.7, 0.8)] == [True] * 4
    assert operation(0.5, PLAN).median_n <= 105


def test_a_cap_at_the_size_of_the_fixed_test_would_cost_power():
    assert operation(0.6, SequentialPlan(most=210)).better == pytest.approx(0.78, abs=0.01)


@pytest.mark.parametrize("win_rate", [0.3, 0.5, 0.62])
def test_the_shares_add_up(win_rate):
    told = operation(win_rate, PLAN)
    assert told.better + told.not_better + told.undecided == pytest.approx(1)


def within_99_percent(hits: int, n: int, share: float) -> bool:
    """Whether so many hits lie between the exact binomial 0.5 % and 99.5 % points."""

    def tail(counts) -> float:
        return sum(math.comb(n, k) * share**k * (1 - share) ** (n - k) for k in counts)

    return tail(range(hits + 1)) > 0.005 and tail(range(hits, n + 1)) > 0.005


@pytest.mark.parametrize(("win_rate", "most_median"), [(0.4, 50), (0.5, 105), (0.6, 420), (0.7, 50)])
def test_a_thousand_simulations_agree_with_the_exact_shares(win_rate, most_median):
    draw = random.Random(f"x{round(10 * win_rate)}")
    results = [compare((float(draw.random() < win_rate) for _ in range(PLAN.most)), PLAN) for _ in range(1000)]
    better = sum(result.verdict is Verdict.BETTER for result in results)
    assert within_99_percent(better, 1000, operation(win_rate, PLAN).better)
    assert median(result.n for result in results) <= most_median


@pytest.mark.parametrize("ties", [0.3, 0.7])
def test_ties_never_raise_the_false_alarms(ties):
    draw = random.Random(23)

    def score() -> float:
        return 0.5 if draw.random() < ties else float(draw.random() < 0.5)

    false = sum(compare((score() for _ in range(PLAN.most)), PLAN).verdict is Verdict.BETTER for _ in range(1000))
    # The exact 99.5 % point of a binomial of 1,000 at 5 %.
    assert false <= 69


def test_no_score_is_taken_after_the_verdict():
    asked = iter([1.0] * 100)
    result = compare(asked, PLAN)
    assert (result.verdict, result.n) == (Verdict.BETTER, 17)  # 1.2 ** 17 is the first above 20
    assert len(list(asked)) == 100 - 17
    assert compare([0.0] * 100, PLAN).n == 11  # 0.8 ** 11 is the first below 0.1


def test_too_few_scores_are_undecided_and_none_is_refused():
    assert compare([1.0, 0.0, 0.5], PLAN).verdict is Verdict.UNDECIDED
    with pytest.raises(ValueError, match="nothing to compare"):
        compare([], PLAN)
    with pytest.raises(ValueError, match="neither win, loss nor tie"):
        compare([1.5], PLAN)


@pytest.mark.parametrize("changes", [{"null": 0.7}, {"alpha": 0.0}, {"beta": 1.0}, {"most": 0}])
def test_a_plan_that_tests_nothing_is_refused(changes):
    with pytest.raises(ValueError, match="no sequential test"):
        SequentialPlan(**changes)


scores = st.lists(st.sampled_from([0.0, 0.5, 1.0]), min_size=1, max_size=300)


@given(scores)
def test_the_verdict_depends_on_sum_and_number_alone_and_agrees_with_the_p_value(values):
    result = compare(values, PLAN)
    assert decide(result.total, result.n, PLAN) in {result.verdict, None}
    assert (result.verdict is Verdict.BETTER) == (result.p_value <= PLAN.alpha * (1 + 1e-9))
    assert 0 < result.p_value <= 1


@given(scores, st.floats(0.01, 0.99))
def test_a_tie_is_worth_what_a_win_and_a_loss_are_worth_together_at_half_weight(values, rate):
    plan = SequentialPlan(null=rate * 0.9, alternative=rate)
    doubled = log_ratio(2 * sum(values), 2 * len(values), plan)
    assert doubled == pytest.approx(2 * log_ratio(sum(values), len(values), plan), abs=1e-9)


@given(scores)
def test_the_interval_holds_the_share_and_mirrors_with_it(values):
    total, n = sum(values), len(values)
    low, high = win_rate_interval(total, n, 0.95)
    assert 0 <= low <= total / n <= high <= 1
    mirrored = win_rate_interval(n - total, n, 0.95)
    assert mirrored == pytest.approx((1 - high, 1 - low), abs=1e-6)


def test_the_interval_holds_wherever_one_stops():
    """The worst place to look: each of 300 walks is looked at after each of 200 scores."""
    draw, missed = random.Random(5), 0
    for _ in range(300):
        total, out = 0.0, False
        for n in range(1, 201):
            total += float(draw.random() < 0.6)
            low, high = win_rate_interval(total, n, 0.95) if n % 5 == 0 else (0.0, 1.0)
            out = out or not low <= 0.6 <= high
        missed += out
    # The exact 99.5 % point of a binomial of 300 at 5 %.
    assert missed <= 26
