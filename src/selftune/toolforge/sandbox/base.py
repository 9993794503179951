"""What a sandbox does: it runs one program within limits, and tells how it ended."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Final, Protocol

from selftune.errors import UsageError

ROOM: Final = "/tmp"  # noqa: S108 - the one in the box, which is new and empty for each run
_MEBIBYTE: Final = 1 << 20
_LEAST: Final = {
    "wall_seconds": 0,
    "cpu_seconds": 1,
    "memory_bytes": 32 * _MEBIBYTE,
    "file_bytes": 1 << 16,
    "files": 1,
    "processes": 2,
    "open_files": 16,
    "output_bytes": 1,
}


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What one run may use; each is held by the kernel or by whoever started it, never by the program itself.

    Attributes:
        wall_seconds: From the start to the kill of the whole tree.
        cpu_seconds: Of each process, in whole seconds; one that ignores the signal is killed a second later.
        memory_bytes: Of each process as address space, and of all together as what they hold.
        file_bytes: Of each file, and of /tmp in the box as a whole.
        files: How many files /tmp may hold; an empty one costs the kernel memory too.
        processes: How many live at once, threads and the one that waits in the box included.
        open_files: Of each process.
        output_bytes: Of stdout, and of stderr.
    """

    wall_seconds: float = 10.0
    cpu_seconds: int = 5
    memory_bytes: int = 1024 * _MEBIBYTE
    file_bytes: int = 64 * _MEBIBYTE
    files: int = 20_000
    processes: int = 64
    open_files: int = 64
    output_bytes: int = _MEBIBYTE

    def __post_init__(self) -> None:
        """Refuse what no interpreter comes up in.

        Raises:
            UsageError: one of them is too small.
        """
        for name, least in _LEAST.items():
            if getattr(self, name) < least:
                raise UsageError(
                    f"a program in the sandbox can't run with {name} = {getattr(self, name)}.",
                    next_step=f"Give it {least} at least.",
                )


class EndedBy(StrEnum):
    """Why a program is over: by itself, or by the limit it met."""

    EXIT = "exit"
    SIGNAL = "signal"
    WALL = "wall"
    CPU = "cpu"
    MEMORY = "memory"
    FILES = "files"
    OUTPUT = "output"


@dataclass(frozen=True, kw_only=True)
class Ran:
    """What came of one run.

    Attributes:
        stdout: At most `Limits.output_bytes` bytes, whatever they are; so too `stderr`.
        exit_code: Of the program; 128 + the signal where one ended it.
        seconds: From the start to the end, the building of the box included.
        posture: Digest of what the box was seen to be.
    """

    stdout: bytes
    stderr: bytes
    exit_code: int
    ended_by: EndedBy
    seconds: float
    posture: str

    @property
    def ok(self) -> bool:
        """Whether the program ended by itself, with exit code 0."""
        return self.ended_by is EndedBy.EXIT and self.exit_code == 0


@dataclass(frozen=True, kw_only=True)
class Posture:
    """What holds a program here, as it was seen by this process.

    Attributes:
        box: What builds it, with its version.
        python: Version of the interpreter in the box.
        filter_digest: Of the filter of system calls; empty where there is none.
        lacking: What a stronger machine would add, in words.
        verified: False where nobody held this kind of box against the escape suite.
    """

    box: str
    python: str
    filter_digest: str
    lacking: tuple[str, ...]
    verified: bool = True

    @property
    def digest(self) -> str:
        """SHA-256 of all of it: two boxes of one digest were seen to hold the same."""
        text = json.dumps(asdict(self), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()


class Sandbox(Protocol):
    """Runs programs that nobody has read."""

    @property
    def posture(self) -> Posture:
        """What the box was seen to be when it was found."""
        ...

    def run(self, program: str, *, stdin: bytes = b"", limits: Limits | None = None) -> Ran:
        """Run Python source with the standard library alone, and wait for its end.

        Whatever the program does, prints or is, this returns; several may run at once, from several threads.

        Args:
            program: Python source, run as a script in an empty folder that is gone afterwards.
            stdin: All that it can read.
            limits: Those of `Limits()` if None.

        Raises:
            SandboxError: the box could not be built; nothing of the program ran.
        """
        ...
