"""An item that weighs more counts more, and makes nothing look surer than it is."""

from __future__ import annotations

import json

import pytest
from gate_worlds import make_evaluation, make_suite
from hypothesis import given, settings
from hypothesis import strategies as st

from selftune.app.scores.base import Asked
from selftune.app.scores.ours import OurEvaluations
from selftune.errors import UsageError
from selftune.gate.comparison import Comparison, PairedUnit
from selftune.records import ItemOutcome, encode_record
from selftune.scoring.units import UnitScore, mean_of, unit_scores
from selftune.testing import fake_build

law = settings(deadline=None, max_examples=60)
scores = st.sampled_from([0.0, 0.25, 0.5, 1.0])
weights = st.sampled_from([0.5, 1.0, 2.0, 5.0])


def compared(rows: list[tuple[float, float, float]]) -> Comparison:
    return Comparison(
        kind="item",
        units=tuple(
            PairedUnit(key=str(place), category="c", agent=None, champion=old, candidate=new, weight=weight)
            for place, (old, new, weight) in enumerate(rows)
        ),
    )


def test_the_difference_is_the_weighted_mean() -> None:
    comparison = compared([(0.0, 1.0, 3.0), (1.0, 0.0, 1.0), (0.5, 0.5, 1.0), (0.0, 0.5, 1.0)])
    for found in (comparison.gain(0.95), comparison.difference(0.95)):
        assert found is not None
        assert found.mean == pytest.approx((3 - 1 + 0 + 0.5) / 6)
        assert (found.n, found.gained, found.lost) == (4, 2, 1)


@law
@given(rows=st.lists(st.tuples(scores, scores), min_size=2, max_size=12), weight=weights)
def test_one_weight_for_all_changes_nothing(rows: list[tuple[float, float]], weight: float) -> None:
    plain = compared([(old, new, 1.0) for old, new in rows])
    heavy = compared([(old, new, weight) for old, new in rows])
    assert plain.gain(0.95) == heavy.gain(0.95)
    assert plain.difference(0.95) == heavy.difference(0.95)


@law
@given(rows=st.lists(st.tuples(scores, scores, weights), min_size=2, max_size=12))
def test_the_intervals_hold_the_mean_and_stay_within_what_the_heaviest_allows(
    rows: list[tuple[float, float, float]],
) -> None:
    comparison = compared(rows)
    for found in (comparison.gain(0.95), comparison.difference(0.95)):
        assert found is not None
        low, high = found.interval
        assert low <= high
        assert -comparison.widest - 1e-9 <= low
        assert high <= comparison.widest + 1e-9
    gain = comparison.gain(0.95)
    assert gain is not None
    assert gain.interval[0] - 1e-9 <= gain.mean <= gain.interval[1] + 1e-9


def test_one_heavy_item_proves_nothing_by_itself() -> None:
    comparison = compared([(0.0, 1.0, 100.0), *[(0.5, 0.5, 1.0)] * 50])
    found = comparison.gain(0.95)
    assert found is not None
    assert found.mean > 0.6
    assert found.interval[0] <= 0


def unit(value: float | None, weight: float) -> UnitScore:
    return UnitScore(key="k", category="c", difficulty="easy", agent=None, value=value, weight=weight)


def test_an_arm_s_mean_is_weighted_and_its_interval_that_of_fewer_equal_units() -> None:
    equal = mean_of([unit(1.0, 2.0)] * 10 + [unit(0.0, 2.0)] * 10)
    assert equal == mean_of([unit(1.0, 1.0)] * 10 + [unit(0.0, 1.0)] * 10)
    heavy = mean_of([unit(1.0, 10.0), *[unit(0.0, 1.0)] * 19, unit(None, 50.0)])
    assert heavy.value == pytest.approx(10 / 29)
    assert (heavy.n, heavy.unscored) == (20, 1)
    assert heavy.interval is not None
    assert equal.interval is not None
    # Kish: 29 squared over 119 is 7.07 equal units, so that the interval is wider than that of twenty.
    assert heavy.interval[1] - heavy.interval[0] > equal.interval[1] - equal.interval[0]


def test_a_pair_weighs_as_its_items_do_on_average() -> None:
    pair = [
        ItemOutcome(
            item_id=side, category="c", difficulty="easy", score=1.0, answer="", reasons=(), pair="p", weight=weight
        )
        for side, weight in (("a", 1.0), ("b", 3.0))
    ]
    assert [one.weight for one in unit_scores(pair, "pair")] == [2.0]


def test_the_referee_refuses_what_it_would_count_wrongly(tmp_path) -> None:
    suite = make_suite(pairs=2)
    evaluation = make_evaluation(fake_build("a"), suite, {item.pair or "": True for item in suite.items})
    record = json.loads(encode_record(evaluation))
    record["outcomes"][0]["weight"] = 3.0
    path = tmp_path / "a.json"
    path.write_text(json.dumps(record), encoding="utf-8")
    with pytest.raises(UsageError, match="weigh unequally"):
        OurEvaluations().read(path, Asked())
