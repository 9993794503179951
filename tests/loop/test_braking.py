"""While a command works, the brake ends a training at its next safe place, and the command says who stopped it."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from selftune.errors import NotYet, WaitingForPersonError
from selftune.governance.brake.at_work import AT_WORK
from selftune.governance.brake.file import new_stop, put_on
from selftune.interrupts import asked_to_stop
from selftune.loop.night.clock import SimulatedClock
from selftune.loop.night.night import run_night
from selftune.loop.night.shift import Surroundings
from selftune.loop.runner import hold_lease, why_stopped

STOP = new_stop("ana", "I want to look.", "2026-11-22T01:00:00+00:00")


def test_a_training_hears_the_brake_while_its_command_holds_the_lease(project):
    with hold_lease(project), asked_to_stop() as asked:
        assert not asked()
        put_on(project.hidden, STOP)
        assert asked()
    with asked_to_stop() as asked:
        assert not asked(), "the wish outlived its command"


def test_a_command_that_works_has_said_so_and_takes_it_back(project):
    with hold_lease(project):
        assert len(list((project.hidden / AT_WORK).iterdir())) == 1
    assert list((project.hidden / AT_WORK).iterdir()) == []


def test_why_work_ended_is_the_brake_where_that_is_on(project):
    halt = NotYet("training stopped at step 3.", next_step="Go on.")
    assert why_stopped(project, halt) is halt
    put_on(project.hidden, STOP)
    braked = why_stopped(project, halt)
    assert isinstance(braked, WaitingForPersonError)
    with pytest.raises(WaitingForPersonError, match=r"I want to look\."):
        raise braked


class StoppedClock(SimulatedClock):
    """A simulated clock; while somebody sleeps by it, a person looks who is at work and stops it."""

    def __init__(self, hidden):
        super().__init__(datetime(2026, 11, 21, 20, 0, tzinfo=UTC))
        self.hidden, self.seen = hidden, 0

    def sleep(self, seconds):
        self.seen += len(list((self.hidden / AT_WORK).iterdir()))
        put_on(self.hidden, STOP)
        super().sleep(seconds)


def test_a_night_that_waits_for_its_hour_is_at_work_and_is_stopped(project, tmp_path):
    clock = StoppedClock(project.hidden)
    with pytest.raises(WaitingForPersonError, match=r"I want to look\."):
        run_night(project, around=Surroundings(clock=clock, locks=tmp_path))
    assert clock.seen == 1
