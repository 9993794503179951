"""The project's lease while a command works: it is kept alive, and on a full disk it is neither lost nor in the way."""

from __future__ import annotations

import threading

import pytest
from filelock import FileLock

from selftune.errors import BudgetError
from selftune.loop import runner
from selftune.loop.runner import LEASE_NAME, hold_lease

FULL = BudgetError("the fake disk is full.", next_step="Free some disk space.")


def test_a_heartbeat_that_a_full_disk_refused_is_given_again(project, monkeypatch):
    monkeypatch.setattr(runner, "LEASE_SECONDS", 0.04)
    beaten, refusals = threading.Event(), [FULL, FULL]

    def beat():
        if refusals:
            raise refusals.pop()
        beaten.set()

    with hold_lease(project) as lease:
        monkeypatch.setattr(lease, "heartbeat", beat)
        assert beaten.wait(60)


def test_a_lease_that_a_full_disk_keeps_from_being_written_back_still_lets_go_of_its_lock(project, monkeypatch):
    def refuse(*_):
        raise FULL

    with pytest.raises(BudgetError), hold_lease(project):
        monkeypatch.setattr("selftune.store.lease.writing", refuse)
    with FileLock(project.hidden / f"{LEASE_NAME}.lock").acquire(timeout=0):
        pass
