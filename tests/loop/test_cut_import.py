"""An import that is killed anywhere goes on where it was; nothing is lost, and nothing comes in twice."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections import Counter

import pytest

from selftune.ledger import verify
from selftune.ledger.keys import make_machine_key
from selftune.records import Interaction, Quarantined
from selftune.store import Store

# Records are kept 500 at a time: two whole batches, or one, and some more.
LONG, SHORT = 1200, 600
IMPORT = """
import sys
from pathlib import Path

from selftune.loop.config import ProjectConfig
from selftune.loop.executor import Silent
from selftune.loop.incoming.intake import import_files
from selftune.loop.project import Project
from selftune.store import BlobStore, Store
from selftune.testing import fake_base

class WaitsToBeKilled(Silent):
    def progressed(self, stage, progress):
        if sys.argv[3:] == [str(progress.done)]:
            print("here", flush=True)
            sys.stdin.read()


folder = Path(sys.argv[1])
with Store.open(folder) as store:
    project = Project(
        folder=folder,
        config=ProjectConfig(),
        store=store,
        blobs=BlobStore(folder / ".selftune" / "blobs"),
        base=fake_base(),
        base_folder=folder,
    )
    (done,) = import_files(project, [Path(sys.argv[2])], observer=WaitsToBeKilled())
print(done.added, done.known, done.broken)
"""


def entry(number: int) -> dict:
    """Every third one says that a conversation went on; every hundredth can't be read."""
    if number % 100 == 99:
        return {"messages": number}
    said = [{"role": ("user", "assistant")[at % 2], "content": f"turn {at}"} for at in range(2 + 2 * (number % 3))]
    return {"conversation_id": f"talk-{number // 3}", "messages": said}


def run(warm, folder, log, failpoint: str | None = None) -> subprocess.CompletedProcess:
    environment = os.environ | ({"SELFTUNE_FAILPOINTS": f"{failpoint}=kill"} if failpoint else {})
    return warm.run_code(IMPORT, folder, log, env=environment)


def killed_at(folder, log, progress: str) -> None:
    """Run until so many entries were read, and kill it there from outside."""
    command = [sys.executable, "-c", IMPORT, str(folder), str(log), progress]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "here\n"
        process.kill()
    assert process.returncode == -signal.SIGKILL


def made(tmp_path, lines):
    folder, log = tmp_path / "project", tmp_path / "log.jsonl"
    (folder / ".selftune" / "keys").mkdir(parents=True)
    make_machine_key(folder / ".selftune" / "keys")
    log.write_text("".join(json.dumps(entry(number)) + "\n" for number in range(lines)))
    return folder, log


def test_an_import_that_somebody_kills_in_the_middle_twice_loses_nothing_and_doubles_nothing(tmp_path, warm):
    folder, log = made(tmp_path, LONG)
    for progress in ("600", "1200"):
        killed_at(folder, log, progress)
    with Store.open(folder) as store:
        kept = store.count(Interaction) + store.count(Quarantined)
    assert kept == 1000
    done = run(warm, folder, log)
    assert done.returncode == 0, done.stderr
    added, known, broken = map(int, done.stdout.split())
    assert (added + broken, known) == (LONG - kept, kept)
    with Store.open(folder) as store:
        assert store.count(Interaction) + store.count(Quarantined) == LONG
    assert verify.verify(folder / ".selftune" / "ledger").entries == LONG + 1


@pytest.mark.parametrize(
    ("failpoint", "kept", "left"),
    [("before-capture", 0, SHORT), ("batch-capture", 500, SHORT - 500), ("kept-capture", SHORT, 0)],
)
def test_an_import_that_is_killed_goes_on_where_it_was(failpoint, kept, left, tmp_path, warm):
    folder, log = made(tmp_path, SHORT)
    assert run(warm, folder, log, failpoint).returncode == -signal.SIGKILL
    with Store.open(folder) as store:
        assert store.count(Interaction) + store.count(Quarantined) == kept
    done = run(warm, folder, log)
    assert done.returncode == 0, done.stderr
    added, known, broken = map(int, done.stdout.split())
    assert (added + broken, known) == (left, kept)
    with Store.open(folder) as store:
        places = Counter((one.KIND, one.position) for kind in (Interaction, Quarantined) for _, one in store.each(kind))
        superseded, count = store.superseded(), store.count(Interaction)
    assert (len(places), max(places.values())) == (SHORT, 1)
    broken_lines = SHORT // 100
    assert count == SHORT - broken_lines
    assert count - len(superseded) == SHORT // 3  # one newest version a conversation
    assert verify.verify(folder / ".selftune" / "ledger").entries == SHORT + 1
