"""What an attempt is, and when one has succeeded."""

from __future__ import annotations

import json
import platform
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from selftune.toolforge.sandbox.seccomp import numbers_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from selftune.toolforge.sandbox.base import EndedBy, Limits, Ran

MARK: Final = b"GOT OUT"

# What a program may use; only what it names is imported, for that takes longer than most attempts.
_MODULES: Final = (
    *("contextlib", "ctypes", "errno", "json", "mmap", "os", "resource", "signal", "socket", "subprocess", "sys"),
    *("threading", "time"),
)

# Written before each program: what it knows of the host, and how it says that it succeeded.
_PRELUDE: Final = """
facts = json.load(sys.stdin)

def got_out(what=""):
    print("GOT OUT", what, flush=True)

def show(path):
    with open(path, "rb", buffering=0) as file:
        got_out(file.read(200))

def call(name, *arguments):
    libc = ctypes.CDLL(None, use_errno=True)
    ctypes.set_errno(0)
    result = libc.syscall(facts["calls"][name], *(ctypes.c_long(argument) for argument in arguments))
    return 0 if result != -1 else ctypes.get_errno()
"""

# A call is refused when the kernel never looks at what it is given; any other answer means that it did.
_REACH: Final = """
answer = call({name!r}, *{arguments!r})
if answer != errno.EPERM:
    got_out(os.strerror(answer))
"""


class Control(StrEnum):
    """Where the same program must succeed, so that its failure in the box means something.

    `USER` is the host, as the user that the box is built by; `ROOT` is the host, as root, for what no other user may.
    """

    USER = "user"
    ROOT = "root"


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What a program is told about the host, so that it need not guess; the world of the tests fills it in.

    Attributes:
        readable_file: A file that everybody on the host may read; it holds the secret.
        writable_file: A file that everybody on the host may write.
        private_file: A file of this project.
        home: The home of whoever runs this.
        pid: A process on the host, of the same user as the box.
        tcp: Port of a listener on the loopback address, which sends the secret; so too `udp`, `unix`, `abstract`.
        other_address: An address beyond the loopback one that would answer.
        packages: Folders with installed packages.
        rooms: Folders to fill.
        name: What a process that is to outlive its parent calls itself.
    """

    readable_file: str = "/etc/hostname"
    writable_file: str = "/etc/hostname"
    private_file: str = "/etc/hostname"
    home: str = "/root"
    pid: int = 1
    tcp: int = 9
    udp: int = 9
    unix: str = "/run/none"
    abstract: str = "none"
    other_address: tuple[str, int] = ("169.254.169.254", 80)
    packages: tuple[str, ...] = ("/usr/lib/python3/dist-packages",)
    rooms: tuple[str, ...] = ("/", "/dev", "/dev/shm", "/usr")  # noqa: S108 - tried, and must fail
    name: str = "none"
    calls: Mapping[str, int] = field(default_factory=dict)

    def told(self) -> bytes:
        """As a program reads it from stdin."""
        return json.dumps({**asdict(self), "calls": dict(self.calls)}).encode()


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """One way to get out.

    Attributes:
        name: What it does, as a phrase that begins with a verb.
        program: Python source that prints the mark when it succeeded.
        limits: Smaller ones where it is about using too much.
        ends: How it must end, where it is to be ended.
        outlives: It leaves a process called `Facts.name` behind; that lives on if it got out.
        short: It needs to know nothing of the host and is over at once, so `doctor` runs it.
        machine: The only kind of machine on which there is such a way; empty for all.
    """

    name: str
    family: str
    program: str
    control: Control = Control.USER
    limits: Limits | None = None
    ends: EndedBy | None = None
    outlives: bool = False
    short: bool = False
    machine: str = ""


def program_of(attempt: Attempt) -> str:
    """The whole source, as it is run."""
    return with_prelude(attempt.program, uses=attempt.program)


def with_prelude(program: str, *, uses: str) -> str:
    """A program with what it is told and may call, and with the modules that the text in `uses` names."""
    text = _PRELUDE + uses
    needed = [name for name in _MODULES if f"{name}." in text]
    return f"import {', '.join(needed)}\n{_PRELUDE}{program}"


def reach(name: str, *arguments: int, control: Control = Control.USER, short: bool = False, told: str = "") -> Attempt:
    """Make one system call with arguments that do nothing, to see whether the kernel looks at them."""
    return Attempt(
        name=f"calls {name}{told}",
        family="kernel",
        program=_REACH.format(name=name, arguments=arguments),
        control=control,
        short=short,
    )


def known_calls() -> dict[str, int]:
    """The numbers of the system calls on this machine."""
    return numbers_of(platform.machine())


def got_out(attempt: Attempt, ran: Ran, *, secret: bytes, limits: Limits) -> str:
    """How it got out, or nothing; whether a process lives on is for who can see the host's processes."""
    if MARK in ran.stdout or MARK in ran.stderr:
        return ran.stdout[ran.stdout.find(MARK) :][:200].decode(errors="replace") or "said so on stderr"
    if secret in ran.stdout or secret in ran.stderr:
        return "it knows the secret"
    if max(len(ran.stdout), len(ran.stderr)) > limits.output_bytes:
        return "it was heard for longer than its limit"
    if attempt.ends is not None and ran.ended_by is not attempt.ends:
        return f"it ended by {ran.ended_by}, not by {attempt.ends}"
    return ""
