"""The box: what it gives back, what it is seen to be, and what is said where there is none."""

from __future__ import annotations

import os
import platform
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sandbox_host import end_all_called

from selftune.errors import SandboxError, UsageError
from selftune.toolforge.sandbox import EndedBy, Limits, find_sandbox
from selftune.toolforge.sandbox import bubblewrap as room
from selftune.toolforge.sandbox.bubblewrap import Bubblewrap, open_bubblewrap
from selftune.toolforge.sandbox.posture import PROBE, faults, read_probe

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.needs("bwrap")

_CAP: Final = 1000
_SIGNALLED: Final = 128
_ECHO: Final = """
import sys
data = sys.stdin.buffer.read()
for stream in sys.stdout.buffer, sys.stderr.buffer:
    stream.write(data)
    stream.flush()
"""
few = settings(max_examples=8, deadline=None, database=None)


@pytest.fixture(scope="module")
def box() -> Bubblewrap:
    return open_bubblewrap()


def test_a_program_is_run_with_what_it_is_given(box: Bubblewrap) -> None:
    ran = box.run("import sys; print(sys.stdin.read()[::-1]); print('oh', file=sys.stderr); sys.exit(3)", stdin=b"abc")

    assert (ran.stdout, ran.stderr, ran.exit_code, ran.ended_by) == (b"cba\n", b"oh\n", 3, EndedBy.EXIT)
    assert not ran.ok
    assert ran.posture == box.posture.digest


def test_a_program_is_a_script_like_any_other(box: Bubblewrap) -> None:
    program = "import pickle\nclass Word(str): pass\nprint(__name__, pickle.loads(pickle.dumps(Word('whole'))))\n1 / 0"

    ran = box.run(program)

    assert ran.stdout == b"__main__ whole\n"
    assert b'File "/program.py", line 4' in ran.stderr
    assert b"ZeroDivisionError" in ran.stderr


def test_long_programs_and_long_inputs_are_taken_whole(box: Bubblewrap) -> None:
    program = "x = 1\n" * 30_000 + "import sys; print(len(sys.stdin.buffer.read()))"

    assert box.run(program, stdin=bytes(3_000_000)).stdout == b"3000000\n"


@few
@given(data=st.binary(max_size=3 * _CAP))
def test_whatever_is_printed_is_held_up_to_the_cap(data: bytes) -> None:
    ran = open_once().run(_ECHO, stdin=data, limits=Limits(output_bytes=_CAP))

    assert ran.stdout == data[:_CAP]
    assert data.startswith(ran.stderr)
    assert len(ran.stderr) <= _CAP
    assert (ran.ended_by is EndedBy.OUTPUT) == (len(data) > _CAP)


def test_ten_gigabytes_of_output_end_with_the_first_of_them(box: Bubblewrap) -> None:
    ran = box.run("import os\nfor _ in range(10_240): os.write(1, bytes(1 << 20))", limits=Limits(wall_seconds=60))

    assert (len(ran.stdout), ran.ended_by) == (1 << 20, EndedBy.OUTPUT)
    assert ran.seconds < 30


@few
@given(program=st.text(max_size=200))
def test_whatever_the_program_is_it_comes_back(program: str) -> None:
    ran = open_once().run(program)

    assert ran.ended_by in (EndedBy.EXIT, EndedBy.SIGNAL)
    assert ran.ok or ran.stderr


@pytest.mark.parametrize("program", ["\0", "\ud800", "", "\N{BOM}", "print('\\ud800')", "raise SystemExit('x' * 9)"])
def test_odd_programs_come_back_too(box: Bubblewrap, program: str) -> None:
    assert box.run(program).ended_by is EndedBy.EXIT


def test_a_program_that_says_that_there_is_no_box_is_not_believed(box: Bubblewrap) -> None:
    ran = box.run("import os; os.write(2, b'bwrap: No permissions to create new namespace'); os._exit(1)")

    assert (ran.exit_code, ran.ended_by) == (1, EndedBy.EXIT)


def test_a_program_cannot_end_the_first_process_of_its_box(box: Bubblewrap) -> None:
    program = "import os, time\nfor number in 2, 9, 11, 15, 19: os.kill(1, number)\ntime.sleep(0.1)\nos._exit(7)"

    assert box.run(program).exit_code == 7


def test_a_signal_is_told(box: Bubblewrap) -> None:
    ran = box.run("import os; os.kill(os.getpid(), 11)")

    assert (ran.exit_code, ran.ended_by) == (_SIGNALLED + signal.SIGSEGV, EndedBy.SIGNAL)


def test_several_boxes_stand_at_once_and_know_nothing_of_each_other(box: Bubblewrap) -> None:
    program = """
import os, sys, time
open("mine", "x").write(sys.stdin.read())
time.sleep(0.2)
print(os.listdir(), open("mine").read())
"""

    with ThreadPoolExecutor(6) as pool:
        ran = list(pool.map(lambda number: box.run(program, stdin=b"%d" % number), range(6)))

    assert [one.stdout for one in ran] == [b"['mine'] %d\n" % number for number in range(6)]


def test_nothing_stays_open_here(box: Bubblewrap) -> None:
    before = sum(1 for _ in Path("/proc/self/fd").iterdir())

    box.run("1 / 0")
    box.run("import time; time.sleep(9)", limits=Limits(wall_seconds=0.2))

    assert sum(1 for _ in Path("/proc/self/fd").iterdir()) == before


def test_a_box_that_is_ended_while_it_is_built_leaves_nobody_behind(box: Bubblewrap) -> None:
    name = f"early-{os.getpid()}"
    program = f"import ctypes, time; ctypes.CDLL(None).prctl(15, b'{name}', 0, 0, 0); time.sleep(600)"

    ended = {box.run(program, limits=Limits(wall_seconds=tenths / 1000)).ended_by for tenths in range(0, 40, 4)}

    assert ended == {EndedBy.WALL}
    assert not end_all_called(name, within=60)


def test_the_box_ends_with_whoever_started_it() -> None:
    name = f"orphan-{os.getpid()}"
    inside = f"import ctypes, time; ctypes.CDLL(None).prctl(15, b'{name}', 0, 0, 0); time.sleep(600)"
    code = (
        f"from selftune.toolforge.sandbox import *; print(find_sandbox(), flush=True); find_sandbox().run({inside!r})"
    )
    with subprocess.Popen([sys.executable, "-c", code]) as starter:
        end = time.monotonic() + 60
        while not named(name) and time.monotonic() < end:
            time.sleep(0.02)
        assert named(name)
        starter.kill()

    assert not end_all_called(name, within=60)


def test_the_box_ends_with_an_interrupt(box: Bubblewrap) -> None:
    name = f"stop-{os.getpid()}"
    program = f"import ctypes, time; ctypes.CDLL(None).prctl(15, b'{name}', 0, 0, 0); time.sleep(600)"

    def interrupt(number: int, frame: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, 0.4)
    try:
        with pytest.raises(KeyboardInterrupt):
            box.run(program, limits=Limits(wall_seconds=60))
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)

    assert not end_all_called(name, within=60)


def test_limits_that_we_are_under_ourselves_are_kept() -> None:
    code = """
import resource
from selftune.toolforge.sandbox import find_sandbox
for kind, most in (resource.RLIMIT_NOFILE, 50), (resource.RLIMIT_FSIZE, 1 << 20), (resource.RLIMIT_CPU, 3):
    resource.setrlimit(kind, (most, most))
print(find_sandbox().run("import resource; print([resource.getrlimit(n)[1] for n in (7, 1, 0)])").stdout.decode())
"""
    said = subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, check=True, text=True)

    assert said.stdout.strip() == str([50, 1 << 20, 3])


def test_the_box_is_built_by_a_user_who_is_not_root(box: Bubblewrap) -> None:
    name = f"who-{os.getpid()}"
    program = f"import ctypes, time; ctypes.CDLL(None).prctl(15, b'{name}', 0, 0, 0); time.sleep(600)"
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(box.run, program, limits=Limits(wall_seconds=60))
        users: set[str] = set()
        while not running.done() and not users:
            users = {line for pid in named(name) for line in status_of(pid) if line.startswith(("Uid", "Groups"))}
            time.sleep(0.02)
        end_all_called(name, within=0)

    who = os.geteuid() or 65534
    assert f"Uid:\t{who}\t{who}\t{who}\t{who}" in users
    assert os.geteuid() or {line.strip() for line in users if line.startswith("Groups")} == {"Groups:"}


def test_a_sandbox_is_looked_for_once() -> None:
    assert find_sandbox() is find_sandbox()


def test_the_posture_says_what_holds_and_what_is_lacking(box: Bubblewrap) -> None:
    assert box.posture.box.startswith("bubblewrap ")
    assert box.posture.python.split(".")[:2] == platform.python_version().split(".")[:2]
    assert box.posture.verified
    assert "no cgroup" in " ".join(box.posture.lacking)
    assert box.posture.digest != replace(box.posture, filter_digest="").digest


_ALL_BUT_NETWORK: Final = ("--unshare-pid", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup")
_ALL_BUT_PIDS: Final = ("--unshare-net", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup")

# A box with one wall down, and what the probe says of it. It is what makes the probe worth believing.
_WALLS: Final[dict[str, tuple[Callable[[list[str]], list[str]], str]]] = {
    "network": (lambda words: swap(words, "--unshare-all", *_ALL_BUT_NETWORK), "with the host: net:"),
    "processes": (
        lambda words: swap(swap(words, "--unshare-all", *_ALL_BUT_PIDS), "--as-pid-1"),
        "with the host: pid:",
    ),
    "first process": (lambda words: swap(words, "--as-pid-1"), "the first process"),
    "host name": (lambda words: swap(swap(words, "--hostname"), "box"), "host's name"),
    "root": (lambda words: without(words, "--remount-ro", "/"), "write outside"),
    "devices": (lambda words: without(words, "--remount-ro", "/dev"), "write outside"),
    "size": (lambda words: without(words, "--size"), "has no end"),
    "filter": (lambda words: without(words, "--seccomp"), "no filter"),
    "limits": (lambda words: [word for word in words if not word.startswith("--nproc")], "a limit"),
    "processor": (lambda words: [word for word in words if not word.startswith("--cpu")], "a limit"),
    "packages": (lambda words: swap(words, "-S"), "packages"),
    "environment": (lambda words: swap(words, "--clearenv", "--setenv", "KEY", "value"), "environment"),
}


@dataclass(frozen=True, kw_only=True)
class _Weaker(Bubblewrap):
    """A box that is built with other words."""

    change: Callable[[list[str]], list[str]]

    def _command(self, limits: Limits, *, source: int, calls: int, mouth: int) -> list[str]:
        return self.change(super()._command(limits, source=source, calls=calls, mouth=mouth))


@pytest.mark.parametrize("wall", _WALLS)
def test_a_wall_that_is_down_is_seen(box: Bubblewrap, wall: str) -> None:
    change, said = _WALLS[wall]
    weaker = _Weaker(**{**vars(box), "change": change})

    found = list(faults(read_probe(weaker.run(PROBE)), Limits(), filtered=True))

    assert said in "; ".join(found)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can start a box as root")
def test_a_box_that_root_started_is_seen(box: Bubblewrap) -> None:
    found = list(faults(read_probe(replace(box, user=None).run(PROBE)), Limits(), filtered=True))

    assert "/proc/sys/kernel" in " ".join(found)


def test_a_whole_box_has_no_fault(box: Bubblewrap) -> None:
    assert list(faults(read_probe(box.run(PROBE)), Limits(), filtered=True)) == []


def test_a_probe_that_does_not_come_through_is_no_sandbox(box: Bubblewrap) -> None:
    with pytest.raises(SandboxError, match="could not be looked at"):
        read_probe(box.run("print('all is well')"))


@pytest.mark.parametrize(("name", "least"), [("memory_bytes", 32 << 20), ("processes", 2), ("open_files", 16)])
def test_limits_in_which_nothing_runs_are_refused_and_the_least_ones_do(box: Bubblewrap, name: str, least: int) -> None:
    with pytest.raises(UsageError, match=name):
        Limits(**{name: least - 1})

    assert box.run("print(1)", limits=Limits(**{name: least})).ok


def test_without_bubblewrap_there_is_no_sandbox(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(room, "_PATH", str(tmp_path))

    with pytest.raises(SandboxError, match="bwrap is not installed") as caught:
        open_bubblewrap()

    assert caught.value.exit_code == 9
    assert "apt-get install bubblewrap" in caught.value.next_step


@pytest.mark.parametrize("said", ["bubblewrap 0.6.1", "", "bubblewrap"])
def test_a_bubblewrap_that_is_too_old_is_no_sandbox(said: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    # A stand-in that only tells a version.
    (tmp_path / "bwrap").write_text(f"#!/bin/sh\necho '{said}'\n", encoding="utf-8")
    (tmp_path / "bwrap").chmod(0o755)
    monkeypatch.setattr(room, "_PATH", f"{tmp_path}:/usr/bin:/bin")

    with pytest.raises(SandboxError, match="too old"):
        open_bubblewrap()


def test_a_bubblewrap_that_may_not_build_is_no_sandbox(box: Bubblewrap, tmp_path: Path) -> None:
    # A stand-in for a kernel that gives ordinary users no namespaces.
    stand_in = Path("/bin/false")

    with pytest.raises(SandboxError, match="could not build"):
        replace(box, bwrap=stand_in).run("pass")
    with pytest.raises(SandboxError, match="could not be started"):
        replace(box, bwrap=tmp_path / "none").run("pass")


def test_a_machine_whose_calls_cannot_be_filtered_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "machine", lambda: "riscv64")

    with pytest.raises(SandboxError, match="riscv64"):
        open_bubblewrap()


def test_elsewhere_than_on_linux_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")

    with pytest.raises(SandboxError, match="darwin"):
        find_sandbox.__wrapped__()


def open_once() -> Bubblewrap:
    """The box that a property shares over its examples."""
    return find_sandbox()  # type: ignore[return-value]


def swap(words: list[str], word: str, *others: str) -> list[str]:
    """Others in the place of the first such word."""
    at = words.index(word)
    return [*words[:at], *others, *words[at + 1 :]]


def without(words: list[str], option: str, value: str | None = None) -> list[str]:
    """Without an option and its value."""
    at = next(at for at, word in enumerate(words) if word == option and value in (None, words[at + 1]))
    return [*words[:at], *words[at + 2 :]]


def named(name: str) -> list[int]:
    """Processes that call themselves so."""
    pids = [int(folder.name) for folder in Path("/proc").iterdir() if folder.name.isdigit()]
    return [pid for pid in pids if f"Name:\t{name}" in status_of(pid)]


def status_of(pid: int) -> list[str]:
    """What the kernel says of a process; nothing of one that is gone."""
    try:
        return Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines()
    except OSError:
        return []
