"""What the box is seen to be, by a program that looks around in it; what it only should be counts for nothing."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from selftune.errors import SandboxError
from selftune.toolforge.sandbox.base import ROOM, Posture

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from selftune.toolforge.sandbox.base import Limits, Ran

# It tries rather than reads wherever a try is harmless, and prints one JSON object.
PROBE: Final = r"""
import ctypes, json, os, resource, socket, sys

def error_of(deed):
    try:
        deed()
    except OSError as error:
        return error.errno
    return 0

def status(name, process="self"):
    with open("/proc/" + process + "/status") as lines:
        return next((line.split(":")[1].strip() for line in lines if line.startswith(name + ":")), "")

def held(folder, name):
    return error_of(lambda: os.close(os.open(folder + "/" + name, os.O_WRONLY | os.O_CREAT))) != 0

with open("/proc/self/mounts") as lines:
    mounts = [line.split() for line in lines]
with open("/proc/net/dev") as lines:
    devices = sorted(line.split(":")[0].strip() for line in lines if ":" in line)
descriptors = [int(name) for name in os.listdir("/proc/self/fd")]
room = os.statvfs("/tmp")
folders = "", "/usr", "/dev", "/dev/shm", "/proc/sys/kernel"
powers = "Uid", "CapPrm", "CapEff", "CapBnd", "NoNewPrivs", "Seccomp"
namespaces = "net", "pid", "ipc", "uts", "mnt", "user"
names = "NPROC", "AS", "CPU", "FSIZE", "NOFILE", "CORE"
print(json.dumps({
    "python": sys.version.split()[0],
    "ids": [*os.getresuid(), *os.getresgid()],
    "capabilities": [int(status(name), 16) for name in ("CapPrm", "CapEff", "CapBnd", "CapAmb")],
    "no_new_privileges": ctypes.CDLL(None).prctl(39, 0, 0, 0, 0) == 1,
    "kernel": os.uname().release,
    "filtered": status("Seccomp") == "2",
    "first_held": [status(name) for name in powers] == [status(name, "1") for name in powers]
        and all(resource.prlimit(0, kind) == resource.prlimit(1, kind) for kind in range(16)),
    "processes": sum(name.isdigit() for name in os.listdir("/proc")),
    "devices": devices,
    "namespaces": [os.readlink("/proc/self/ns/" + name) for name in namespaces],
    "environment": sorted(os.environ),
    "descriptors": sorted(number for number in descriptors if os.path.exists("/proc/self/fd/%d" % number)),
    "writable": sorted(row[1] for row in mounts if row[3].startswith("rw") and row[2] not in ("proc", "devpts")),
    "written": [name for name in folders if not held(name, "core_pattern")],
    "tmp_bytes": room.f_blocks * room.f_frsize,
    "limits": {name: resource.getrlimit(getattr(resource, "RLIMIT_" + name))[1] for name in names},
    "connects": error_of(lambda: socket.create_connection(("127.0.0.1", 9), 0.2)),
    "socket": error_of(lambda: socket.socket().close()),
    "packages": [name for name in sys.path if name.endswith("-packages")],
    "host": os.uname().nodename,
}))
"""

HOST: Final = "box"
_LOOPBACK: Final = ["lo"]
_DEVICES: Final = "/dev/"
_OUTPUTS: Final = [0, 1, 2]
# Python sets the locale itself, bubblewrap the folder.
_HARMLESS_NAMES: Final = {"PWD", "LC_CTYPE"}
_FEW_PROCESSES: Final = 4


def unseen(box: str) -> Posture:
    """Of a box that nobody has looked at yet."""
    return Posture(box=box, python="", filter_digest="", lacking=("nobody has looked at it",), verified=False)


def read_probe(ran: Ran) -> Mapping[str, Any]:
    """What the probe saw.

    Raises:
        SandboxError: the box stands, but the probe did not come through.
    """
    try:
        seen = json.loads(ran.stdout)
    except ValueError:
        seen = None
    if not ran.ok or not isinstance(seen, dict):
        said = ran.stderr.decode(errors="replace").strip()[-300:]
        raise SandboxError(
            f"the sandbox could not be looked at from inside ({ran.ended_by}, exit code {ran.exit_code}): {said}",
            next_step="Run `selftune doctor` to see what is missing.",
        )
    return seen


def faults(
    seen: Mapping[str, Any], limits: Limits, *, filtered: bool = False, own_kernel: bool = False
) -> Iterator[str]:
    """Everything in which the box is less than it is meant to be.

    Args:
        seen: What the probe saw.
        limits: Those that the probe ran within.
        filtered: Whether a filter of system calls is meant to hold it.
        own_kernel: Whether it is meant to have a kernel of its own, whose namespaces say nothing about ours.
    """
    yield from _powers(seen)
    if filtered and not (seen["filtered"] and seen["socket"]):
        yield "no filter of system calls holds it"
    if own_kernel and seen["kernel"] == os.uname().release:
        yield "it runs on the kernel of the host"
    shared = [] if own_kernel else [name for name in seen["namespaces"] if name in _of_the_host()]
    if shared:
        yield f"it shares with the host: {', '.join(shared)}"
    yield from _reach(seen)
    yield from _inherited(seen)
    if seen["tmp_bytes"] > limits.file_bytes:
        yield f"its {ROOM} has no end"
    asked = {"NPROC": limits.processes, "AS": limits.memory_bytes, "CPU": limits.cpu_seconds + 1}
    asked |= {"FSIZE": limits.file_bytes, "NOFILE": limits.open_files, "CORE": 0}
    if any(not 0 <= seen["limits"][name] <= most for name, most in asked.items()):
        yield "a limit of its processes does not hold"


def _powers(seen: Mapping[str, Any]) -> Iterator[str]:
    if not all(seen["ids"]):
        yield "the program is root"
    if any(seen["capabilities"]) or not seen["no_new_privileges"]:
        yield "it holds capabilities or may gain them"
    if not seen["first_held"]:
        yield "the first process of the box is held less than the program"


def _reach(seen: Mapping[str, Any]) -> Iterator[str]:
    if seen["devices"] not in ([], _LOOPBACK) or not seen["connects"]:
        yield f"it sees a network: {', '.join(seen['devices'])}"
    if seen["processes"] > _FEW_PROCESSES:
        yield f"it sees {seen['processes']} processes"
    outside = [name for name in seen["writable"] if name != ROOM and not name.startswith(_DEVICES)]
    if outside or seen["written"]:
        yield f"it can write outside {ROOM}: {', '.join([*outside, *seen['written']])}"


def _of_the_host() -> set[str]:
    """The namespaces of this process, as the kernel names them."""
    return {str(path.readlink()) for path in Path("/proc/self/ns").iterdir()}


def _inherited(seen: Mapping[str, Any]) -> Iterator[str]:
    if seen["descriptors"] != _OUTPUTS:
        yield "it inherited open files"
    if not _HARMLESS_NAMES.issuperset(seen["environment"]):
        yield "it inherited environment variables"
    if seen["packages"]:
        yield "it sees installed packages"
    if seen["host"] != HOST:
        yield "it knows the host's name"
