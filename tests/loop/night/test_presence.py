"""A laptop's night waits for its plug and for its person to be away, and ends when they come back."""

from __future__ import annotations

import os
from datetime import UTC, datetime

import pytest

from selftune.interrupts import asked_to_stop, stopped_by
from selftune.loop.config import OnlyWhen
from selftune.loop.night.clock import SimulatedClock
from selftune.loop.night.presence import (
    Policy,
    Power,
    Presence,
    Watch,
    idle_by_ioreg,
    idle_by_logind,
    idle_by_terminals,
    look_here,
    objection,
    policy_of,
    read_power,
    wait_until_allowed,
)
from selftune.loop.night.window import window_for

QUARTER = 15 * 60.0
LAPTOP = Policy(only_when=OnlyWhen.PLUGGED_IN_AND_IDLE, idle_seconds=QUARTER)


def seen(*, plugged_in: bool | None = True, idle: float | None = QUARTER) -> Presence:
    return Presence(power=Power(battery=True, plugged_in=plugged_in), idle_seconds=idle)


class FakePerson:
    """Somebody who is at a machine between given seconds of a simulated clock, and pulls its plug between others."""

    def __init__(self, clock, *, there=(), unplugged=()):
        self.clock, self.there, self.unplugged, self.looks = clock, there, unplugged, 0

    def look(self) -> Presence:
        self.looks += 1
        now = self.clock.elapsed()
        touched = [min(now, end) for start, end in self.there if start <= now]
        return seen(
            plugged_in=not any(start <= now < end for start, end in self.unplugged),
            idle=now - max(touched) if touched else float("inf"),
        )


@pytest.fixture
def clock():
    return SimulatedClock(datetime(2026, 11, 22, 2, 0, tzinfo=UTC))


@pytest.mark.parametrize(
    ("only_when", "presence", "why"),
    [
        (OnlyWhen.ALWAYS, seen(plugged_in=False, idle=0), ""),
        (OnlyWhen.PLUGGED_IN, seen(idle=0), ""),
        (OnlyWhen.PLUGGED_IN, seen(plugged_in=False), "it runs on its battery"),
        (OnlyWhen.PLUGGED_IN, seen(plugged_in=None), "whether it is plugged in can't be told"),
        (OnlyWhen.PLUGGED_IN_AND_IDLE, seen(), ""),
        (OnlyWhen.PLUGGED_IN_AND_IDLE, seen(idle=QUARTER - 1), "somebody is at it"),
        (OnlyWhen.PLUGGED_IN_AND_IDLE, seen(idle=None), "whether somebody is at it can't be told"),
        (OnlyWhen.PLUGGED_IN_AND_IDLE, seen(plugged_in=False), "it runs on its battery"),
    ],
)
def test_what_can_not_be_told_counts_as_a_no(only_when, presence, why):
    assert objection(Policy(only_when=only_when, idle_seconds=QUARTER), presence) == why


def test_a_machine_with_a_battery_waits_for_its_person_unless_told_otherwise():
    battery, mains = Power(battery=True, plugged_in=True), Power(battery=False, plugged_in=True)
    assert policy_of(OnlyWhen.AUTO, 15, battery) == LAPTOP
    assert policy_of(OnlyWhen.AUTO, 15, mains).only_when is OnlyWhen.ALWAYS
    assert policy_of(OnlyWhen.ALWAYS, 15, battery).only_when is OnlyWhen.ALWAYS


def test_a_person_who_comes_back_has_the_machine_within_two_seconds(clock):
    """Steps of a training of 0.2 simulated seconds each; the person touches the machine at second 100."""
    person = FakePerson(clock, there=[(100.0, 200.0)])
    watch = Watch(LAPTOP, person.look, clock.elapsed)
    with stopped_by(watch), asked_to_stop() as stop:
        while not stop():
            clock.sleep(0.2)
    assert 0 <= clock.elapsed() - 100 <= 2
    assert watch.why == "somebody is at it"
    assert person.looks <= 2 * clock.elapsed() + 1


def test_a_wish_to_stop_stays_when_the_person_has_gone_again(clock):
    person = FakePerson(clock, there=[(0.0, 1.0)])
    watch = Watch(LAPTOP, person.look, clock.elapsed)
    assert watch()
    clock.sleep(3600)
    assert watch()
    assert person.looks == 1


def test_pulling_the_plug_ends_a_training_too(clock):
    watch = Watch(LAPTOP, FakePerson(clock, unplugged=[(0.0, 9.0)]).look, clock.elapsed)
    assert watch()
    assert watch.why == "it runs on its battery"


def test_where_a_night_may_always_run_nobody_is_looked_at(clock):
    person = FakePerson(clock, there=[(0.0, 9.0)])
    watch = Watch(Policy(only_when=OnlyWhen.ALWAYS, idle_seconds=0), person.look, clock.elapsed)
    assert not watch()
    assert person.looks == 0


def test_a_night_goes_on_when_the_machine_was_left_alone_for_a_quarter_of_an_hour(clock):
    person = FakePerson(clock, there=[(0.0, 3000.0)])
    assert wait_until_allowed(clock, window_for(clock, "05:00"), LAPTOP, person.look)
    assert 3000 + QUARTER <= clock.elapsed() <= 3000 + QUARTER + 60
    # One look for each quarter of an hour in which somebody is there, not one a second.
    assert person.looks <= 6


def test_a_plug_is_looked_for_once_a_minute_and_why_is_told_once(clock):
    person, told = FakePerson(clock, unplugged=[(0.0, 600.0)], there=[(590.0, 630.0)]), []
    assert wait_until_allowed(clock, window_for(clock, "05:00"), LAPTOP, person.look, told=told.append)
    assert 630 + QUARTER <= clock.elapsed() <= 630 + QUARTER + 60
    assert person.looks == 13
    assert told == ["Waiting: it runs on its battery.", "Waiting: somebody is at it."]


def test_a_machine_that_is_never_left_alone_trains_nothing_and_the_waiting_ends_at_the_deadline(clock):
    person = FakePerson(clock, there=[(0.0, 1e9)])
    assert not wait_until_allowed(clock, window_for(clock, "05:00"), LAPTOP, person.look)
    assert clock.elapsed() == 3 * 3600


def test_who_wakes_up_after_the_deadline_is_not_let_in(clock):
    window = window_for(clock, "05:00")
    clock.sleep(3 * 3600)
    assert not wait_until_allowed(clock, window, LAPTOP, FakePerson(clock).look)


def test_the_waiting_can_be_stopped(clock):
    person = FakePerson(clock, there=[(0.0, 1e9)])
    window = window_for(clock, "05:00")
    assert not wait_until_allowed(clock, window, LAPTOP, person.look, lambda: clock.elapsed() > 1000)
    assert clock.elapsed() < 3600


def supply(folder, name: str, **files: str) -> None:
    (folder / name).mkdir()
    for file, text in files.items():
        (folder / name / file).write_text(f"{text}\n", encoding="ascii")


def test_a_laptop_on_its_mains_adapter_is_plugged_in(tmp_path):
    supply(tmp_path, "AC", type="Mains", online="1")
    supply(tmp_path, "BAT0", type="Battery", status="Charging")
    assert read_power(tmp_path) == Power(battery=True, plugged_in=True)


def test_a_laptop_charged_by_one_of_its_usb_ports_is_plugged_in(tmp_path):
    supply(tmp_path, "AC", type="Mains", online="0")
    supply(tmp_path, "ucsi", type="USB", online="1")
    supply(tmp_path, "BAT0", type="Battery", status="Not charging")
    assert read_power(tmp_path) == Power(battery=True, plugged_in=True)


def test_a_laptop_off_its_adapter_is_not(tmp_path):
    supply(tmp_path, "AC", type="Mains", online="0")
    supply(tmp_path, "BAT0", type="Battery", status="Discharging")
    assert read_power(tmp_path) == Power(battery=True, plugged_in=False)


@pytest.mark.parametrize(("status", "plugged_in"), [("Discharging", False), ("Full", True), ("Unknown", None)])
def test_without_an_adapter_that_tells_the_battery_does(tmp_path, status, plugged_in):
    supply(tmp_path, "BAT0", type="Battery", status=status)
    assert read_power(tmp_path) == Power(battery=True, plugged_in=plugged_in)


def test_the_battery_of_a_mouse_makes_no_laptop(tmp_path):
    supply(tmp_path, "hidpp_battery_0", type="Battery", scope="Device", status="Discharging")
    assert read_power(tmp_path) == Power(battery=False, plugged_in=True)


def test_where_the_kernel_has_no_such_files_psutil_tells(tmp_path):
    told = read_power(tmp_path / "none")
    assert told.battery or told.plugged_in


def test_a_supply_that_does_not_answer_says_nothing(tmp_path):
    supply(tmp_path, "BAT0", type="Battery")
    (tmp_path / "BAT0" / "status").mkdir()
    assert read_power(tmp_path) == Power(battery=True, plugged_in=None)


def test_logind_tells_since_when_all_sessions_are_idle():
    assert idle_by_logind("IdleHint=yes\nIdleSinceHintMonotonic=60000000\n", 960.0) == 900
    assert idle_by_logind("IdleHint=no\nIdleSinceHintMonotonic=60000000\n", 960.0) == 0
    assert idle_by_logind("IdleHint=yes\nIdleSinceHintMonotonic=0\n", 960.0) == float("inf")


@pytest.mark.parametrize("said", ["", "IdleHint=yes\n", "IdleHint=perhaps\nIdleSinceHintMonotonic=5", "nonsense"])
def test_a_logind_that_says_nothing_is_not_taken_for_an_absence(said):
    assert idle_by_logind(said, 960.0) is None


def test_a_mac_tells_the_nanoseconds_since_its_last_key():
    """As the tool's manual has it; NOT VERIFIED on a Mac."""
    assert idle_by_ioreg('  | "HIDIdleTime" = 901000000000\n  |   "HIDIdleTime" = 902000000000') == 901
    assert idle_by_ioreg("") is None


def test_a_terminal_tells_when_its_last_key_was_hit(tmp_path):
    for name, read_at in (("0", 100), ("1", 340), ("ptmx", 900)):
        (tmp_path / name).touch()
        os.utime(tmp_path / name, (read_at, 950))
    assert idle_by_terminals(tmp_path, 1000.0) == 660
    assert idle_by_terminals(tmp_path / "none", 1000.0) is None


def test_this_machine_says_something_about_itself():
    here = look_here()
    assert here.power.battery in {True, False}
    assert here.idle_seconds is None or here.idle_seconds >= 0
