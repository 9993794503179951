"""The light parent of `selftune up`: what ends is started again, and everything ends with it."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from http.client import HTTPConnection

import psutil
import pytest

from selftune.app.process_tree import Member, ProcessTree

PATIENCE = 60
"""Seconds that a test waits for what must come: a busy machine is no failure."""
TREE = """
import asyncio, logging, sys
from pathlib import Path
from selftune.app.process_tree import Member, ProcessTree
logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="%(message)s")
here = Path(sys.argv[1])
def told(line): print(line, flush=True)
members = [Member(name=name, module=name, arguments=(str(here),), told=told, needed=True) for name in sys.argv[2:]]
sys.exit(asyncio.run(ProcessTree(members, logs=here / "logs", cwd=here).run()))
"""
# Stand-ins for the programs of the tree.
MODULES = {
    "steady": "import os, time\nprint('steady', os.getpid(), flush=True)\ntime.sleep(600)\n",
    "deaf": "import os, signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
    "print('deaf', os.getpid(), flush=True)\ntime.sleep(600)\n",
    "hopeless": "import sys\nprint('hopeless', flush=True)\nsys.exit(2)\n",
}


@pytest.fixture
def tree(tmp_path):
    """Starts a tree of these stand-ins; all of it is gone behind the test."""
    for name, text in MODULES.items():
        (tmp_path / f"{name}.py").write_text(text)
    started = []

    def start(*names, sigint_ignored=False):
        process = subprocess.Popen(
            [sys.executable, "-c", TREE, str(tmp_path), *names],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=os.environ | {"PYTHONPATH": str(tmp_path)},
            preexec_fn=(lambda: signal.signal(signal.SIGINT, signal.SIG_IGN)) if sigint_ignored else None,  # noqa: PLW1509 - one thread here
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def next_pid(process) -> int:
    return int(process.stdout.readline().split()[1])


def hear_until(word, listening) -> list[str]:
    """What a service manager is told up to this word."""
    words: list[str] = []
    while word not in words:
        words += listening.recv(4096).decode().splitlines()
    return words


def gone(pid) -> bool:
    try:
        psutil.Process(pid).wait(PATIENCE)
    except psutil.NoSuchProcess:
        return True
    except psutil.TimeoutExpired:
        return False
    return True


@pytest.mark.needs("fork")
def test_what_is_killed_is_back_within_seconds(tree):
    began = time.monotonic()
    process = tree("steady")
    first = next_pid(process)
    a_start, began = time.monotonic() - began, time.monotonic()
    os.kill(first, signal.SIGKILL)
    second = next_pid(process)
    assert second != first
    assert time.monotonic() - began < 10 + a_start, "beside what a start takes on this machine"


@pytest.mark.needs("fork")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_all_of_it_also_where_ctrl_c_is_ignored(tree, number):
    process = tree("steady", sigint_ignored=True)
    child = next_pid(process)
    process.send_signal(number)
    assert process.wait(PATIENCE) == 0
    assert gone(child)


@pytest.mark.needs("fork")
def test_nothing_is_left_of_a_tree_whose_parent_was_killed_not_even_what_hears_nothing(tree):
    process = tree("steady", "deaf")
    children = [next_pid(process), next_pid(process)]
    process.kill()
    process.wait(PATIENCE)
    assert [gone(child) for child in children] == [True, True]


@pytest.mark.needs("fork")
def test_what_hangs_is_renewed_and_what_can_not_be_started_is_given_up(tmp_path, monkeypatch):
    for name, text in MODULES.items():
        (tmp_path / f"{name}.py").write_text(text)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    said: asyncio.Queue[str] = asyncio.Queue()
    steady, hopeless = (
        Member(name=name, module=name, arguments=(), told=said.put_nowait) for name in ("steady", "hopeless")
    )

    async def next_steady() -> int:
        async with asyncio.timeout(PATIENCE):
            while (words := (await said.get()).split())[0] != "steady":
                pass
        return int(words[1])

    async def story():
        kept = ProcessTree([steady, hopeless], logs=tmp_path / "logs", cwd=tmp_path)
        running = asyncio.create_task(kept.run())
        first = await next_steady()
        seen = kept.pid_of("steady")
        await kept.renew("steady")
        second = await next_steady()
        for _ in range(600):
            if kept.is_given_up("hopeless"):
                break
            await asyncio.sleep(0.1)
        alive = kept.pid_of("hopeless"), kept.is_given_up("steady")
        kept.stop()
        return first == seen, first != second, alive, await running

    assert asyncio.run(story()) == (True, True, (None, False), 0)


@pytest.mark.needs("fork")
def test_what_can_not_be_started_at_all_ends_the_tree_with_its_code(tree):
    process = tree("hopeless", "steady")
    assert process.wait(PATIENCE) == 2
    assert "hopeless can't be started" in process.stderr.read()


@pytest.mark.needs("fork")
def test_what_can_not_be_started_now_is_tried_again(tree, tmp_path):
    in_the_way = tmp_path / "logs"
    in_the_way.write_text("a file where the folder of logs should be")
    process = tree("steady")
    assert "can't be kept running" in process.stderr.readline()
    in_the_way.unlink()
    assert next_pid(process)


@pytest.mark.needs("serve")
@pytest.mark.xdist_group("up")
def test_up_serves_a_clients_request_and_leaves_nothing_behind(tmp_path):
    """The whole of it over a project without a model: the gateway says so in the client's own shape.

    It runs as a service of systemd does, whose socket hears that it is up, and that it stops.
    """
    (tmp_path / "selftune.toml").write_text('[project]\nname = "a"\n')
    command = [sys.executable, "-m", "selftune", "up", "--port", "0", "--no-dashboard", "--no-model"]
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    place = tempfile.mkdtemp()  # a test's own folder has too long a name for a socket
    listening.bind(f"{place}/s")
    listening.settimeout(PATIENCE)
    process = subprocess.Popen(
        [*command, "--project", str(tmp_path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"NOTIFY_SOCKET": f"{place}/s", "WATCHDOG_USEC": "60000000"},
    )
    try:
        lines = [process.stdout.readline() for _ in range(3)]
        told = hear_until("WATCHDOG=1", listening)
        address, key = lines[0].split()[1].removesuffix("/v1"), lines[1].split()[-1]
        connection = HTTPConnection(address.removeprefix("http://"), timeout=PATIENCE)
        body = json.dumps({"model": "champion", "messages": [{"role": "user", "content": "Hello."}]})
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {key}"}
        connection.request("POST", "/v1/chat/completions", body, headers)
        refused = connection.getresponse()
        error = json.loads(refused.read())["error"]
        again = subprocess.run(
            [*command, "--project", str(tmp_path)], capture_output=True, text=True, check=False, timeout=PATIENCE
        )
        below = psutil.Process(process.pid).children(recursive=True)
    finally:
        process.terminate()
        code = process.wait(PATIENCE)
        process.communicate()
    ended = hear_until("STOPPING=1", listening)
    listening.close()
    shutil.rmtree(place)
    assert told[0] == "STATUS=the model is put into service"
    assert told[-3:] == ["STATUS=gateway answers", "READY=1", "WATCHDOG=1"]
    assert set(ended[:-1]) <= {"STATUS=gateway answers", "STATUS=gateway does not answer", "WATCHDOG=1"}
    assert (refused.status, error["type"]) == (503, "server_error")
    assert "selftune start" in error["message"]
    assert "OPENAI_BASE_URL=" in lines[2]
    assert (again.returncode, "up already" in again.stderr) == (6, True)
    assert code == 0
    assert below
    assert all(gone(child.pid) for child in below)
