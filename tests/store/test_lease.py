"""Leases: one live holder, a dead one does not block, one that was robbed can't write."""

from __future__ import annotations

import os
import socket
import subprocess
import sys

import psutil
import pytest
from kept_records import PATH, rubric, tamper

from selftune.errors import LockedError
from selftune.store import Store
from selftune.store.lease import Identity

ELSEWHERE = Identity(host="another-host", pid=1, started=1.0)

# Takes the lease, says so, and waits to be ended.
HOLD = """
import sys
sys.path.insert(0, sys.argv[2])
from kept_records import open_store
store = open_store(sys.argv[1])
store.acquire_lease("cycle", "nightly run", 3600)
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def holder(project):
    """Another process that holds the lease; dead when the test is over."""
    child = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(project), PATH], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert child.stdout.readline() == "held\n"
    yield child
    child.kill()
    child.communicate()


def test_a_held_lease_is_refused_and_the_holder_is_named(project, holder):
    with Store.open(project) as store, pytest.raises(LockedError) as found:
        store.acquire_lease("cycle", "me")
    assert f"nightly run (process {holder.pid} on {socket.gethostname()}) has held 'cycle' since 20" in str(found.value)
    assert found.value.exit_code == 6


def test_the_lease_of_a_killed_process_is_taken_over_at_once(project, holder):
    holder.kill()
    holder.wait()
    with Store.open(project) as store, store.acquire_lease("cycle", "me") as lease:
        assert lease.token == 2
        store.note("still ours")


@pytest.mark.sqlite_only
def test_other_names_are_not_held(project, holder):
    with Store.open(project) as store, store.acquire_lease("serve", "me") as lease:
        assert lease.token == 1
    assert holder.poll() is None


def test_a_lease_is_not_given_twice_within_one_process(store):
    with store.acquire_lease("cycle", "me"), pytest.raises(LockedError, match="me"):
        store.acquire_lease("cycle", "me again")
    with store.acquire_lease("cycle", "me again") as lease:
        assert lease.token == 2


def test_a_lease_that_is_being_taken_has_no_name_yet(store, project):
    with store.acquire_lease("cycle", "me"):
        tamper(project, "DELETE FROM leases")
        with Store.open(project) as other, pytest.raises(LockedError, match="just taking"):
            other.acquire_lease("cycle", "you")
        tamper(project, "INSERT INTO leases (name, token) VALUES ('cycle', 1)")


def test_closing_the_store_lets_its_leases_go(project):
    with Store.open(project) as store:
        store.acquire_lease("cycle", "me")
    with Store.open(project) as store:
        assert store.acquire_lease("cycle", "you").token == 2


def take_from_elsewhere(store, ttl_seconds: float) -> None:
    """A holder on another host: the row stays, this host's file lock is free."""
    lease = store.acquire_lease("cycle", "they", ttl_seconds, identity=ELSEWHERE)
    lease._lock.release()
    store._leases.clear()


def test_a_holder_on_another_host_blocks_until_its_time_is_over(store):
    take_from_elsewhere(store, 3600)
    with pytest.raises(LockedError, match="process 1 on another-host"):
        store.acquire_lease("cycle", "me")


def test_a_holder_on_another_host_whose_time_is_over_is_taken_over(store):
    take_from_elsewhere(store, -1)
    assert store.acquire_lease("cycle", "me").token == 2


def test_a_holder_that_slept_while_it_was_taken_over_can_not_write_any_more(store, project):
    lease = store.acquire_lease("cycle", "sleeper")
    tamper(project, "UPDATE leases SET token = 2, host = 'another-host'")
    with pytest.raises(LockedError, match="taken over"):
        lease.heartbeat()
    with pytest.raises(LockedError, match="taken over"):
        store.save([rubric("a")], event="late")
    with pytest.raises(LockedError, match="taken over"):
        store.note("late")
    lease.release()
    store.note("without the lease")
    with pytest.raises(LockedError, match="another-host"):
        store.acquire_lease("cycle", "me")


def test_a_heartbeat_holds_the_lease_for_another_while(store, project):
    lease = store.acquire_lease("cycle", "me", 3600)
    tamper(project, "UPDATE leases SET expires_at = 0")
    lease.heartbeat()
    lease._lock.release()
    stranger = Identity(host="third-host", pid=1, started=1.0)
    with Store.open(project) as other, pytest.raises(LockedError):
        other.acquire_lease("cycle", "you", identity=stranger)


def test_a_pid_that_is_used_again_is_not_the_holder():
    own = Identity.own()
    assert not own.is_dead(own.host)
    assert Identity(host=own.host, pid=own.pid, started=own.started - 60).is_dead(own.host)


def test_a_process_that_is_gone_is_dead_and_one_elsewhere_is_not_known_to_be():
    child = subprocess.Popen([sys.executable, "-c", ""])
    gone = Identity(host="here", pid=child.pid, started=psutil.Process(child.pid).create_time())
    child.wait()
    assert gone.is_dead("here")
    assert not gone.is_dead("there")
    assert Identity.own().pid == os.getpid()
