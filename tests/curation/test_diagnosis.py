"""Data-bound must be shown flat, recipe-bound shown moved; the rest is not enough evidence."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from selftune.curation.diagnosis import Cause, Tried, compare, diagnose
from selftune.judges.judged_files import read_judged_file


def arm(recipe: str, scores, *, base: str = "base", dataset: str | None = "d") -> Tried:
    return Tried(recipe=recipe, base=base, dataset=dataset, scores=dict(enumerate_keys(scores)))


def enumerate_keys(scores):
    return ((f"u{place}", score) for place, score in enumerate(scores))


def drawn(seed: int, mean: float, count: int):
    rng = random.Random(seed)
    return [min(1.0, max(0.0, rng.gauss(mean, 0.05))) for _ in range(count)]


def only(tried, **settings_):
    (found,) = diagnose({"verified_response": tried}, **settings_)
    return found


def test_what_is_surely_flat_over_recipes_and_bases_is_bound_by_data():
    flat = [arm(f"lr{n}", drawn(n, 0.78, 300), base=f"base{n % 2}") for n in range(4)]
    found = only(flat)
    assert found.cause is Cause.DATA
    assert found.arms == 4
    assert not found.missing


def test_what_moves_with_the_recipe_is_bound_by_it_and_the_two_ends_are_named():
    found = only([arm("low", drawn(1, 0.5, 100)), arm("mid", drawn(2, 0.6, 100)), arm("high", drawn(3, 0.75, 100))])
    assert found.cause is Cause.RECIPE
    assert {found.widest.first, found.widest.second} == {"low on base", "high on base"}
    assert "0.24 apart (-0.28 to -0.20, n = 100)" in found.reason


@pytest.mark.parametrize("count", [2, 6, 12])
def test_a_handful_of_equal_scores_proves_nothing(count):
    found = only([arm(name, [0.78] * count) for name in "abc"])
    assert found.cause is Cause.UNKNOWN
    assert found.missing.startswith("about ")


def test_two_recipes_can_not_show_that_a_category_is_flat():
    found = only([arm("a", [0.7] * 900), arm("b", [0.7] * 900)])
    assert found.cause is Cause.UNKNOWN
    assert found.missing.startswith("1 more recipe")


def test_arms_that_learnt_from_other_data_are_not_compared():
    arms = [
        arm("a", [0.2] * 900, dataset="one"),
        arm("b", [0.8] * 900, dataset="two"),
        arm("none", [0.1] * 900, dataset=None),
    ]
    found = only(arms)
    assert found.cause is Cause.UNKNOWN
    assert found.arms == 1


def test_a_category_that_is_good_enough_is_not_diagnosed():
    assert diagnose({"fine": [arm("a", [0.95] * 10)], "unscored": [arm("b", [])]}) == ()


def test_an_interval_covers_the_true_difference_as_often_as_it_says():
    # 400 samples of 40 paired units with a true difference of 0.1: a miss has a chance of at most 5 %, and 34 misses
    # or more of 400 then have a chance below 0.3 %.
    rng = random.Random(5)
    missed = 0
    for _ in range(400):
        base = [rng.random() * 0.6 for _ in range(40)]
        one, other = arm("a", [value + rng.gauss(0.1, 0.2) for value in base]), arm("b", base)
        found = compare(one, other, 0.95)
        missed += not found.low <= 0.1 <= found.high
    assert missed < 34


@given(st.lists(st.lists(st.floats(0, 1), min_size=1, max_size=8), min_size=1, max_size=5))
@settings(max_examples=50, deadline=None)
def test_no_cause_is_named_on_so_few_units_unless_arms_surely_differ(values):
    for found in diagnose({"c": [arm(str(place), scores) for place, scores in enumerate(values)]}):
        assert found.cause is not Cause.DATA
        if found.cause is Cause.RECIPE:
            assert found.widest is not None


def test_the_source_s_own_runs_do_not_support_its_claim_that_verified_response_is_bound_by_data(field_data):
    # F4: "7.8 across learning rates" leaves out 6.8; seven prompts and two rates on one dataset show nothing.
    folder = field_data / "foundry" / "judged"
    runs = {"lr2e-5": "eval-qwen3-v1-*.json", "lr8e-6": "eval-qwen3-v3-*.json"}
    tried = []
    for recipe, pattern in runs.items():
        (path,) = folder.glob(pattern)
        rows = [row for row in read_judged_file(path).rows if row.category == "verified_response" and row.stated]
        scores = {row.name: row.stated / 10 for row in rows}
        tried.append(Tried(recipe=recipe, base="qwen3-32b", dataset="v4", scores=scores))
    found = only(tried)
    assert found.cause is Cause.UNKNOWN
    assert found.widest.n == 7
    assert found.missing
