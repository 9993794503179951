"""What `selftune up` finds out about its own programs, and what systemd hears of it through a real socket."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import tempfile
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest

from selftune.app.service_manager import ServiceManager, take_service_manager
from selftune.app.watchdog import LOOKS, Answer, Door, Watchdog, ask

pytestmark = pytest.mark.skipif(not hasattr(socket, "AF_UNIX"), reason="no Unix sockets here")

WELL = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
FULL = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n"


class FakeTree:
    """Stands in for the tree of processes; it starts none and ends none."""

    def __init__(self) -> None:
        self.pids = {"gateway": 11, "dashboard": 12}
        self.given_up = set()
        self.renewed = []

    def pid_of(self, name):
        return self.pids.get(name)

    def is_given_up(self, name):
        return name in self.given_up

    async def renew(self, name):
        self.renewed.append(name)
        self.pids[name] += 100


@pytest.fixture
def heard():
    """A service manager that is listened to, and what it has been told since the last time."""
    # Names of sockets are short, and those of a test's folder are not.
    with tempfile.TemporaryDirectory() as folder, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(f"{folder}/s")
        listening.setblocking(False)

        def hear():
            words = []
            while True:
                try:
                    words += listening.recv(4096).decode().splitlines()
                except BlockingIOError:
                    return words

        yield ServiceManager(address=f"{folder}/s", watchdog_seconds=60), hear


@asynccontextmanager
async def answering(note: Path, said: bytes):
    """A fake program with a health route; its port stands in the note."""

    async def answer(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(said)
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    write_port(note, server.sockets[0].getsockname()[1])
    try:
        yield
    finally:
        server.close()


def write_port(note: Path, port: int) -> None:
    note.write_text(json.dumps({"port": port}))


def doors_in(folder):
    return [Door(member=name, note=folder / name, path="/health") for name in ("gateway", "dashboard")]


def test_it_is_ready_once_all_answer_and_well_as_long_as_none_is_silent(tmp_path, heard):
    manager, hear = heard
    tree = FakeTree()
    watchdog = Watchdog(tree, doors_in(tmp_path), manager)

    async def story():
        told = []
        async with AsyncExitStack() as whole:
            await watchdog.look()
            told.append(hear())
            await whole.enter_async_context(answering(tmp_path / "gateway", WELL))
            async with answering(tmp_path / "dashboard", WELL):
                await watchdog.look()
                told.append(hear())
                await watchdog.look()
                told.append(hear())
            await watchdog.look()
            told.append(hear())
        return told

    nothing, first, second, one_gone = asyncio.run(story())
    assert nothing == ["STATUS=gateway does not answer, dashboard does not answer"]
    assert first == ["STATUS=gateway answers, dashboard answers", "READY=1", "WATCHDOG=1"]
    assert second == ["WATCHDOG=1"]
    assert one_gone == ["STATUS=gateway answers, dashboard does not answer"]


def test_what_turns_away_because_it_is_full_is_neither_ready_nor_hung(tmp_path, heard):
    manager, hear = heard

    async def story():
        watchdog = Watchdog(FakeTree(), doors_in(tmp_path)[:1], manager)
        for said in (b"", FULL, WELL, b"", FULL):
            async with answering(tmp_path / "gateway", said):
                await watchdog.look()
        return hear()

    told = [word for word in asyncio.run(story()) if not word.startswith("STATUS=")]
    assert told == ["READY=1", *["WATCHDOG=1"] * 3]


def test_what_answered_and_is_silent_now_is_renewed_and_what_only_begins_is_not(tmp_path, heard):
    manager, _ = heard
    tree = FakeTree()

    async def story():
        watchdog = Watchdog(tree, doors_in(tmp_path), manager)
        async with answering(tmp_path / "gateway", WELL):
            await watchdog.look()
        for _ in range(LOOKS - 1):
            await watchdog.look()
        before = list(tree.renewed)
        for _ in range(2 * LOOKS):
            await watchdog.look()
        return before

    assert asyncio.run(story()) == []
    # The new process has not answered yet: it may take its time. Nor has the dashboard ever.
    assert tree.renewed == ["gateway"]


def test_one_that_can_not_be_started_at_all_does_not_keep_the_rest_from_being_ready(tmp_path, heard):
    manager, hear = heard
    tree = FakeTree()
    tree.given_up.add("dashboard")

    async def story():
        async with answering(tmp_path / "gateway", WELL):
            await Watchdog(tree, doors_in(tmp_path), manager).look()

    asyncio.run(story())
    assert hear() == ["STATUS=gateway answers", "READY=1", "WATCHDOG=1"]


@pytest.mark.parametrize("note", [None, "", "[]", '{"port": "x"}', '{"port": 99999999}', "{}"])
def test_a_note_that_names_no_port_is_no_answer(tmp_path, note):
    if note is not None:
        (tmp_path / "gateway").write_text(note)
    assert asyncio.run(ask(doors_in(tmp_path)[0])) is Answer.NONE


@pytest.mark.parametrize(
    ("given", "address", "seconds"),
    [
        ({}, "", None),
        ({"NOTIFY_SOCKET": "/run/s"}, "/run/s", None),
        ({"NOTIFY_SOCKET": "@s", "WATCHDOG_USEC": "180000000"}, "@s", 180),
        ({"NOTIFY_SOCKET": "/s", "WATCHDOG_USEC": "2000000", "WATCHDOG_PID": str(os.getpid())}, "/s", 2),
        ({"NOTIFY_SOCKET": "/s", "WATCHDOG_USEC": "2000000", "WATCHDOG_PID": "1"}, "/s", None),
        ({"NOTIFY_SOCKET": "/s", "WATCHDOG_USEC": "soon"}, "/s", None),
        ({"NOTIFY_SOCKET": "vsock:2:1"}, "", None),
    ],
)
def test_who_listens_is_read_from_the_environment_and_no_child_inherits_it(given, address, seconds):
    environment = given | {"PATH": "/bin"}
    manager = take_service_manager(environment)
    assert (manager.address, manager.watchdog_seconds) == (address, seconds)
    assert environment == {"PATH": "/bin"}


def test_nobody_listening_stops_nothing(tmp_path, caplog):
    caplog.set_level("INFO")
    assert ServiceManager().tell("READY=1")
    assert not caplog.records
    assert not ServiceManager(address=str(tmp_path / "gone")).tell("READY=1")
    assert "can't be told" in caplog.text


def test_what_could_not_be_said_is_said_with_the_next_look(tmp_path, heard):
    manager, hear = heard
    while manager.tell("too much at a time"):  # until the kernel keeps no more
        pass

    async def story():
        watchdog = Watchdog(FakeTree(), doors_in(tmp_path)[:1], manager)
        async with answering(tmp_path / "gateway", WELL):
            await watchdog.look()
            before = hear()
            await watchdog.look()
        return before

    assert "READY=1" not in asyncio.run(story())
    assert hear() == ["STATUS=gateway answers", "READY=1", "WATCHDOG=1"]


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="abstract sockets are Linux's alone")
def test_a_socket_without_a_file_is_heard_too():
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind("")  # the kernel finds a name
        ServiceManager(address="@" + listening.getsockname()[1:].decode()).tell("READY=1")
        listening.settimeout(60)
        assert listening.recv(100) == b"READY=1"
