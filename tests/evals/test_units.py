"""Pairs count when both are right; what was not scored moves no mean."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from selftune.records import ItemOutcome
from selftune.scoring.units import Mean, mean_of, unit_scores

law = settings(deadline=None, max_examples=60)


def outcome(
    item: str, score: float | None, *, pair: str | None = None, repeat: int = 0, category: str = "c"
) -> ItemOutcome:
    return ItemOutcome(
        item_id=item, category="c", difficulty="easy", score=score, answer="", reasons=(), pair=pair, repeat=repeat
    )


def values(outcomes: list[ItemOutcome], unit: str = "pair") -> dict[str, float | None]:
    return {one.key: one.value for one in unit_scores(outcomes, unit)}


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        (1.0, 1.0, 1.0),
        (1.0, 0.0, 0.0),
        (0.0, 1.0, 0.0),
        (0.0, 0.0, 0.0),
        (1.0, 0.9, 0.0),
        (1.0, None, None),
        (None, 0.0, None),
    ],
)
def test_a_pair_is_right_when_both_its_items_are(
    first: float | None, second: float | None, expected: float | None
) -> None:
    assert values([outcome("a1", first, pair="a"), outcome("a2", second, pair="a")]) == {"a": expected}


def test_a_constant_refusal_wins_no_pair() -> None:
    # The reason for pairs: "forbidden" alone once scored 100 % by refusing everything.
    refusals = [outcome(f"{n}{side}", float(side == "b"), pair=str(n)) for n in range(10) for side in "ab"]
    assert mean_of(unit_scores(refusals, "pair")).value == 0.0
    assert mean_of(unit_scores(refusals, "item")).value == 0.5


def test_items_count_one_by_one_where_the_unit_is_the_item() -> None:
    assert values([outcome("a1", 1.0, pair="a"), outcome("a2", 0.25, pair="a")], "item") == {"a1": 1.0, "a2": 0.25}


def test_an_item_without_a_pair_stands_for_itself() -> None:
    assert values([outcome("x", 0.5)]) == {"x": 0.5}


def test_repeats_are_scored_as_pairs_first_and_averaged_then() -> None:
    tries = [outcome("a1", 1.0, pair="a"), outcome("a2", 0.0, pair="a")]
    tries += [outcome("a1", 1.0, pair="a", repeat=1), outcome("a2", 1.0, pair="a", repeat=1)]
    assert values(tries) == {"a": 0.5}


def test_a_repeat_that_was_not_scored_leaves_the_others_standing() -> None:
    tries = [outcome("a", 1.0), outcome("a", None, repeat=1), outcome("a", 0.0, repeat=2)]
    assert values(tries, "item") == {"a": 0.5}


def test_a_mean_of_nothing_is_no_mean() -> None:
    assert mean_of([]) == Mean(value=None, interval=None, n=0, unscored=0)
    assert mean_of(unit_scores([outcome("a", None)], "item")).value is None


@law
@given(st.lists(st.sampled_from([0.0, 0.25, 0.5, 1.0]), min_size=1, max_size=20), st.integers(0, 10))
def test_unscored_items_never_move_a_mean(scores: list[float], more: int) -> None:
    scored = [outcome(f"s{n}", score) for n, score in enumerate(scores)]
    gaps = [outcome(f"u{n}", None) for n in range(more)]
    bare, padded = (mean_of(unit_scores(outcomes, "item")) for outcomes in (scored, scored + gaps))
    assert (padded.value, padded.interval, padded.n) == (bare.value, bare.interval, bare.n)
    assert padded.unscored == more


@law
@given(st.lists(st.floats(0, 1), min_size=1, max_size=30))
def test_a_mean_lies_in_its_interval(scores: list[float]) -> None:
    mean = mean_of(unit_scores([outcome(str(n), score) for n, score in enumerate(scores)], "item"))
    assert mean.interval[0] <= mean.value <= mean.interval[1]


@law
@given(
    st.permutations(
        [outcome(f"{n}{side}", 1.0, pair=str(n), repeat=r) for n in range(2) for side in "ab" for r in (0, 1)]
    )
)
def test_the_order_of_the_outcomes_does_not_matter(outcomes: list[ItemOutcome]) -> None:
    assert values(outcomes) == {"0": 1.0, "1": 1.0}
