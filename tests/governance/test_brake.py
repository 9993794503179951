"""The brake's file: on in every doubt, never half written, and its words never lost to a second writer or a crash."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from selftune.errors import DamagedFileError
from selftune.failpoints import VARIABLE
from selftune.governance.brake import file
from selftune.governance.brake.at_work import AT_WORK, at_work, who_works
from selftune.governance.brake.file import BRAKE, Braked, is_braked, mend, new_stop, put_on, read_stops, take_off

MOMENT = "2026-01-01T00:00:00+00:00"
STOP = """
import sys
from pathlib import Path
from selftune.governance.brake.file import new_stop, put_on
put_on(Path(sys.argv[1]), new_stop("ben", "second", "2026-01-01T00:00:00+00:00"))
"""
TAKE_OFF = """
import sys
from pathlib import Path
from selftune.governance.brake.file import read_stops, take_off
take_off(Path(sys.argv[1]), {read_stops(Path(sys.argv[1]))[0].salt})
"""
WORK = """
import sys, time
from pathlib import Path
from selftune.governance.brake.at_work import at_work
with at_work(Path(sys.argv[1])):
    print("at work", flush=True)
    time.sleep(600)
"""


def stopped(hidden, text="I want to look.", author="ana"):
    stop = new_stop(author, text, MOMENT)
    put_on(hidden, stop)
    return stop


def run(code, hidden, failpoint=""):
    """The exit code of a process of its own that runs this, killed at a failpoint if one is named."""
    told = {VARIABLE: f"{failpoint}=kill"} if failpoint else {}
    return subprocess.run([sys.executable, "-c", code, str(hidden)], check=False, env=os.environ | told).returncode


def test_a_project_without_the_file_is_not_braked(tmp_path):
    assert not is_braked(tmp_path)
    assert not is_braked(tmp_path / "nowhere")
    assert read_stops(tmp_path) == ()


@pytest.mark.parametrize(
    "content", ["", "{", "[]", '{"version": 1, "stops": []}', '{"version": 2, "stops": [{}]}', "1"]
)
def test_a_brake_that_cannot_be_read_is_on_and_names_the_way_out(tmp_path, content):
    (tmp_path / BRAKE).write_text(content)
    assert is_braked(tmp_path)
    with pytest.raises(DamagedFileError, match="stopped") as refused:
        read_stops(tmp_path)
    assert "selftune lift stop" in refused.value.next_step


def test_a_folder_or_a_broken_link_in_its_place_is_a_brake_too(tmp_path):
    (tmp_path / BRAKE).symlink_to(tmp_path / "gone")
    assert is_braked(tmp_path)
    (tmp_path / BRAKE).unlink()
    (tmp_path / BRAKE).mkdir()
    assert is_braked(tmp_path)
    with pytest.raises(DamagedFileError):
        read_stops(tmp_path)


NAMES = st.sampled_from(["version", "stops", "salt", "text"])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda some: st.lists(some, max_size=3) | st.dictionaries(NAMES, some),
)


@given(content=st.binary(max_size=60) | VALUES.map(lambda value: json.dumps(value).encode()))
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_stands_in_the_file_it_never_reads_as_no_stop(tmp_path, content):
    (tmp_path / BRAKE).write_bytes(content)
    assert is_braked(tmp_path)
    with suppress(DamagedFileError):
        assert read_stops(tmp_path)


def test_a_second_stop_stands_beside_the_first_and_each_goes_by_itself(tmp_path):
    first, second = stopped(tmp_path, "first"), stopped(tmp_path, "second", "ben")
    assert read_stops(tmp_path) == (first, second)
    assert not take_off(tmp_path, {first.salt})
    assert read_stops(tmp_path) == (second,)
    assert not take_off(tmp_path, {"another"})
    assert take_off(tmp_path, {second.salt})
    assert not is_braked(tmp_path)


def test_words_that_no_file_can_hold_stop_as_well_and_are_kept_as_bytes(tmp_path):
    stopped(tmp_path, "half \ud800 of a pair", "  ")
    (kept,) = read_stops(tmp_path)
    assert kept.text == r"half \ud800 of a pair"
    assert kept.author == "unknown"


def test_a_stop_over_a_damaged_brake_keeps_what_lay_there(tmp_path):
    (tmp_path / BRAKE).write_bytes(b"\xff\xfe damaged")
    mine = stopped(tmp_path)
    assert read_stops(tmp_path) == (mine,)
    assert [path.read_bytes() for path in tmp_path.glob("brake.damaged-*")] == [b"\xff\xfe damaged"]


@pytest.mark.parametrize("is_folder", [True, False])
def test_mending_puts_aside_what_cannot_be_read_and_leaves_a_brake_that_can(tmp_path, is_folder):
    (tmp_path / BRAKE).mkdir() if is_folder else (tmp_path / BRAKE).touch()
    mend(tmp_path, new_stop("selftune", "damaged", MOMENT, author_is_model=True))
    assert [stop.text for stop in read_stops(tmp_path)] == ["damaged"]
    mend(tmp_path, new_stop("selftune", "again", MOMENT))
    assert [stop.text for stop in read_stops(tmp_path)] == ["damaged"], "what can be read was written over"


def test_on_a_full_disk_an_empty_file_stops_as_well(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(file, "publish_bytes", full)
    assert not put_on(tmp_path, new_stop("ana", "now", MOMENT))
    assert is_braked(tmp_path)


def test_where_nothing_at_all_can_be_written_that_is_said(tmp_path):
    (tmp_path / "hidden").write_text("a file where a folder was meant")
    with pytest.raises(OSError, match="brake"):
        put_on(tmp_path / "hidden", new_stop("ana", "now", MOMENT))


def test_many_writers_at_once_lose_no_words(tmp_path):
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda number: stopped(tmp_path, f"stop {number}"), range(16)))
    assert sorted(stop.text for stop in read_stops(tmp_path)) == sorted(f"stop {number}" for number in range(16))


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL")
@pytest.mark.parametrize(("point", "words"), [("before-brake", ["first"]), ("brake-on", ["first", "second"])])
def test_a_stop_that_is_killed_leaves_the_brake_on_and_whole(tmp_path, point, words):
    stopped(tmp_path, "first")
    assert run(STOP, tmp_path, point) == -signal.SIGKILL
    assert [stop.text for stop in read_stops(tmp_path)] == words


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL")
@pytest.mark.parametrize(("point", "on"), [("before-brake-off", True), ("brake-off", False)])
def test_taking_it_off_that_is_killed_leaves_it_whole_or_gone(tmp_path, point, on):
    only = stopped(tmp_path)
    assert run(TAKE_OFF, tmp_path, point) == -signal.SIGKILL
    assert is_braked(tmp_path) is on
    assert read_stops(tmp_path) == ((only,) if on else ())
    assert run(TAKE_OFF, tmp_path) == 0 or not on, "a killed one holds nobody up"


def test_a_wish_to_stop_stays_once_it_was_seen(tmp_path):
    wish = Braked(tmp_path)
    assert not wish()
    stop = stopped(tmp_path)
    assert wish()
    take_off(tmp_path, {stop.salt})
    assert wish()
    assert not Braked(tmp_path)()


def test_whoever_works_here_is_found_and_nobody_else(tmp_path):
    hidden, copy = tmp_path / "a", tmp_path / "b"
    hidden.mkdir()
    with at_work(hidden), subprocess.Popen([sys.executable, "-c", WORK, str(hidden)], stdout=subprocess.PIPE) as worker:
        try:
            assert worker.stdout.readline() == b"at work\n"
            assert [process.pid for process in who_works(hidden)] == [worker.pid], "itself, or not the other one"
            copy.mkdir()
            (copy / AT_WORK).mkdir()
            for note in (hidden / AT_WORK).iterdir():
                (copy / AT_WORK / note.name).write_bytes(note.read_bytes())
            assert who_works(copy) == (), "who works on the project that this folder was copied from"
        finally:
            worker.kill()
    assert who_works(hidden) == ()
    assert list((hidden / AT_WORK).iterdir()) == [], "what a killed process left"


@pytest.mark.parametrize("note", [b"", b"{}", b"[1]", b'{"host": "elsewhere", "started": 1.0, "place": 1}'])
def test_notes_that_say_nothing_name_nobody(tmp_path, note):
    (tmp_path / AT_WORK).mkdir()
    (tmp_path / AT_WORK / f"{os.getppid()}-00.json").write_bytes(note)
    (tmp_path / AT_WORK / "no number.json").write_bytes(note)
    assert who_works(tmp_path) == ()


def test_work_is_done_also_where_nothing_can_be_noted(tmp_path):
    (tmp_path / AT_WORK).write_text("a file where a folder was meant")
    with at_work(tmp_path):
        assert who_works(tmp_path) == ()
