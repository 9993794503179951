"""What differs from system to system, in one place: calls that only POSIX has, and where Windows lies underneath.

Nobody else imports `fcntl`, `resource`, `termios` or their like, so that everything can be imported everywhere. The
sandbox and what runs inside it are the exception: they are Linux through and through, and are imported nowhere else.
What was tried on which system stands in docs/platforms.md.
"""

from __future__ import annotations

import os
import platform
import signal
import socket
import struct
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

_KIB: Final = 1024
_OTHERS: Final = 0o077
# prctl(2), PR_SET_PDEATHSIG.
_DIES_WITH_ITS_PARENT: Final = 1
_MOUNTS, _ROUTES = Path("/proc/mounts"), Path("/proc/net/route")
# A line of /proc/mounts begins with device, place, kind and options; /proc/net/route with name, target and gateway.
_MOUNT_FIELDS, _ROUTE_FIELDS = 4, 3


def own_cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def peak_memory_bytes() -> int:
    """The most memory this process alone ever held."""
    if sys.platform == "win32":
        import psutil

        return int(psutil.Process().memory_info().peak_wset)
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * _KIB


def bound_this_process(*, seconds: int, memory_bytes: int) -> None:
    """Let this process have so many more seconds of a processor and, on Linux, which alone takes it, so much memory.

    Windows has neither.
    """
    if sys.platform == "win32":
        return
    import resource

    used = resource.getrusage(resource.RUSAGE_SELF)
    last = int(used.ru_utime + used.ru_stime) + 1 + seconds
    resource.setrlimit(resource.RLIMIT_CPU, (last, last + 1))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable; Windows has no such call and needs none."""
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_path(path: Path) -> None:
    """Make what is in a file durable, or the names in a folder."""
    if path.is_dir():
        sync_folder(path)
        return
    # Windows flushes only what was opened for writing.
    with path.open("rb" if os.name == "posix" else "r+b") as stream:
        os.fsync(stream.fileno())


def is_read_by_others(path: Path) -> bool:
    """Whether other users of this machine may read a file; Windows does not say it by mode bits."""
    return os.name == "posix" and bool(path.stat().st_mode & _OTHERS)


def give_way(steps: int) -> None:
    """Let other processes go first, by so many steps of `nice`; Windows is asked for nothing."""
    if hasattr(os, "nice"):
        os.nice(steps)


def kill_this_process() -> None:
    """End at once, with nothing put in order, as a power cut would."""
    os.kill(os.getpid(), signal.SIGTERM if sys.platform == "win32" else signal.SIGKILL)


def die_with_parent() -> None:
    """Runs in a new process on Linux: the kernel kills it when who started it is gone, however that one went."""
    import ctypes

    ctypes.CDLL(None).prctl(_DIES_WITH_ITS_PARENT, getattr(signal, "SIGKILL", signal.SIGTERM))


def hears_each_key() -> bool:
    """Whether this system has terminals that can be asked for single keys."""
    try:
        import termios  # noqa: F401 - whether it is there
    except ImportError:
        return False
    return True


@contextmanager
def each_key(descriptor: int) -> Iterator[None]:
    """Hear every key of this terminal at once; where a system has no such terminals, line by line as ever.

    What was typed ahead counts too: nothing is thrown away.
    """
    if not hears_each_key():
        yield
        return
    import termios
    import tty

    before = termios.tcgetattr(descriptor)
    try:
        tty.setcbreak(descriptor, termios.TCSADRAIN)  # the default flushes
        yield
    finally:
        termios.tcsetattr(descriptor, termios.TCSADRAIN, before)


# --- Linux inside Windows ---------------------------------------------------------------------------------------------


def is_wsl(release: str = "") -> bool:
    """Whether this Linux runs inside Windows, by the name of its kernel."""
    return "microsoft" in (release or platform.uname().release).lower()


def windows_mount(folder: Path, mounts: Path = _MOUNTS) -> str | None:
    """Where the Windows drive is mounted that a folder lies on, as `/mnt/c`; None for a folder of Linux's own."""
    try:
        lines = mounts.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return None
    place, found = folder.resolve(), ("", False)
    for line in lines:
        fields = line.split()
        # Spaces in a name are written as octal (proc_mounts(5)).
        where = fields[1].replace("\\040", " ") if len(fields) >= _MOUNT_FIELDS else ""
        if where and place.is_relative_to(where) and len(where) >= len(found[0]):
            found = where, fields[2] == "drvfs" or (fields[2] == "9p" and "drvfs" in fields[3])
    return found[0] if found[1] else None


def windows_host(routes: Path = _ROUTES) -> str | None:
    """The address of Windows, as this Linux inside it sees it: the gateway of its default route; None without one.

    Where Windows mirrors its network into Linux, 127.0.0.1 is Windows too.
    """
    try:
        lines = routes.read_text(encoding="ascii", errors="replace").splitlines()[1:]
    except OSError:
        return None
    for fields in map(str.split, lines):
        if len(fields) >= _ROUTE_FIELDS and int(fields[1], 16) == 0 and int(fields[2], 16):
            return socket.inet_ntoa(struct.pack("<I", int(fields[2], 16)))
    return None
