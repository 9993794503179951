"""F6: a champion and a baseline exist for each base and mode; the seed compared two bases with one baseline."""

from __future__ import annotations

from dataclasses import replace

import pytest

from selftune.loop.nodes.champions import (
    IncomparableError,
    baseline_of,
    champion_of,
    gain_over,
    worth_a_full_try,
)
from selftune.records import Experiment, ExperimentResult, Mode, digest_of

SMALL, LARGE = digest_of("the base of 9B"), digest_of("the base of 35B")
SMALL_TRY = Experiment(
    name="2026-03-01-01",
    began="2026-03-01T02:00:00+00:00",
    mode=Mode.PROXY,
    base="9B",
    base_digest=SMALL,
    lane="hyperparameters",
    proposer="grid",
    changes=("lora_rank=8",),
    result=ExperimentResult.REVERTED,
    why="0.782 is below 0.798",
    score=0.782,
    baseline=0.778,
    suite_digest=digest_of("council"),
)
LARGE_TRY = replace(
    SMALL_TRY,
    name="2026-03-01-02",
    base="35B",
    base_digest=LARGE,
    mode=Mode.FULL,
    result=ExperimentResult.KEPT,
    score=0.813,
    baseline=0.805,
)


@pytest.fixture
def store(project):
    project.store.save([SMALL_TRY, LARGE_TRY], event="tried")
    return project.store


def test_the_seeds_two_rows_have_two_baselines_and_the_large_one_is_not_held_against_the_small_ones(store) -> None:
    small, large = baseline_of(store, SMALL, Mode.PROXY), baseline_of(store, LARGE, Mode.FULL)
    assert (small.score, large.score) == (0.778, 0.805)
    assert gain_over(SMALL_TRY, small) == pytest.approx(0.004)
    assert gain_over(LARGE_TRY, large) == pytest.approx(0.008)
    with pytest.raises(IncomparableError, match="of two bases"):
        gain_over(LARGE_TRY, small)


def test_a_baseline_of_another_base_or_mode_stands_in_for_none(store) -> None:
    assert baseline_of(store, SMALL, Mode.FULL) is None
    assert baseline_of(store, digest_of("a third"), Mode.PROXY) is None


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"mode": Mode.FULL}, "modes"),
        ({"suite_digest": digest_of("another")}, "screens"),
        ({"score": None}, "measured"),
    ],
)
def test_what_no_difference_can_be_taken_of_is_refused_by_name(store, changed, named: str) -> None:
    with pytest.raises(IncomparableError, match=named):
        gain_over(replace(SMALL_TRY, **changed), baseline_of(store, SMALL, Mode.PROXY))


def test_the_champion_of_a_base_is_the_last_try_that_was_kept_on_it(store) -> None:
    assert champion_of(store, SMALL, Mode.PROXY) is None
    store.save([replace(LARGE_TRY, name="2026-03-02-01", changes=("lora_rank=4",))], event="tried")
    assert champion_of(store, LARGE, Mode.FULL).name == "2026-03-02-01"


def test_a_kept_try_of_a_base_that_stands_in_is_worth_a_full_one_until_it_had_one(store) -> None:
    kept = replace(SMALL_TRY, name="2026-03-03-01", changes=("epochs=2",), result=ExperimentResult.KEPT)
    again = replace(kept, name="2026-03-03-02", changes=LARGE_TRY.changes)
    store.save([kept, again], event="tried")
    assert [one.name for one in worth_a_full_try(store, LARGE)] == ["2026-03-03-01"], "the other had its full try"
