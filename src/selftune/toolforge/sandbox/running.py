"""Starting the box, listening to it, and ending it: what the parent holds, and no program inside can touch."""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from selftune.toolforge.sandbox.base import EndedBy

if TYPE_CHECKING:
    from collections.abc import Sequence

    from selftune.toolforge.sandbox.base import Limits

_TICK_SECONDS: Final = 0.05
_GRACE_SECONDS: Final = 2.0
_CHUNK_BYTES: Final = 1 << 16
_PAGE_BYTES: Final = os.sysconf("SC_PAGE_SIZE")
_BLIND_SECONDS: Final = 0.002
_SIGNALLED: Final = 128
_SIGNALS: Final = 64
_CPU_USED_UP: Final = _SIGNALLED + signal.SIGXCPU


@dataclass(frozen=True, kw_only=True)
class Start:
    """What to start: the whole command, the descriptors it inherits, and who it runs as.

    Attributes:
        user: Identity to drop to; None to stay who we are.
        started: Reading end of a pipe on which the box says that it stands; None where it says so on stdout.
        sees_files: Whether the first process below the command has the root of the box, so that files can be counted.
    """

    command: Sequence[str]
    descriptors: Sequence[int]
    stdin: int
    user: int | None
    started: int | None
    sees_files: bool = True


@dataclass(frozen=True, kw_only=True)
class Heard:
    """What the parent saw of one run; `stood` is whether the box was built and the program begun."""

    stdout: bytes
    stderr: bytes
    exit_code: int
    ended_by: EndedBy
    seconds: float
    stood: bool


class _Ears:
    """Both outputs, read as they come and held up to the cap, and the word that the box stands."""

    def __init__(self, process: subprocess.Popen[bytes], started: int | None, cap: int) -> None:
        self._cap = cap
        self._started = started
        self.held = {pipe.fileno(): bytearray() for pipe in (process.stdout, process.stderr) if pipe is not None}
        self.full = False
        # Without a pipe of its own it is taken to stand: who started it reads the word out of stdout.
        self.stood = started is None
        self._selector = selectors.DefaultSelector()
        for descriptor in (*self.held, *(() if started is None else (started,))):
            os.set_blocking(descriptor, False)
            self._selector.register(descriptor, selectors.EVENT_READ)

    @property
    def open(self) -> bool:
        """Whether anybody still holds the other end of an output."""
        return any(descriptor in self._selector.get_map() for descriptor in self.held)

    def listen(self, seconds: float) -> None:
        """Wait for output that long at most, and take one piece of each."""
        for key, _ in self._selector.select(seconds):
            self._take(key.fd)

    def drain(self) -> None:
        """Take what was left in the pipes; whoever held them is dead or dying."""
        end = time.monotonic() + _GRACE_SECONDS
        while self.open and not self.full and time.monotonic() < end:
            self.listen(_TICK_SECONDS)

    def close(self) -> None:
        """Forget the descriptors; whoever opened them closes them."""
        self._selector.close()

    def _take(self, descriptor: int) -> None:
        try:
            piece = os.read(descriptor, _CHUNK_BYTES)
        except BlockingIOError:
            return
        if descriptor == self._started:
            # One word is all there is to hear; what else the program writes to it is not read.
            self.stood = bool(piece)
            self._selector.unregister(descriptor)
        elif piece:
            held = self.held[descriptor]
            room = self._cap - len(held)
            held += piece[:room]
            self.full = self.full or len(piece) > room
        else:
            self._selector.unregister(descriptor)


def run_and_listen(start: Start, limits: Limits) -> Heard:
    """Start the command, keep its limits, and come back when its tree is killed."""
    begun = time.monotonic()
    with _spawn(start) as process:
        ears = _Ears(process, start.started, limits.output_bytes)
        try:
            met = _follow(process, ears, limits, begun, sees_files=start.sees_files)
            _reap(process)
            ears.drain()
        finally:
            if process.returncode is None:
                _reap(process)
            ears.close()
    code = process.returncode if process.returncode >= 0 else _SIGNALLED - process.returncode
    if met is None:
        met = EndedBy.OUTPUT if ears.full else _told_by(code)
    out, err = (bytes(held) for held in ears.held.values())
    return Heard(
        stdout=out,
        stderr=err,
        exit_code=code,
        ended_by=met,
        seconds=time.monotonic() - begun,
        stood=ears.stood,
    )


def _spawn(start: Start) -> subprocess.Popen[bytes]:
    """Start with an empty environment, no descriptor but the named ones, and no group beside the user's own."""
    return subprocess.Popen(
        start.command,
        stdin=start.stdin,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={},
        cwd="/",
        pass_fds=tuple(start.descriptors),
        start_new_session=True,
        user=start.user,
        group=start.user,
        extra_groups=None if start.user is None else [],
    )


def _follow(
    process: subprocess.Popen[bytes], ears: _Ears, limits: Limits, begun: float, *, sees_files: bool
) -> EndedBy | None:
    """Listen until the command is over, or tell the limit that it met among those the parent holds."""
    end, looked = begun + limits.wall_seconds, begun
    while not _is_over(process):
        now = time.monotonic()
        if now >= end:
            return EndedBy.WALL
        if ears.full:
            return EndedBy.OUTPUT
        if ears.stood and now - looked >= _TICK_SECONDS:
            looked = now
            met = _met(process.pid, limits, sees_files=sees_files)
            if met is not None:
                return met
        if ears.open:
            ears.listen(min(_TICK_SECONDS, end - now))
        else:
            time.sleep(_BLIND_SECONDS)
    return None


def _is_over(process: subprocess.Popen[bytes]) -> bool:
    """Whether it has ended; it is left to be reaped, for that tells what it used."""
    return os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def _met(pid: int, limits: Limits, *, sees_files: bool) -> EndedBy | None:
    """The limit of the whole tree that is met, if any: no limit of a single process counts these."""
    tree = _below(pid)
    if sum(map(_resident_bytes, tree)) > limits.memory_bytes:
        return EndedBy.MEMORY
    if sees_files and tree and _files_in_tmp(tree[0]) > limits.files:
        return EndedBy.FILES
    return None


def _below(pid: int) -> list[int]:
    """Every process under one, itself left out; one that is gone meanwhile has none under it."""
    found: list[int] = []
    waiting = [pid]
    while waiting:
        children = _children(waiting.pop(0))
        found += children
        waiting += children
    return found


def _children(pid: int) -> list[int]:
    found: list[int] = []
    with contextlib.suppress(OSError):
        for thread in Path(f"/proc/{pid}/task").iterdir():
            found += map(int, (thread / "children").read_text(encoding="ascii").split())
    return found


def _resident_bytes(pid: int) -> int:
    with contextlib.suppress(OSError):
        return int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1]) * _PAGE_BYTES
    return 0


def _files_in_tmp(pid: int) -> int:
    """How many files the box holds; its /tmp is a mount in a root that nobody can write, so the name can't mislead."""
    with contextlib.suppress(OSError):
        seen = os.statvfs(f"/proc/{pid}/root/tmp")
        return seen.f_files - seen.f_ffree
    return 0


def _reap(process: subprocess.Popen[bytes]) -> None:
    """End what is left of the tree, and wait for it."""
    if not _is_over(process):
        _end(process)
    process.wait()


def _end(process: subprocess.Popen[bytes]) -> None:
    """Kill the first process of the box, which takes all others with it, then whoever started it.

    Who started it is halted before, so that it can't start another one between the look and the kill.
    """
    process.send_signal(signal.SIGSTOP)
    os.waitid(os.P_PID, process.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)
    children = _children(process.pid)
    for child in children:
        with contextlib.suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)
    process.send_signal(signal.SIGCONT if children else signal.SIGKILL)
    end = time.monotonic() + _GRACE_SECONDS
    while not _is_over(process):
        if time.monotonic() > end:
            process.kill()
        time.sleep(_BLIND_SECONDS)


def _told_by(code: int) -> EndedBy:
    """What an exit code says where the parent ended nothing; a shell and bubblewrap write a signal so too."""
    if code == _CPU_USED_UP:
        return EndedBy.CPU
    return EndedBy.SIGNAL if _SIGNALLED < code <= _SIGNALLED + _SIGNALS else EndedBy.EXIT
