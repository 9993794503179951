"""kill -9 in the middle of saves, and four processes at once: nothing acknowledged is lost or doubled."""

from __future__ import annotations

import signal
import sys
from pathlib import Path

import pytest
from forked import forking
from kept_records import PATH, entries_that_verify, interaction, mirror_of

from selftune.records import Interaction, Judgement
from selftune.store import Store

# Saves one interaction after another and says each number once it is kept, until it is killed.
SAVE_FOREVER = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from kept_records import interaction, open_store
store = open_store(sys.argv[1])
for number in range(store.last_sequence(), 100_000):
    store.save([interaction(number, salt=str(number))], event="captured")
    print(number, flush=True)
"""

# Each note holds the number of the one it saw last: a chain that a lost or mixed write would break.
CHAIN = """
import sys
sys.path.insert(0, sys.argv[3])
from kept_records import open_store
with open_store(sys.argv[1]) as store:
    print("ready", flush=True)
    sys.stdin.readline()
    for _ in range(int(sys.argv[2])):
        store.note("link")
"""

# Finishes a step whose 600th output kills the process.
DIE_IN_A_STEP = """
import os, signal, sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from kept_records import judgement, open_store
def outputs():
    for number in range(1000):
        if number == 600:
            os.kill(os.getpid(), signal.SIGKILL)
        yield judgement(number, salt=f"first {number}")
with open_store(sys.argv[1]) as store:
    store.step_work("sha256:ab").put("verdict 599", b"paid for")
    store.finish_step("sha256:ab", "judge", outputs(), elapsed=lambda: 1.0, many=True)
"""


@pytest.fixture(scope="module")
def start():
    """Starts a program with arguments, as a process of its own."""
    with forking() as starts:
        yield starts


def save_and_be_killed(start, project: Path, saves: int) -> list[int]:
    """Numbers that the child acknowledged before it was killed, perhaps amid the next save."""
    child = start(SAVE_FOREVER, project, PATH)
    said = [int(child.stdout.readline()) for _ in range(saves)]
    child.kill()
    rest, _ = child.communicate()
    return said + [int(line) for line in rest.split()]


def test_nothing_acknowledged_is_lost_by_kill_9(project, start):
    acknowledged = []
    for saves in (1, 2, 5, 9):
        acknowledged += save_and_be_killed(start, project, saves)
        with Store.open(project) as store:
            kept = {record.position for _, record in store.each(Interaction)}
            assert {f"line {number}" for number in acknowledged} <= kept
            assert [e.record_id for e in store.history()] == [record.id for _, record in store.each(Interaction)]
        assert entries_that_verify(project) == len(kept)
    assert len(acknowledged) == len(set(acknowledged))


@pytest.mark.sqlite_only
def test_a_step_killed_half_way_goes_on_where_it_was(project, start):
    from kept_records import judgement

    child = start(DIE_IN_A_STEP, project, PATH)
    child.communicate()
    assert child.returncode == -signal.SIGKILL
    with Store.open(project) as store:
        assert store.count_outputs("sha256:ab") == 500
        assert store.step_work("sha256:ab").get("verdict 599") == b"paid for"
        again = (judgement(number, salt=f"again {number}") for number in range(1000))
        store.finish_step("sha256:ab", "judge", again, elapsed=lambda: 1.0, many=True)
        ids = tuple(store.output_ids("sha256:ab"))
        assert (len(ids), store.count(Judgement)) == (1000, 1000)
        assert store.record(ids[499], Judgement).salt == "first 499"
        assert store.record(ids[500], Judgement).salt == "again 500"
    assert entries_that_verify(project) == 1001


def test_four_processes_write_one_chain(project, start):
    Store.open(project).close()
    children = [start(CHAIN, project, 50, PATH) for _ in range(4)]
    for child in children:
        assert child.stdout.readline() == "ready\n"
    for child in children:
        child.stdin.write("go\n")
        child.stdin.flush()
    for child in children:
        child.communicate()
        assert child.returncode == 0
    entries = mirror_of(project)
    assert [entry["seq"] for entry in entries] == list(range(1, 201))
    assert entries_that_verify(project) == 200
    with Store.open(project) as store:
        assert [entry.hash for entry in store.history()] == [entry["hash"] for entry in entries]


@pytest.mark.sqlite_only
def test_four_processes_that_make_the_same_project_make_one(project, start):
    children = [start(CHAIN, project, 1, PATH) for _ in range(4)]
    for child in children:
        child.communicate("go\n")
        assert child.returncode == 0
    assert entries_that_verify(project) == 4


def test_two_processes_that_import_the_same_file_keep_each_line_once(project):
    Store.open(project).close()
    with Store.open(project) as one, Store.open(project) as other:
        first = one.save([interaction(n, salt="one") for n in range(3)], event="captured")
        assert other.save([interaction(n, salt="other") for n in range(3)], event="captured") == first


@pytest.mark.sqlite_only  # the mirror is the same file beside a server, and a process takes a second to start
@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL is POSIX")
def test_a_crash_between_commit_and_mirror_is_made_up_for(project, start):
    script = (
        "import os, signal, sys\nsys.path.insert(0, sys.argv[2])\nfrom kept_records import open_store\n"
        "store = open_store(sys.argv[1])\nstore.note('one')\n"
        "store._mirror.append = lambda entries: os.kill(os.getpid(), signal.SIGKILL)\nstore.note('two')\n"
    )
    child = start(script, project, PATH)
    child.communicate()
    assert child.returncode == -signal.SIGKILL
    assert entries_that_verify(project) == 1
    Store.open(project).close()
    assert [entry["event"] for entry in mirror_of(project)] == ["one", "two"]
    assert entries_that_verify(project) == 2
