"""Attempts to use more memory, disk, time or ears than there are."""

from __future__ import annotations

from typing import Final

from selftune.toolforge.sandbox.attempts.base import Attempt, Control
from selftune.toolforge.sandbox.base import EndedBy, Limits

_MEBIBYTE: Final = 1 << 20
LITTLE: Final = Limits(memory_bytes=192 * _MEBIBYTE, file_bytes=8 * _MEBIBYTE, files=300, wall_seconds=30)
_QUIET: Final = Limits(output_bytes=64 << 10, wall_seconds=30)
_HURRY: Final = Limits(wall_seconds=0.6, cpu_seconds=1)


def _try(
    name: str,
    program: str,
    *,
    family: str,
    limits: Limits,
    control: Control = Control.USER,
    ends: EndedBy | None = None,
    short: bool = False,
) -> Attempt:
    return Attempt(name=name, family=family, program=program, control=control, limits=limits, ends=ends, short=short)


_MEMORY: Final = (
    _try("takes more memory than it may", "x = bytes(400 << 20); got_out()", family="memory", limits=LITTLE),
    _try(
        "maps more memory than it may",
        "x = mmap.mmap(-1, 400 << 20, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | 0x4000); got_out()",
        family="memory",
        limits=LITTLE,
        short=True,
    ),
    _try(
        "unpacks something small into something huge",
        """
import gzip
small = gzip.compress(bytes(4 << 20)) * 60
gzip.decompress(small)
got_out(len(small))
""",
        family="memory",
        limits=LITTLE,
    ),
    _try(
        "takes more memory in many processes than it may",
        """
for _ in range(4):
    if os.fork() == 0:
        x = b"x" * (90 << 20)
        time.sleep(4)
        os._exit(0)
time.sleep(3)
got_out()
""",
        family="memory",
        limits=LITTLE,
        ends=EndedBy.MEMORY,
    ),
    _try(
        "keeps memory in a file without a name",
        "number = os.memfd_create('x'); os.truncate(number, 1 << 30); got_out()",
        family="memory",
        limits=LITTLE,
        short=True,
    ),
    _try(
        "keeps memory that outlives it",
        """
key = ctypes.CDLL(None).shmget(0, 1 << 20, 0o1600)
if key >= 0:
    ctypes.CDLL(None).shmctl(key, 0, None)
    got_out()
""",
        family="memory",
        limits=LITTLE,
        short=True,
    ),
    _try(
        "fills its folder",
        """
for number in range(4):
    with open(str(number), "wb") as file:
        file.write(bytes(4 << 20))
got_out()
""",
        family="memory",
        limits=LITTLE,
    ),
    _try(
        "fills every other folder",
        """
for room in facts["rooms"]:
    with contextlib.suppress(OSError):
        path = os.path.join(room, "filled")
        with open(path, "wb") as file:
            file.write(bytes(4096))
        os.unlink(path)
        got_out(room)
""",
        family="memory",
        limits=LITTLE,
        short=True,
    ),
    _try(
        "makes one huge file with nothing in it",
        "number = os.open('x', os.O_RDWR | os.O_CREAT); os.truncate(number, 1 << 33); got_out()",
        family="memory",
        limits=LITTLE,
        short=True,
    ),
    _try(
        "makes more files than it may",
        """
for number in range(2000):
    open(str(number), "x").close()
time.sleep(2)
got_out()
""",
        family="memory",
        limits=LITTLE,
        ends=EndedBy.FILES,
    ),
    _try(
        "opens more files than it may",
        "x = [os.open('/', os.O_RDONLY) for _ in range(200)]; got_out()",
        family="memory",
        limits=LITTLE,
        short=True,
    ),
)

# Nobody can go on after the wall, so whoever is heard after it got out. Who ends them may be kept waiting for a core.
_LONG_AFTER: Final = "end = time.monotonic() + 5\nwhile time.monotonic() < end:\n    time.sleep(0.1)\n"
_LATE: Final = f"{_LONG_AFTER}got_out()"

_TIME: Final = (
    _try(
        "calculates for ever",
        "while time.process_time() < 1.5:\n    pass\ngot_out()",
        family="time",
        limits=Limits(cpu_seconds=1, wall_seconds=60),
        ends=EndedBy.CPU,
    ),
    _try("sleeps past the end", _LATE, family="time", limits=_HURRY, ends=EndedBy.WALL),
    _try(
        "ignores every signal",
        """
for number in range(1, 65):
    with contextlib.suppress(OSError, ValueError):
        signal.signal(number, signal.SIG_IGN)
"""
        + _LATE,
        family="time",
        limits=_HURRY,
        ends=EndedBy.WALL,
    ),
    _try(
        "halts itself",
        "if os.fork():\n    os.kill(os.getpid(), signal.SIGSTOP)\nelse:\n"
        + "".join(f"    {line}\n" for line in _LATE.splitlines()),
        family="time",
        limits=_HURRY,
        ends=EndedBy.WALL,
    ),
    _try(
        "goes on with its outputs closed",
        f"os.dup2(1, 40); os.close(1); os.close(2)\n{_LONG_AFTER}os.write(40, b'GOT OUT')",
        family="time",
        limits=_HURRY,
        ends=EndedBy.WALL,
    ),
)

_TALK: Final = (
    _try(
        "says more than it may",
        "os.write(1, bytes(50_000)); os.write(1, bytes(50_000)); time.sleep(0.3); os.write(1, b'GOT OUT')",
        family="output",
        limits=_QUIET,
        ends=EndedBy.OUTPUT,
    ),
    _try(
        "says more on stderr than it may",
        "os.write(2, bytes(50_000)); os.write(2, bytes(50_000)); time.sleep(0.3); os.write(2, b'GOT OUT')",
        family="output",
        limits=_QUIET,
        ends=EndedBy.OUTPUT,
    ),
    _try(
        "talks on both by turns",
        "for _ in range(50):\n    os.write(1, bytes(2_000)); os.write(2, bytes(2_000))\n"
        "time.sleep(0.3); os.write(2, b'GOT OUT')",
        family="output",
        limits=_QUIET,
        ends=EndedBy.OUTPUT,
    ),
    _try(
        "never ends its line",
        "for _ in range(200):\n    print('x' * 1000, end='', flush=True)\ntime.sleep(0.3); got_out()",
        family="output",
        limits=_QUIET,
        ends=EndedBy.OUTPUT,
    ),
)

USAGE: Final = (*_MEMORY, *_TIME, *_TALK)
