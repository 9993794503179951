"""The box of bubblewrap: own namespaces on the host's kernel, built anew for each run by a user who is nobody."""

from __future__ import annotations

import contextlib
import os
import platform
import resource
import shutil
import subprocess
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from selftune.errors import SandboxError
from selftune.toolforge.sandbox.base import ROOM, EndedBy, Limits, Posture, Ran
from selftune.toolforge.sandbox.interpreter import Interpreter, choose_interpreter
from selftune.toolforge.sandbox.posture import HOST, PROBE, faults, read_probe, unseen
from selftune.toolforge.sandbox.prelude import PROGRAM, prelude, python_words
from selftune.toolforge.sandbox.running import Start, run_and_listen
from selftune.toolforge.sandbox.sealing import sealed
from selftune.toolforge.sandbox.seccomp import Filter, compile_filter

if TYPE_CHECKING:
    from collections.abc import Iterator

NAME: Final = "bwrap"
INSTALL: Final = "Install bubblewrap (`apt-get install bubblewrap`), then run `selftune doctor`."
_ALLOW: Final = (
    "Allow ordinary users to make user namespaces (on Ubuntu by an AppArmor profile for bwrap; in a container by its "
    "seccomp profile), or install gVisor's runsc; then run `selftune doctor`."
)
_OLDEST: Final = [0, 8]
_NOBODY: Final = 65534
_LINKED: Final = ("bin", "sbin", "lib", "lib64", "lib32")
# Only what the system's administrator installed may build the box.
_PATH: Final = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_TOLD_BY_THE_KERNEL: Final = (
    *("cmdline", "config.gz", "kallsyms", "kcore", "key-users", "keys", "modules", "sched_debug", "timer_list"),
    *("interrupts", "iomem", "ioports", "partitions", "diskstats", "swaps", "vmallocinfo"),
)
_BY_ITSELF: Final = (EndedBy.EXIT, EndedBy.SIGNAL)
_NOT_COUNTED: Final = "no cgroup: the memory of the kernel itself is not counted"

_NAMESPACES: Final = (
    *("--unshare-all", "--unshare-user", "--disable-userns", "--die-with-parent", "--new-session", "--as-pid-1"),
    *("--cap-drop", "ALL", "--clearenv", "--hostname", HOST, "--uid", str(_NOBODY), "--gid", str(_NOBODY)),
)


@dataclass(frozen=True, kw_only=True)
class Bubblewrap:
    """A sandbox by bubblewrap; `open_bubblewrap` makes one that was looked at.

    Attributes:
        bwrap: The program.
        user: Identity that it is started with; None where we are no root.
        calls: The filter of system calls.
    """

    bwrap: Path
    prlimit: Path
    interpreter: Interpreter
    calls: Filter
    user: int | None
    posture: Posture = field(default_factory=lambda: unseen(NAME))

    def run(self, program: str, *, stdin: bytes = b"", limits: Limits | None = None) -> Ran:
        """Run Python source in a new box; see `Sandbox.run`."""
        limits = limits or Limits()
        with contextlib.ExitStack() as opened:
            source = opened.enter_context(sealed(program.encode("utf-8", "surrogatepass")))
            given = opened.enter_context(sealed(stdin))
            calls = opened.enter_context(sealed(self.calls.program))
            ear, mouth = os.pipe()
            opened.callback(os.close, ear)
            opened.callback(os.close, mouth)
            start = Start(
                command=self._command(limits, source=source, calls=calls, mouth=mouth),
                descriptors=(source, calls, mouth),
                stdin=given,
                user=self.user,
                started=ear,
            )
            try:
                heard = run_and_listen(start, limits)
            except (OSError, subprocess.SubprocessError) as error:
                raise SandboxError(f"bubblewrap could not be started: {error}.", next_step=INSTALL) from error
        if not heard.stood and heard.ended_by in _BY_ITSELF:
            said = heard.stderr.decode(errors="replace").strip()[-300:]
            raise SandboxError(f"bubblewrap could not build a sandbox: {said}.", next_step=_ALLOW)
        return Ran(
            stdout=heard.stdout,
            stderr=heard.stderr,
            exit_code=heard.exit_code,
            ended_by=heard.ended_by,
            seconds=heard.seconds,
            posture=self.posture.digest,
        )

    def _command(self, limits: Limits, *, source: int, calls: int, mouth: int) -> list[str]:
        return [
            str(self.bwrap),
            *_NAMESPACES,
            *("--proc", "/proc", *_covered(), "--dev", "/dev", "--remount-ro", "/dev"),
            # Before what is seen of the host: an interpreter may lie under a folder of this name.
            *("--size", str(limits.file_bytes), "--tmpfs", ROOM),
            *self._seen(),
            *("--file", str(source), PROGRAM, "--chdir", ROOM, "--remount-ro", "/"),
            *("--seccomp", str(calls), "--"),
            str(self.prlimit),
            *_as_options(limits),
            *python_words(self.interpreter.program),
            prelude(mouth),
        ]

    def _seen(self) -> Iterator[str]:
        """What of the host can be seen, all of it read-only."""
        yield from ("--ro-bind", "/usr", "/usr")
        for name in _LINKED:
            folder = Path("/") / name
            if folder.is_symlink():
                yield from ("--symlink", str(folder.readlink()), str(folder))
            elif folder.is_dir():
                yield from ("--ro-bind", str(folder), str(folder))
        yield from ("--ro-bind-try", "/etc/ld.so.cache", "/etc/ld.so.cache")
        for path in self.interpreter.bound:
            yield from ("--ro-bind", str(path), str(path))
        for path in self.interpreter.hidden:
            yield from ("--tmpfs", str(path), "--remount-ro", str(path))


def open_bubblewrap() -> Bubblewrap:
    """Bubblewrap, looked at from inside.

    Raises:
        SandboxError: it is not there, builds no box, or the box holds less than it should; the message names what.
    """
    bwrap, prlimit = _find(NAME, INSTALL), _find("prlimit", "Install util-linux, then run `selftune doctor`.")
    calls = compile_filter(platform.machine())
    if calls is None:
        raise SandboxError(
            f"no filter of system calls is known for {platform.machine()}.",
            next_step="Run the forge on x86_64 or aarch64, or install gVisor's runsc.",
        )
    version = _version(bwrap)
    dropped = os.geteuid() == 0
    box = Bubblewrap(
        bwrap=bwrap,
        prlimit=prlimit,
        interpreter=choose_interpreter(dropped=dropped),
        calls=calls,
        user=_NOBODY if dropped else None,
    )
    seen = read_probe(box.run(PROBE))
    found = list(faults(seen, Limits(), filtered=True))
    if found:
        raise SandboxError(f"the sandbox does not hold: {'; '.join(found)}.", next_step=INSTALL)
    posture = Posture(box=version, python=seen["python"], filter_digest=calls.digest, lacking=(_NOT_COUNTED,))
    return replace(box, posture=posture)


def _find(name: str, next_step: str) -> Path:
    found = shutil.which(name, path=_PATH)
    if found is None:
        raise SandboxError(f"{name} is not installed.", next_step=next_step)
    return Path(found)


def _version(program: Path) -> str:
    """What it says of itself, as `bubblewrap 0.8.0`.

    Raises:
        SandboxError: it can't close user namespaces to what runs in it; that came with 0.8.
    """
    said = subprocess.run([program, "--version"], capture_output=True, text=True, env={}, check=False).stdout.strip()
    numbers = [int(part) for part in said.rpartition(" ")[2].split(".") if part.isdigit()]
    if numbers < _OLDEST:
        raise SandboxError(f"{said or program} is too old.", next_step="Install bubblewrap 0.8 or later.")
    return said


def _covered() -> Iterator[str]:
    """Files of /proc that tell of the host and not of the box: what lies over them can't even be opened."""
    for name in _TOLD_BY_THE_KERNEL:
        if (Path("/proc") / name).exists():
            yield from ("--ro-bind", "/dev/null", f"/proc/{name}")


def _as_options(limits: Limits) -> Iterator[str]:
    """What the kernel holds each process to; the second figure of a pair is the one that can't be ignored."""
    yield f"--nproc={_within('NPROC', limits.processes)}"
    yield f"--as={_within('AS', limits.memory_bytes)}"
    yield f"--cpu={_within('CPU', limits.cpu_seconds)}:{_within('CPU', limits.cpu_seconds + 1)}"
    yield f"--fsize={_within('FSIZE', limits.file_bytes)}"
    yield f"--nofile={_within('NOFILE', limits.open_files)}"
    yield "--core=0"


def _within(name: str, most: int) -> int:
    """A limit, or the one that we are under ourselves: nobody can raise that."""
    ours = resource.getrlimit(getattr(resource, f"RLIMIT_{name}"))[1]
    return most if ours == resource.RLIM_INFINITY else min(most, ours)
