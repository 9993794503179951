"""Windows and phases of an archive: derived from columns, each session counted once."""

from __future__ import annotations

import random
from statistics import fmean

import pytest
from hypothesis import given
from hypothesis import strategies as st

from selftune.errors import UnknownNameError
from selftune.governance.archive.filing import missing_numbers
from selftune.governance.archive.phases import phases_of
from selftune.governance.archive.series import measures_of, series_of, values_of
from selftune.store.sessions import SessionFacts


def facts(number, *, flags=(), scores=None, **words) -> SessionFacts:
    held = {"words": 10, "distinct_pairs": 0.5, "repeated": 0.0, "opening": 1, "ending": 2, "stock": 0} | words
    return SessionFacts(
        sequence=number, session_id=f"session:{number}", programme="p", number=number, happened_at=None, flags=flags,
        scores=scores or {}, reward=None, attempts=1, **held,
    )  # fmt: skip


def history(*levels, each=400, seed=0):
    """Sessions that are flagged so often, one level after the other."""
    draw = random.Random(seed)
    chances = [level for level in levels for _ in range(each)]
    return [facts(n, flags=("x",) * (draw.random() < chance)) for n, chance in enumerate(chances, start=1)]


@given(st.integers(0, 400), st.integers(0, 60))
def test_every_session_is_in_one_window_and_they_follow_each_other(count, size):
    rows = [facts(3 * n) for n in range(count)]
    windows = series_of(rows, size=size)
    assert sum(window.n for window in windows) == count
    edges = [edge for window in windows for edge in (window.first, window.last)]
    assert edges == sorted(edges)
    assert all(window.n >= min(count, size or 10) for window in windows)


def test_a_window_tells_means_over_the_sessions_that_have_a_value():
    rows = [
        facts(1, flags=("a", "b"), scores={"style": 0.5}),
        facts(2, scores={"style": 1.0, "tone": 0.25}, stock=2),
        facts(3, words=None, distinct_pairs=None, repeated=None, opening=None, ending=None, stock=None),
        facts(4, opening=9),
    ]
    (window,) = series_of(rows)
    assert (window.first, window.last, window.n, window.flagged) == (1, 4, 4, 1)
    assert {name: (one.mean, one.n) for name, one in window.scores} == {"style": (0.75, 2), "tone": (0.25, 1)}
    wording = {name: (one.mean, one.n) for name, one in window.wording}
    assert wording["words"] == (10, 3)
    assert wording["stock"] == (pytest.approx(2 / 3), 3)
    assert wording["opening"] == (pytest.approx(2 / 3), 3)
    assert wording["ending"] == (1.0, 3)


def test_one_measure_is_followed_and_what_was_not_measured_is_none():
    windows = series_of([facts(n, scores={"tone": 0.5} if n > 10 else {}) for n in range(1, 21)], size=10)
    assert values_of(windows, "tone") == (None, 0.5)
    assert values_of(windows, "scores") == (None, 0.5)
    assert values_of(windows, "flags") == (0.0, 0.0)
    assert measures_of(windows) == (
        "flags", "scores", "tone", "words", "distinct", "repeated", "stock", "opening", "ending",
    )  # fmt: skip
    with pytest.raises(UnknownNameError, match="tome"):
        values_of(windows, "tome")


def test_a_programme_that_changes_twice_has_three_phases_near_the_places_of_the_changes():
    found = phases_of(history(0.05, 0.4, 0.0))
    assert len(found.found) == 3
    first, second, third = found.found
    assert abs(second.whole.first - 401) <= 24
    assert abs(third.whole.first - 801) <= 24
    assert first.p_value is None
    assert second.p_value is not None
    assert second.p_value < 0.01
    assert sum(phase.whole.n for phase in found.found) == 1200
    low, high = second.flag_interval
    assert low < 0.4 < high
    assert "100 windows of 12 sessions" in found.method


def test_a_level_programme_has_one_phase_and_so_has_a_short_one():
    hits = sum(len(phases_of(history(0.2, seed=seed, each=600)).found) > 1 for seed in range(20))
    assert hits <= 2  # at a level of 99 %: more than 2 of 20 come by chance once in 1000
    assert len(phases_of(history(0.0, each=3)).found) == 1


def test_phases_can_be_told_by_a_score_with_intervals_that_hold_its_mean():
    draw = random.Random(1)
    rows = [facts(n, scores={"tone": draw.gauss(0.3 if n <= 500 else 0.8, 0.1)}) for n in range(1, 701)]
    found = phases_of(rows, measure="tone")
    assert [phase.whole.n for phase in found.found] == [500, 200]
    for phase, level in zip(found.found, (0.3, 0.8), strict=True):
        ((_, interval),) = phase.score_intervals
        ((_, mean),) = phase.whole.scores
        assert interval is not None
        assert interval[0] < mean.mean < interval[1]
        assert abs(mean.mean - level) < 0.02
        assert interval[1] - interval[0] < 0.05


def test_the_means_of_all_phases_make_up_the_mean_of_all():
    rows = history(0.05, 0.4)
    found = phases_of(rows)
    assert sum(phase.whole.flagged for phase in found.found) == sum(bool(row.flags) for row in rows)
    assert fmean(phase.whole.flagged for phase in found.found) > 0


@given(st.sets(st.integers(0, 200)))
def test_gaps_and_numbers_together_leave_nothing_out(numbers):
    ordered = sorted(numbers)
    missing = [number for first, last in missing_numbers(ordered) for number in range(first, last + 1)]
    assert sorted([*ordered, *missing]) == (list(range(ordered[0], ordered[-1] + 1)) if ordered else [])
