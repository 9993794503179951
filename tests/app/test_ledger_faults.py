"""A power cut, a full disk, a second writer and a clock that goes back, wherever the ledger is signed."""

from __future__ import annotations

import errno
import os
import signal
from contextlib import contextmanager

import pytest
from configured_project import open_test_project

from selftune.app.ledgers import co_sign, keep_witness
from selftune.app.successions import succeed
from selftune.errors import UsageError
from selftune.failpoints import VARIABLE
from selftune.ledger import verify
from selftune.ledger.keys import NEXT, load_machine_key, make_machine_key
from selftune.loop.config import load_config
from selftune.loop.project import HIDDEN, Project
from selftune.store import BlobStore, Store
from selftune.testing import fake_base

POINTS = ("checkpoint-signed", "witness-kept", "key-prepared", "succession-noted", "key-named")


@pytest.fixture
def folder(tmp_path):
    """A project with three entries under a checkpoint, nobody at it."""
    with open_test_project(tmp_path) as project:
        for number in range(3):
            project.store.note(f"event {number}")
        project.store.checkpoint()
    return project.folder


@contextmanager
def opened(folder):
    with Store.open(folder) as store:
        yield Project(
            folder=folder, config=load_config(folder), store=store, blobs=BlobStore(folder / HIDDEN / "blobs"),
            base=fake_base("fake"), base_folder=folder,
        )  # fmt: skip


def elsewhere(work):
    """Do it in a process of its own, which may die of it; how it ended."""
    child = os.fork()
    if child == 0:
        try:
            work()
        finally:
            os._exit(0)
    return lambda: os.waitpid(child, 0)[1]


def all_that_signs(folder, seen):
    """A note, a co-signature taken in, and another key: past every place where a signature is made."""
    with opened(folder) as project:
        project.store.note("more")
        keep_witness(project, seen)
        succeed(project, "replaced")


@pytest.fixture
def seen(folder, tmp_path):
    """The ledger's checkpoint as another machine has co-signed it."""
    path = tmp_path / "seen.jsonl"
    own = folder / HIDDEN / "ledger" / "checkpoints.jsonl"
    path.write_bytes(co_sign(own, make_machine_key(tmp_path / "w"), "w", tmp_path / "witnessed"))
    return path


@pytest.mark.parametrize("point", POINTS)
def test_a_power_cut_wherever_something_is_signed_leaves_a_ledger_that_verifies_and_goes_on(folder, seen, point):
    ledger, kept = folder / HIDDEN / "ledger", folder / "kept.jsonl"
    kept.write_bytes((ledger / "checkpoints.jsonl").read_bytes())

    def die():
        os.environ[VARIABLE] = f"{point}=kill"
        all_that_signs(folder, seen)

    assert os.WTERMSIG(elsewhere(die)()) == signal.SIGKILL
    assert verify.verify(ledger, kept).entries >= 4
    with opened(folder) as project:
        if (project.hidden / "keys" / NEXT).exists():
            with pytest.raises(UsageError, match="begun and not ended"):
                project.store.checkpoint()
        else:
            keep_witness(project, seen)
        done = succeed(project, "replaced")
    assert verify.verify(ledger, kept, key=done.key).key == done.key
    assert load_machine_key(folder / HIDDEN / "keys").public == done.key


@pytest.mark.parametrize("point", ["checkpoint-signed", "witness-kept"])
def test_a_disk_that_is_full_when_something_is_signed_loses_nothing(folder, seen, monkeypatch, point):
    ledger = folder / HIDDEN / "ledger"
    with opened(folder) as project:
        monkeypatch.setenv(VARIABLE, f"{point}=enospc")
        with pytest.raises(OSError, match="No space left") as found:
            keep_witness(project, seen)
        assert found.value.errno == errno.ENOSPC
        assert verify.verify(ledger).entries >= 3
        monkeypatch.delenv(VARIABLE)
        keep_witness(project, seen)
    assert len(verify.verify(ledger).remarks) == 1


def test_two_writers_sign_in_turn(folder):
    def write():
        with Store.open(folder) as store:
            for _ in range(10):
                store.note("more")
                store.checkpoint()

    ends = [elsewhere(write) for _ in range(2)]
    assert [end() for end in ends] == [0, 0]
    verdict = verify.verify(folder / HIDDEN / "ledger")
    assert (verdict.entries, verdict.checkpoints) == (23, 21)


def test_a_clock_that_goes_back_moves_no_checkpoint(folder):
    times = iter(["2026-05-01T00:00:00+00:00", "2020-01-01T00:00:00+00:00"] * 4)
    with Store.open(folder, clock=lambda: next(times)) as store:
        for _ in range(4):
            store.note("more")
            store.checkpoint()
    verdict = verify.verify(folder / HIDDEN / "ledger")
    assert (verdict.entries, verdict.checkpoints, verdict.covered) == (7, 5, 7)
