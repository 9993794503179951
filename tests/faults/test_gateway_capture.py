"""Capture under faults: what was called kept is in the log once, whoever dies; what was not kept is counted and said.

The gateway's end runs in this process; the writer is the real one, in a process of its own, with a failpoint in its
first life only, as if the machine had had one bad moment.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
import socket
import subprocess
import sys
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPException
from pathlib import Path

import pytest

sys.path += [str(Path(__file__).parents[1] / "app"), str(Path(__file__).parents[1] / "app" / "gateway")]

from captured_exchanges import House, exchange
from configured_project import open_test_project

from selftune.app.gateway.capture import make
from selftune.app.gateway.capture.frames import framed, read_frames
from selftune.app.gateway.capture.make import SpoolCapture
from selftune.app.gateway.capture.spool import segments
from selftune.app.gateway.capture.talk import Asked
from selftune.app.gateway.capture.words import Word
from selftune.app.gateway.keys import make_key

ONE_BAD_LIFE = """
import os, pathlib, runpy, sys
lived = pathlib.Path(sys.argv[2])
if not lived.exists():
    lived.touch()
    os.environ["SELFTUNE_FAILPOINTS"] = sys.argv[3]
sys.argv = [sys.argv[0], sys.argv[1]]
runpy.run_module("selftune.app.gateway.capture.writer", run_name="__main__")
"""
NONSENSE_FIRST = """
import pathlib, runpy, sys, time
from selftune.app.gateway.capture.frames import framed
lived = pathlib.Path(sys.argv[2])
if not lived.exists():
    lived.touch()
    sys.stdout.buffer.write({"no message": framed([b"nonsense"]), "no frame": b"\\xff" * (2 << 20)}[sys.argv[3]])
    sys.stdout.buffer.flush()
    time.sleep(600)
sys.argv = sys.argv[:2]
runpy.run_module("selftune.app.gateway.capture.writer", run_name="__main__")
"""
PATIENCE = 60


@pytest.fixture
def house(tmp_path):
    with open_test_project(tmp_path) as project:
        yield House(project)


def capture_of(house, failpoint=""):
    lived = house.project.folder / "lived"
    return SpoolCapture(
        house.project.folder,
        command=(sys.executable, "-P", "-c", ONE_BAD_LIFE, str(house.project.folder), str(lived), failpoint),
    )


def named(number):
    return exchange(f"cmpl-{number:016}", asked=f"Question {number}?", said=f"Answer {number}.")


def in_log(house):
    house.take()
    return sorted(one.position for one in house.kept())


@pytest.mark.parametrize(
    "point", ["gateway-before-log", "gateway-after-write", "gateway-after-fsync", "gateway-spool-rotate"]
)
def test_a_writer_killed_at_any_point_loses_nothing_that_was_called_kept_and_doubles_nothing(house, point):
    async def go():
        capture = capture_of(house, f"{point}=kill")
        kept = await asyncio.wait_for(asyncio.gather(*(capture.keep(named(n)) for n in range(5))), PATIENCE)
        await capture.close()
        return kept, capture.state()

    kept, state = asyncio.run(go())
    assert kept == [True] * 5, "the gateway handed them over again"
    assert (state.kept, state.lost) == (5, {})
    assert in_log(house) == [f"cmpl-{n:016}" for n in range(5)]
    with house.writer():
        pass  # finishes what a killed one left open
    house.take()
    assert not segments(house.spool_folder)
    assert len(house.kept()) == len(kept)


@pytest.mark.parametrize("nonsense", ["no message", "no frame"])
def test_a_writer_that_says_nonsense_is_ended_counted_and_replaced(house, nonsense, caplog):
    folder = house.project.folder
    command = (sys.executable, "-P", "-c", NONSENSE_FIRST, str(folder), str(folder / "lived"), nonsense)

    async def go():
        capture = SpoolCapture(folder, command=command)
        kept = await asyncio.wait_for(capture.keep(named(1)), PATIENCE)
        await capture.close()
        return kept, capture.state()

    kept, state = asyncio.run(go())
    assert (kept, state.kept, state.lost, state.restarts) == (True, 1, {}, 1)
    assert "says what nobody understands" in caplog.text
    assert in_log(house) == ["cmpl-0000000000000001"]


def test_a_full_disk_is_said_at_once_counted_and_over_when_there_is_room(house, caplog):
    async def go():
        capture = capture_of(house, "gateway-before-log=enospc")
        lost = await asyncio.wait_for(asyncio.gather(*(capture.keep(named(n)) for n in range(3))), PATIENCE)
        counted = capture.state()
        capture._writer.kill()  # the bad moment lasts a life: the next one has room
        await capture._writer.wait()
        assert await asyncio.wait_for(capture.keep(named(9)), PATIENCE)
        await capture.close()
        return lost, counted

    with caplog.at_level(logging.ERROR):
        lost, counted = asyncio.run(go())
    assert lost == [False] * 3
    assert counted.lost == {"disk full": 3}
    assert "NOT CAPTURED (disk full); answers go on." in caplog.text
    assert in_log(house) == ["cmpl-0000000000000009"]


def test_a_gateway_that_is_killed_leaves_what_was_called_kept(house):
    command = [sys.executable, "-P", "-m", "selftune.app.gateway.capture.writer", str(house.project.folder)]
    writer = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    writer.stdin.write(framed([encoded(number) for number in range(1, 40)]))
    writer.stdin.flush()
    heard = b""
    while len(list(read_frames(heard))) < 2:  # that it is up, and what became of some
        heard += os.read(writer.stdout.fileno(), 1 << 16)
    # Both ends of the pipes go at once, as with a killed process; Ctrl-C reaches the whole group and ends nothing.
    writer.send_signal(signal.SIGINT)
    writer.stdout.close()
    writer.stdin.close()
    assert writer.wait(PATIENCE) == 0
    assert in_log(house) == [f"cmpl-{n:016}" for n in range(1, 40)]


def encoded(number):
    import msgspec

    return msgspec.msgpack.encode(Asked(number=number, exchange=named(number)))


def test_a_writer_that_can_not_start_lets_answers_go_and_counts_what_is_lost(house, caplog, monkeypatch):
    monkeypatch.setattr(make, "_PAUSES", (0.01,) * 4)

    async def go():
        capture = SpoolCapture(house.project.folder, command=(sys.executable, "-c", "raise SystemExit(3)"))
        first = await asyncio.wait_for(capture.keep(named(1)), PATIENCE)
        at_once = capture.keep(named(2))
        assert at_once.done()
        await capture.close()
        return first, at_once.result(), capture.state()

    with caplog.at_level(logging.ERROR):
        first, at_once, state = asyncio.run(go())
    assert (first, at_once) == (False, False)
    assert state.lost == {"writer gone": 2}
    assert not state.up


def test_a_program_that_is_not_to_be_had_for_a_while_ends_no_capture(house, monkeypatch):
    monkeypatch.setattr(make, "_PAUSES", (0.01,) * 4)

    async def go():
        capture = capture_of(house)
        there, capture._command = capture._command, ("no-such-program",)
        meanwhile = await asyncio.wait_for(capture.keep(named(1)), PATIENCE)
        capture._command = there
        async with asyncio.timeout(PATIENCE):
            while not capture.state().up:  # noqa: ASYNC110 - it tells nobody that it is up
                await asyncio.sleep(0.01)
            later = await capture.keep(named(2))
        await capture.close()
        return meanwhile, later, capture.state().lost

    assert asyncio.run(go()) == (False, True, {"writer gone": 1})
    assert in_log(house) == [named(2).completion_id]


def test_a_queue_that_is_full_answers_no_at_once(house, monkeypatch):
    monkeypatch.setattr(make, "_MOST_WAITING", 2)

    async def go():
        capture = capture_of(house)
        kept = await asyncio.wait_for(asyncio.gather(*(capture.keep(named(n)) for n in range(5))), PATIENCE)
        await capture.close()
        return kept, capture.state()

    kept, state = asyncio.run(go())
    assert kept == [True, True, False, False, False]
    assert state.lost == {"queue full": 3}


def test_who_opts_out_is_not_captured_and_counted_as_such(house):
    async def go():
        capture = capture_of(house)
        refused = [
            await capture.keep(exchange(consent="none")),
            await capture.keep(exchange(shadow=True)),
            await capture.keep(exchange(route="/v1/embeddings")),
        ]
        await capture.close()
        return refused, capture.state()

    refused, state = asyncio.run(go())
    assert refused == [False] * 3
    assert (state.opted_out, state.lost, state.kept) == (1, {}, 0)
    assert not house.spool_folder.exists()


def test_an_answer_that_no_longer_waits_is_kept_all_the_same_and_a_word_on_it_too(house):
    key = make_key(house.project.hidden, "default")[0].id

    async def go():
        capture = capture_of(house)
        keeping = capture.keep(exchange("cmpl-0000000000000001", key_id=key))
        keeping.cancel()
        word = Word(id="1" * 32, completion_id="cmpl-0000000000000001", key_id=key, thumbs=1, said_at="2026-11-22")
        verdict = await asyncio.wait_for(capture.say(word), PATIENCE)
        await capture.close()
        return verdict

    assert asyncio.run(go()) == "kept"
    house.take()
    assert [one.feedback and one.feedback.thumbs for one in house.kept()] == [None, 1]


@pytest.mark.parametrize(
    ("point", "steering"),
    [("gateway-before-forward", "Hello."), ("gateway-mid-stream", "Hello."), ("gateway-client-gone", "slow, please")],
)
def test_a_gateway_that_dies_with_an_answer_in_its_hands_keeps_what_it_had_called_kept(house, point, steering):
    whole = {"model": "champion", "messages": [{"role": "user", "content": "Hello."}]}
    with a_gateway(house) as port:
        assert ask(port, whole)[-1:] == b"}", "the last byte: it is on the disk"
    half = {**whole, "stream": True, "messages": [{"role": "user", "content": steering}]}
    with a_gateway(house, f"{point}=kill") as port, pytest.raises((OSError, HTTPException)):
        ask(port, half, leave="slow" in steering)
    with house.writer():
        pass
    house.take()
    assert [one.answer for one in house.kept() if one.outcome == "ok"] == ["I am the fake upstream."]
    assert all(not one.consent.train for one in house.kept() if one.outcome != "ok")


@contextmanager
def a_gateway(house, failpoint=""):
    """One in a process of its own, until the block ends or it dies."""
    command = [sys.executable, str(Path(__file__).with_name("gateway_dies.py")), str(house.project.folder)]
    environment = os.environ | {"SELFTUNE_FAILPOINTS": failpoint}
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment)
    try:
        yield int(process.stdout.readline())
    finally:
        process.stdin.close()
        code = process.wait(PATIENCE)
        process.stdout.close()
        assert code == (-signal.SIGKILL if failpoint else 0)


def ask(port, body, *, leave=False):
    """The body of its answer; or who asks leaves after the first piece, and waits for the gateway to notice."""
    connection = HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    try:
        connection.request("POST", "/v1/chat/completions", json.dumps(body), {"Content-Type": "application/json"})
        with connection.getresponse() as said:
            if not leave:
                return said.read()
            said.read(1)
            connection.sock.shutdown(socket.SHUT_RDWR)
        raise ConnectionResetError("it left")
    finally:
        connection.close()
