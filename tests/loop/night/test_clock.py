"""Time that no change of a wall clock moves, that counts sleep, and that a study lets pass."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from selftune.errors import UsageError
from selftune.loop.night.clock import SimulatedClock, SleepByDifference, SystemClock, local_zone, sleepless_counter

BERLIN = ZoneInfo("Europe/Berlin")


def test_the_system_clock_is_aware_and_goes_forward():
    clock = SystemClock(BERLIN)
    began = clock.elapsed()
    clock.sleep(0)
    clock.sleep(-5)
    assert clock.elapsed() >= began
    assert clock.now().tzinfo is BERLIN
    assert abs(clock.now() - datetime.now(UTC)) < timedelta(minutes=1)


@pytest.mark.skipif(not hasattr(time, "CLOCK_BOOTTIME"), reason="only Linux counts so")
def test_on_linux_seconds_are_counted_from_the_boot_those_asleep_included():
    before = time.clock_gettime(time.CLOCK_BOOTTIME)
    assert before <= sleepless_counter()() <= time.clock_gettime(time.CLOCK_BOOTTIME)


def test_simulated_time_passes_by_sleeping_alone():
    clock = SimulatedClock(datetime(2026, 3, 29, 1, 30, tzinfo=BERLIN))
    clock.sleep(3600)
    clock.sleep(-1)
    assert clock.elapsed() == 3600
    assert clock.now().isoformat() == "2026-03-29T03:30:00+02:00"


def test_a_simulated_wall_clock_can_be_set_and_no_time_passes():
    clock = SimulatedClock(datetime(2026, 11, 22, 2, 0, tzinfo=UTC))
    clock.jump(-86_400)
    assert clock.now() == datetime(2026, 11, 21, 2, 0, tzinfo=UTC)
    assert clock.elapsed() == 0


def test_a_start_without_a_zone_is_refused():
    with pytest.raises(UsageError, match="no time zone"):
        SimulatedClock(datetime(2026, 11, 22, 2, 0))  # noqa: DTZ001 - that it has none is the matter


class TwoClocks:
    """A monotonic clock that stands still in sleep, and a wall clock: fakes that are turned by hand."""

    def __init__(self):
        self.monotonic, self.wall = 100.0, 5000.0

    def run(self, seconds: float) -> None:
        self.monotonic += seconds
        self.wall += seconds


@pytest.fixture
def two():
    return TwoClocks()


@pytest.fixture
def elapsed(two):
    return SleepByDifference(lambda: two.monotonic, lambda: two.wall)


def test_without_a_clock_that_counts_sleep_what_the_wall_clock_gains_was_slept(two, elapsed):
    began = elapsed()
    two.run(60)
    two.wall += 3 * 3600
    assert elapsed() - began == pytest.approx(60 + 3 * 3600)
    two.run(60)
    assert elapsed() - began == pytest.approx(120 + 3 * 3600)


def test_a_wall_clock_that_is_set_back_or_slewed_gains_nothing(two, elapsed):
    began = elapsed()
    two.wall -= 86_400
    two.run(10)
    assert elapsed() - began == pytest.approx(10)
    two.run(10)
    two.wall += 0.4
    assert elapsed() - began == pytest.approx(20)


def test_the_zone_is_what_tz_names(tmp_path):
    assert local_zone("America/New_York") == ZoneInfo("America/New_York")
    assert local_zone(":Europe/Berlin") == BERLIN
    assert local_zone("") is UTC


def test_a_tz_that_names_nothing_is_refused_with_what_to_write():
    with pytest.raises(UsageError, match="TZ is 'Mars/Olympus'") as found:
        local_zone("Mars/Olympus")
    assert "Europe/Berlin" in found.value.next_step
    with pytest.raises(UsageError):
        local_zone("/nowhere/at/all")


def test_without_tz_the_zone_is_what_etc_localtime_is_or_utc(tmp_path, monkeypatch):
    monkeypatch.delenv("TZ", raising=False)
    assert local_zone(link=tmp_path / "missing") is UTC
    rules = tmp_path / "zoneinfo" / "Europe" / "Berlin"
    rules.parent.mkdir(parents=True)
    rules.write_bytes(_rules())
    (tmp_path / "linked").symlink_to(rules)
    assert local_zone(link=tmp_path / "linked") == BERLIN
    copied = tmp_path / "copied"
    copied.write_bytes(_rules())
    winter = datetime(2026, 1, 1, tzinfo=local_zone(link=copied))
    summer = winter.replace(month=7)
    assert (winter.utcoffset(), summer.utcoffset()) == (timedelta(hours=1), timedelta(hours=2))


def _rules() -> bytes:
    """Central Europe's rules since 1996 as a file of RFC 8536: a footer alone says them."""
    header = b"TZif2" + bytes(15)
    empty = header + (0).to_bytes(4, "big") * 4 + (1).to_bytes(4, "big") + (4).to_bytes(4, "big")
    standard = (3600).to_bytes(4, "big") + b"\x00\x00" + b"CET\x00"
    return empty + standard + empty + standard + b"\nCET-1CEST,M3.5.0,M10.5.0/3\n"
