"""While a command works, the brake ends a training at its next safe place, and the command says who stopped it."""

from __future__ import annotations

import pytest

from selftune.errors import NotYet, WaitingForPersonError
from selftune.governance.brake.at_work import AT_WORK
from selftune.governance.brake.file import new_stop, put_on
from selftune.interrupts import asked_to_stop
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
