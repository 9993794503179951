"""A host that is worth breaking into: a secret in a file, a process and four listeners, and who sees what got out."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
import subprocess
import tempfile
import threading
import time
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Final

from selftune.toolforge.sandbox import EndedBy, Ran
from selftune.toolforge.sandbox.attempts import Attempt, Control, Facts, program_of
from selftune.toolforge.sandbox.attempts.base import MARK, known_calls
from selftune.toolforge.sandbox.attempts.battery import battery_input, battery_program, read_battery

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from selftune.toolforge.sandbox.bubblewrap import Bubblewrap

_ROOT: Final = Path(__file__).resolve().parents[3]
_CONTROL_SECONDS: Final = 60


class Host:
    """What the attempts reach for; everything in it is known by one secret."""

    def __init__(self, folder: Path, box: Bubblewrap) -> None:
        self.secret = f"secret-{uuid.uuid4().hex}"
        self.box = box
        self.folder = folder
        self._closing = contextlib.ExitStack()
        folder.chmod(0o755)
        (folder / "secret").write_text(self.secret, encoding="utf-8")
        (folder / "public").touch()
        (folder / "public").chmod(0o666)
        (folder / "evil_twin.py").write_text("print('GOT OUT')", encoding="utf-8")
        self.tcp, self.udp, self.unix, self.abstract = self._listen()
        self.victim = self._start_victim()

    def facts(self, name: str, *, other: tuple[str, int], rooms: tuple[str, ...]) -> Facts:
        """What a program is told, in the box and out of it."""
        return Facts(
            readable_file=str(self.folder / "secret"),
            writable_file=str(self.folder / "public"),
            private_file=str(_ROOT / "pyproject.toml"),
            home=str(Path.home()),
            pid=self.victim.pid,
            tcp=self.tcp,
            udp=self.udp,
            unix=str(self.folder / "socket"),
            abstract=self.abstract,
            other_address=other,
            packages=tuple(map(str, self.box.interpreter.hidden)),
            rooms=rooms,
            name=name,
            calls=known_calls(),
        )

    def inside(self, attempt: Attempt, name: str) -> Ran:
        """Run an attempt in the box."""
        facts = self.facts(name, other=("169.254.169.254", 80), rooms=Facts().rooms)
        return self.box.run(program_of(attempt), stdin=facts.told(), limits=attempt.limits)

    def outside(self, attempt: Attempt, name: str) -> Ran:
        """Run it where nothing holds it: what the box keeps from it is all there."""
        room = self._new_room()
        told = self._facts_in(room, name).told()
        return self._run_free(room, program_of(attempt), told, attempt.control, halts=attempt.name == "halts itself")

    def outside_together(self, attempts: Sequence[Attempt], control: Control) -> dict[str, bytes]:
        """Run several so, one after the other in processes of their own; what each said."""
        room = self._new_room()
        told = battery_input(attempts, self._facts_in(room, "none"))
        ran = self._run_free(room, battery_program(attempts), told, control)
        return read_battery(ran.stdout)

    def _new_room(self) -> Path:
        room = Path(tempfile.mkdtemp(dir=self.folder))
        room.chmod(0o777)
        return room

    def _facts_in(self, room: Path, name: str) -> Facts:
        return self.facts(name, other=("127.0.0.1", self.tcp), rooms=(str(room),))

    def _run_free(self, room: Path, program: str, told: bytes, control: Control, *, halts: bool = False) -> Ran:
        (room / "given").write_bytes(told)
        (room / "program.py").write_text(program, encoding="utf-8")
        (room / "program.py").chmod(0o666)
        user = self.box.user if control is Control.USER else None
        with (room / "given").open("r+b") as given, (self.folder / "secret").open("rb") as inherited:
            process = subprocess.Popen(
                [self.box.interpreter.program, "-B", room / "program.py"],
                stdin=given,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                cwd=room,
                env={"PATH": "/usr/bin:/bin", "SECRET": self.secret, "PYTHONPATH": str(self.folder)},
                pass_fds=[inherited.fileno()],
                start_new_session=True,
                user=user,
                group=user,
                extra_groups=None if user is None else [],
            )
        heard = _hear_mark(process) if halts else b""
        try:
            out, err = process.communicate(timeout=0 if halts else _CONTROL_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            out, err = process.communicate()
        return Ran(
            stdout=heard + out,
            stderr=err,
            exit_code=process.returncode,
            ended_by=EndedBy.EXIT,
            seconds=0,
            posture="none",
        )

    def close(self) -> None:
        """End the process and the listeners."""
        self._closing.close()

    def _start_victim(self) -> subprocess.Popen[bytes]:
        """A process of the user that the box is built by, with the secret wherever a process may keep one."""
        with (self.folder / "secret").open("rb") as secret:
            victim = subprocess.Popen(
                ["/bin/sh", "-c", "read line", self.secret],
                stdin=subprocess.PIPE,
                env={"SECRET": self.secret},
                pass_fds=[secret.fileno()],
                user=self.box.user,
                group=self.box.user,
            )
        self._closing.callback(victim.communicate)
        self._closing.callback(victim.kill)
        return victim

    def _listen(self) -> tuple[int, int, str, str]:
        abstract = f"box-{uuid.uuid4().hex}"
        streams = [socket.socket(socket.AF_INET), socket.socket(socket.AF_UNIX), socket.socket(socket.AF_UNIX)]
        streams[0].bind(("127.0.0.1", 0))
        streams[1].bind(str(self.folder / "socket"))
        (self.folder / "socket").chmod(0o777)
        streams[2].bind(f"\0{abstract}")
        packets = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        packets.bind(("127.0.0.1", 0))
        for stream in streams:
            stream.listen()
            threading.Thread(target=self._answer, args=(stream,), daemon=True).start()
        threading.Thread(target=self._reply, args=(packets,), daemon=True).start()
        for listener in (*streams, packets):
            self._closing.callback(listener.close)
        return streams[0].getsockname()[1], packets.getsockname()[1], str(self.folder / "socket"), abstract

    def _answer(self, listener: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                caller, _ = listener.accept()
                with caller:
                    caller.recv(1)
                    caller.send(self.secret.encode())

    def _reply(self, packets: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                _, caller = packets.recvfrom(10)
                packets.sendto(self.secret.encode(), caller)


def _hear_mark(process: subprocess.Popen[bytes]) -> bytes:
    """What a program that never ends says, until it says that it got out."""
    end, heard, more = time.monotonic() + _CONTROL_SECONDS, b"", b"x"
    assert process.stdout is not None
    while MARK not in heard and more and select.select([process.stdout], [], [], max(0.0, end - time.monotonic()))[0]:
        more = os.read(process.stdout.fileno(), 4096)
        heard += more
    return heard


def end_all_called(name: str, *, within: float) -> bool:
    """Whether a process of this name lives that long at least; it is ended."""
    end = time.monotonic() + within
    while True:
        found = list(_called(name))
        if not found:
            return False
        if time.monotonic() >= end:
            break
        time.sleep(0.05)
    for pid in found:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    return True


def _called(name: str) -> Iterator[int]:
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            with contextlib.suppress(OSError):
                if (folder / "comm").read_text(encoding="utf-8").strip() == name:
                    yield int(folder.name)
