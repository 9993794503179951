"""A tenth of the campaign of alarms: ordinary histories are left alone as often as promised, planted ones are found."""

from __future__ import annotations

import pytest

from selftune.app.campaigns.alarm_worlds import KINDS
from selftune.app.campaigns.alarms import (
    ALARMS,
    HISTORIES,
    LEAST_FOUND,
    MOST_FALSE,
    collapses,
    false_holds,
    found,
    picks_held,
    wordings_held,
)
from selftune.app.campaigns.comparisons import most_by_chance

TENTH = HISTORIES // 10
MISSED = most_by_chance(TENTH, 1 - LEAST_FOUND)


@pytest.mark.parametrize("alarm", ALARMS, ids=lambda alarm: alarm.name)
def test_ordinary_histories_are_left_alone(alarm):
    held = false_holds(alarm, TENTH)
    assert set(held) == set(KINDS)
    assert sum(held.values()) <= most_by_chance(TENTH, MOST_FALSE)


@pytest.mark.parametrize(
    ("alarm", "case"),
    [(alarm, case) for alarm in ALARMS for case in alarm.finds],
    ids=lambda one: getattr(one, "name", one),
)
def test_planted_histories_are_found(alarm, case):
    assert found(alarm, case, TENTH) >= TENTH - MISSED


def test_ordinary_answers_are_left_alone_and_collapsed_ones_are_found():
    assert collapses(6) == 0
    assert all(collapses(3, case) >= 2 for case in ("stock phrases", "one text", "the judge's manner"))


def test_evidence_from_the_end_or_of_the_best_is_held_and_evidence_from_anywhere_is_not():
    assert picks_held(TENTH, "at random") <= most_by_chance(TENTH, MOST_FALSE)
    assert picks_held(TENTH, "from the end") == picks_held(TENTH, "of the best") == TENTH


def test_ordinary_wording_of_an_archive_is_left_alone_and_one_manner_for_all_is_found():
    assert wordings_held(TENTH) <= most_by_chance(TENTH, MOST_FALSE)
    assert all(wordings_held(TENTH, name) >= TENTH - MISSED for name in ("stock", "opening", "distinct"))
