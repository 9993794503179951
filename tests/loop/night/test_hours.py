"""A night begins at its hour, is caught up with where it was missed, and sleeps until then."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from selftune.errors import NothingNewError
from selftune.loop.executor import Silent
from selftune.loop.night.alarms import note_began, note_timer
from selftune.loop.night.clock import SimulatedClock
from selftune.loop.night.shift import Wishes, wait_for_hours
from selftune.loop.night.window import window_for

BERLIN = ZoneInfo("Europe/Berlin")


class CountedClock(SimulatedClock):
    """A simulated clock that counts how often somebody sleeps."""

    naps = 0

    def sleep(self, seconds: float) -> None:
        self.naps += 1
        super().sleep(seconds)


def at(*parts: int) -> CountedClock:
    return CountedClock(datetime(*parts, tzinfo=BERLIN))


def begins(project, clock, **wishes) -> str:
    """When a night that is asked for now begins, by the wall clock."""
    wait_for_hours(project, Wishes(**wishes), clock, Silent())
    return f"{clock.now():%m-%d %H:%M}"


def test_a_night_that_is_asked_for_in_the_evening_waits_for_its_hour_in_one_sleep(project):
    clock = at(2026, 11, 21, 20, 0)
    assert begins(project, clock) == "11-22 02:00"
    assert clock.naps == 1


def test_in_its_hours_it_begins_at_once_and_by_hand_at_any_hour(project):
    assert begins(project, at(2026, 11, 22, 4, 59)) == "11-22 04:59"
    assert begins(project, at(2026, 11, 21, 20, 0), now=True) == "11-21 20:00"


def test_in_the_night_in_which_clocks_go_forward_it_begins_at_the_leap_and_not_an_hour_later(project):
    """02:00 is never shown that night: the clock leaps from 01:59 to 03:00."""
    assert begins(project, at(2026, 3, 28, 22, 0)) == "03-29 03:00"
    later = replace(project, config=replace(project.config, nightly=replace(project.config.nightly, at="03:30")))
    assert begins(later, at(2026, 3, 28, 22, 0)) == "03-29 03:30"


def test_in_the_night_in_which_clocks_go_back_it_begins_when_its_hour_comes_first(project):
    clock = at(2026, 10, 24, 22, 0)
    assert begins(project, clock) == "10-25 02:00"
    assert clock.now().fold == 0


def test_a_missed_night_is_caught_up_with_at_any_hour(project):
    note_timer(project, scheduler="cron", at="02:00", missed="catch_up", now=datetime(2026, 11, 1, tzinfo=BERLIN))
    assert begins(project, at(2026, 11, 21, 9, 17), catch_up=True) == "11-21 09:17"


def test_a_night_that_has_begun_was_not_missed(project):
    night = at(2026, 11, 21, 2, 0)
    note_began(project, "2026-11-21", window_for(night, "05:00"))
    with pytest.raises(NothingNewError, match="not missed"):
        begins(project, at(2026, 11, 21, 9, 17), catch_up=True)
    assert begins(project, at(2026, 11, 22, 9, 17), catch_up=True) == "11-22 09:17"


def test_a_timer_that_is_written_in_the_morning_has_missed_nothing_yet(project):
    note_timer(project, scheduler="cron", at="02:00", missed="catch_up", now=datetime(2026, 11, 21, 9, tzinfo=BERLIN))
    with pytest.raises(NothingNewError, match="not missed"):
        begins(project, at(2026, 11, 21, 9, 17), catch_up=True)
