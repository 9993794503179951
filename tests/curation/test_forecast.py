"""How many lessons are enough, reckoned before anything is trained."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from selftune.curation.forecast import (
    FEWEST,
    MOST,
    Curve,
    days_until,
    fit_curve,
    lessons_needed,
    rate_per_day,
    trigger_for,
)

PRIOR = Curve()


def errors_left(lessons: int, curve: Curve) -> float:
    """The share of the errors that is left after so many lessons, as the module's formula says."""
    return (1 + lessons / curve.scale) ** -curve.steepness


def test_a_worked_example_by_hand():
    # Half the suite fails, a gain of 0.15 can be seen: 0.35 / 0.5 = 0.7 of the errors may stay.
    # (1 + n / 40) ** -0.5 = 0.7 at n = 40 * (1 / 0.49 - 1) = 41.6.
    assert lessons_needed(learnt=0, errors=0.5, detectable=0.15, curve=PRIOR) == 42


def test_the_prior_promises_less_than_both_demos_kept():
    assert errors_left(60, PRIOR) > 0.37
    assert errors_left(260, PRIOR) > 0.11


def test_where_few_errors_are_left_no_number_of_lessons_can_be_seen():
    assert lessons_needed(learnt=260, errors=0.06, detectable=0.067, curve=PRIOR) is None
    assert trigger_for(None) == MOST


@given(st.integers(0, 5000), st.floats(0.05, 1), st.floats(0.01, 0.9), st.floats(1, 500))
def test_so_many_lessons_show_the_gain_and_one_fewer_does_not(learnt, errors, part, scale):
    detectable, curve = errors * part, Curve(scale=scale)
    needed = lessons_needed(learnt=learnt, errors=errors, detectable=detectable, curve=curve)
    now = errors_left(learnt, curve)

    def gain(lessons: int) -> float:
        return errors * (1 - errors_left(learnt + lessons, curve) / now)

    assert gain(needed) >= detectable - 1e-6
    assert gain(needed - 1) < detectable + 1e-6


@given(st.integers(1, 2000), st.floats(0.01, 0.99))
def test_a_run_of_its_own_puts_the_curve_through_what_it_showed(lessons, left):
    assert errors_left(lessons, fit_curve(lessons, left, PRIOR)) == pytest.approx(left)


@pytest.mark.parametrize(("lessons", "left"), [(100, 1.0), (100, 1.3), (100, 0.0), (0, 0.5)])
def test_a_run_that_shows_no_curve_leaves_the_one_before(lessons, left):
    assert fit_curve(lessons, left, PRIOR) == PRIOR


def test_the_more_was_learnt_the_more_new_lessons_it_takes():
    needed = [lessons_needed(learnt=n, errors=0.5, detectable=0.1, curve=PRIOR) for n in (0, 50, 500)]
    assert needed == sorted(needed)
    assert [trigger_for(each) for each in needed] == [23, 51, min(needed[2], MOST)]
    assert trigger_for(3) == FEWEST


def test_the_rate_is_what_came_in_over_the_days_that_it_took():
    assert rate_per_day([f"2026-01-{day:02}T08:00:00+00:00" for day in (1, 2, 3, 5)]) == 0.75
    assert rate_per_day(["2026-01-01T08:00:00+00:00", "2026-01-01T20:00:00+00:00"]) is None
    assert rate_per_day([]) is None


def test_days_are_counted_up_and_unknown_where_the_rate_is():
    assert [days_until(17, rate) for rate in (3.0, 0.75, None, 0.0)] == [6, 23, None, None]
    assert days_until(0, None) == 0
