"""A night ends when the clock on the wall was to show its hour, whatever becomes of that clock meanwhile."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from selftune.errors import UsageError
from selftune.loop.night.clock import SimulatedClock
from selftune.loop.night.window import last_time, name_night, next_time, read_time, window_for

BERLIN = ZoneInfo("Europe/Berlin")
# One of each kind: half hours, quarters, a change by half an hour, south of the equator, none, and a day left out.
ZONES = (
    "Europe/Berlin",
    "America/New_York",
    "Asia/Kathmandu",
    "Australia/Lord_Howe",
    "America/Santiago",
    "Asia/Tokyo",
    "Pacific/Apia",
    "UTC",
)
CHANGES = (
    ("Europe/Berlin", datetime(2026, 3, 29, 1, tzinfo=UTC)),
    ("Europe/Berlin", datetime(2026, 10, 25, 1, tzinfo=UTC)),
    ("America/New_York", datetime(2026, 11, 1, 6, tzinfo=UTC)),
    ("America/Santiago", datetime(2026, 4, 5, 3, tzinfo=UTC)),
    ("Australia/Lord_Howe", datetime(2026, 10, 3, 15, 30, tzinfo=UTC)),
    ("Pacific/Apia", datetime(2011, 12, 30, 10, tzinfo=UTC)),
)
anywhere = st.builds(
    lambda minutes, zone: (datetime(2009, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes)).astimezone(ZoneInfo(zone)),
    st.integers(0, 20 * 366 * 24 * 60),
    st.sampled_from(ZONES),
)
near_a_change = st.builds(
    lambda change, minutes: (change[1] + timedelta(minutes=minutes)).astimezone(ZoneInfo(change[0])),
    st.sampled_from(CHANGES),
    st.integers(-26 * 60, 15 * 60),
)
moments = anywhere | near_a_change
times = st.builds(lambda minute: f"{minute // 60:02}:{minute % 60:02}", st.integers(0, 24 * 60 - 1))


def began_at(*parts: int, zone: ZoneInfo = BERLIN, fold: int = 0) -> SimulatedClock:
    return SimulatedClock(datetime(*parts, tzinfo=zone, fold=fold))


def test_a_night_that_begins_at_two_has_three_hours_until_five():
    clock = began_at(2026, 11, 22, 2, 0)
    window = window_for(clock, "05:00")
    assert window.until == datetime(2026, 11, 22, 5, 0, tzinfo=BERLIN)
    assert window.seconds_left(clock) == 3 * 3600
    clock.sleep(2 * 3600)
    assert window.fits(3599, clock)
    assert not window.fits(3600, clock)
    clock.sleep(3600)
    assert window.seconds_left(clock) == 0
    assert not window.fits(0, clock)


def test_an_hour_that_has_passed_is_tomorrows():
    assert window_for(began_at(2026, 11, 22, 5, 0), "05:00").until == datetime(2026, 11, 23, 5, 0, tzinfo=BERLIN)


def test_the_night_in_which_clocks_go_forward_is_an_hour_shorter():
    clock = began_at(2026, 3, 29, 1, 0)
    assert window_for(clock, "05:00").seconds_left(clock) == 3 * 3600


def test_the_night_in_which_clocks_go_back_is_an_hour_longer():
    clock = began_at(2026, 10, 25, 1, 0)
    assert window_for(clock, "05:00").seconds_left(clock) == 5 * 3600


def test_an_hour_that_is_leapt_over_stops_the_night_at_the_leap():
    clock = began_at(2026, 3, 29, 1, 0)
    window = window_for(clock, "02:30")
    assert window.seconds_left(clock) == 3600
    assert window.until.isoformat() == "2026-03-29T03:00:00+02:00"


def test_an_hour_that_comes_twice_stops_the_night_when_it_comes_next():
    assert next_time(datetime(2026, 10, 25, 1, 0, tzinfo=BERLIN), "02:30").isoformat() == "2026-10-25T02:30:00+02:00"
    between = datetime(2026, 10, 25, 2, 45, tzinfo=BERLIN)
    assert next_time(between, "02:30").isoformat() == "2026-10-25T02:30:00+01:00"
    second = datetime(2026, 10, 25, 2, 45, fold=1, tzinfo=BERLIN)
    assert next_time(second, "02:30").isoformat() == "2026-10-26T02:30:00+01:00"


@given(now=moments, shown=times)
def test_the_deadline_is_ahead_by_two_days_at_most_and_shows_its_hour_unless_that_is_leapt_over(now, shown):
    found = next_time(now, shown)
    ahead = found.astimezone(UTC) - now.astimezone(UTC)
    # A day of 25 hours; 24 more where the calendar left a day out.
    assert timedelta(0) < ahead <= timedelta(hours=49)
    if found.strftime("%H:%M") != shown:
        before = (found.astimezone(UTC) - timedelta(seconds=1)).astimezone(now.tzinfo)
        assert found.utcoffset() > before.utcoffset()


@given(now=moments, shown=times)
def test_no_moment_between_shows_the_hour_before_the_deadline_does(now, shown):
    found = next_time(now, shown)
    hour, minute = read_time(shown).hour, read_time(shown).minute
    ahead = int((found.astimezone(UTC) - now.astimezone(UTC)).total_seconds() // 60)
    for minutes in range(1, ahead):
        seen = (now.astimezone(UTC) + timedelta(minutes=minutes)).astimezone(now.tzinfo)
        assert (seen.hour, seen.minute) != (hour, minute)


@given(now=moments, shown=times)
def test_between_the_last_time_and_now_no_later_day_has_come_to_its_hour(now, shown):
    last = last_time(now, shown)
    assert last.astimezone(UTC) <= now.astimezone(UTC)
    assert last_time(last, shown) == last
    following = next_time(last, shown)
    assert now.astimezone(UTC) < following.astimezone(UTC) or following.date() == last.date()


@pytest.mark.parametrize("seconds", [-86_400, 30 * 86_400, 1, -1, 3600, -3600])
def test_a_deadline_stays_where_it_was_when_the_wall_clock_is_set(seconds):
    clock = began_at(2026, 11, 22, 2, 0)
    window = window_for(clock, "05:00")
    clock.sleep(3600)
    clock.jump(seconds)
    assert window.seconds_left(clock) == 2 * 3600


def test_who_sleeps_across_the_deadline_has_no_time_left():
    clock = began_at(2026, 11, 22, 2, 0)
    window = window_for(clock, "05:00")
    clock.sleep(6 * 3600)
    assert window.seconds_left(clock) == 0
    assert not window.fits(1, clock)


@given(asleep_at=st.floats(0, 3 * 3600), more=st.floats(0, 86_400))
def test_whenever_a_machine_falls_asleep_and_sleeps_for_three_hours_nothing_begins_after_the_deadline(asleep_at, more):
    clock = began_at(2026, 11, 22, 2, 0)
    window = window_for(clock, "05:00")
    clock.sleep(asleep_at)
    clock.sleep(3 * 3600)
    clock.jump(-more)
    assert window.seconds_left(clock) == 0
    assert not window.fits(0, clock)


def test_a_night_without_an_end_has_time_for_anything():
    clock = began_at(2026, 11, 22, 2, 0)
    window = window_for(clock, None)
    assert window.until is None
    assert window.fits(1e9, clock)


def test_a_date_has_one_night_and_a_second_one_only_when_a_person_asks():
    window = window_for(began_at(2026, 11, 22, 23, 59), "05:00")
    assert name_night(window, ()) == "2026-11-22"
    assert name_night(window, {"2026-11-22"}) is None
    assert name_night(window, {"2026-11-22"}, again=True) == "2026-11-22-2"
    assert name_night(window, {"2026-11-22", "2026-11-22-2"}, again=True) == "2026-11-22-3"


@pytest.mark.parametrize("zone", ZONES)
def test_a_year_of_nights_at_half_past_two_has_one_a_date(zone):
    """Whatever clocks do: a timer that fires when the hour comes, or is leapt over, opens each date's night once."""
    now, names = datetime(2026, 1, 1, 12, 0, tzinfo=ZoneInfo(zone)), []
    for _ in range(366):
        now = next_time(now, "02:30")
        named = name_night(window_for(SimulatedClock(now), "05:00"), names)
        names += [named] if named else []
    assert len(set(names)) == len(names) >= 365


@pytest.mark.parametrize("shown", ["", "5", "24:00", "05:60", "5:00", "05:00:00", "dawn"])
def test_what_is_no_time_of_day_is_refused(shown):
    with pytest.raises(UsageError, match="no time of day"):
        window_for(began_at(2026, 11, 22, 2, 0), shown)


def test_a_moment_without_a_zone_has_no_next_hour():
    with pytest.raises(UsageError, match="no time zone"):
        next_time(datetime(2026, 11, 22), "05:00")  # noqa: DTZ001 - that it has none is the matter
