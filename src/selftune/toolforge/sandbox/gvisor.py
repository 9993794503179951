"""The box of gVisor, where the operator installed `runsc`: it has a kernel of its own.

NOT VERIFIED: no current `runsc` could be had where this was written. It keeps to the OCI runtime specification and to
what `runsc` documents, and was held against a stand-in. What it is seen to be from inside decides whether it is used.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import tempfile
import uuid
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from selftune.errors import SandboxError
from selftune.toolforge.sandbox.base import ROOM, EndedBy, Limits, Posture, Ran
from selftune.toolforge.sandbox.interpreter import Interpreter, choose_interpreter
from selftune.toolforge.sandbox.posture import HOST, PROBE, faults, read_probe, unseen
from selftune.toolforge.sandbox.prelude import PROGRAM, STANDS, prelude, python_words
from selftune.toolforge.sandbox.running import Start, run_and_listen
from selftune.toolforge.sandbox.sealing import sealed

if TYPE_CHECKING:
    from collections.abc import Iterator

NAME: Final = "runsc"
INSTALL: Final = "Install bubblewrap (`apt-get install bubblewrap`), or a current runsc, then run `selftune doctor`."
_NOBODY: Final = 65534
_LINKED: Final = ("bin", "sbin", "lib", "lib64", "lib32")
_NAMESPACES: Final = ("pid", "network", "ipc", "uts", "mount")
_POWERS: Final = ("bounding", "effective", "inheritable", "permitted", "ambient")
_TIDY_SECONDS: Final = 10


@dataclass(frozen=True, kw_only=True)
class Gvisor:
    """A sandbox by gVisor; `open_gvisor` makes one that was looked at."""

    runsc: Path
    interpreter: Interpreter
    posture: Posture = field(default_factory=lambda: unseen(NAME))

    def run(self, program: str, *, stdin: bytes = b"", limits: Limits | None = None) -> Ran:
        """Run Python source in a new box; see `Sandbox.run`. The word that the box stands is a byte of its output."""
        limits = limits or Limits()
        name = f"box-{uuid.uuid4().hex}"
        with tempfile.TemporaryDirectory(prefix="box-") as folder, sealed(stdin) as given:
            bundle = Path(folder)
            self._lay_out(bundle, program, limits)
            start = Start(
                command=[*self._runsc(bundle), "run", "-bundle", folder, name],
                descriptors=(),
                stdin=given,
                user=None,
                started=None,
                sees_files=False,
            )
            try:
                heard = run_and_listen(start, limits)
            except (OSError, subprocess.SubprocessError) as error:
                raise SandboxError(f"gVisor could not be started: {error}.", next_step=INSTALL) from error
            finally:
                self._tidy(bundle, name)
        stood = heard.stdout.startswith(STANDS)
        if not stood and heard.ended_by in (EndedBy.EXIT, EndedBy.SIGNAL):
            said = heard.stderr.decode(errors="replace").strip()[-300:]
            raise SandboxError(f"gVisor could not build a sandbox: {said}.", next_step=INSTALL)
        return Ran(
            stdout=heard.stdout.removeprefix(STANDS),
            stderr=heard.stderr,
            exit_code=heard.exit_code,
            ended_by=heard.ended_by,
            seconds=heard.seconds,
            posture=self.posture.digest,
        )

    def _runsc(self, bundle: Path) -> list[str]:
        rootless = ["--rootless"] if os.geteuid() else []
        return [str(self.runsc), "--root", str(bundle / "state"), "--network=none", "--ignore-cgroups", *rootless]

    def _lay_out(self, bundle: Path, program: str, limits: Limits) -> None:
        """Write the bundle: a root with nothing in it but mount points, the program, and the specification."""
        root = bundle / "rootfs"
        root.mkdir()
        for name in _LINKED:
            folder = Path("/") / name
            if folder.is_symlink():
                (root / name).symlink_to(folder.readlink())
        (bundle / "program.py").write_bytes(program.encode("utf-8", "surrogatepass"))
        (bundle / "config.json").write_text(json.dumps(self._specification(bundle, limits)), encoding="utf-8")

    def _specification(self, bundle: Path, limits: Limits) -> dict[str, Any]:
        """The OCI runtime specification of one run."""
        return {
            "ociVersion": "1.0.2",
            "hostname": HOST,
            "root": {"path": "rootfs", "readonly": True},
            "process": {
                "terminal": False,
                "user": {"uid": _NOBODY, "gid": _NOBODY},
                "args": [*python_words(self.interpreter.program), prelude(None)],
                "env": [],
                "cwd": ROOM,
                "noNewPrivileges": True,
                "capabilities": {name: [] for name in _POWERS},
                "rlimits": list(_rlimits(limits)),
            },
            "mounts": list(self._mounts(bundle, limits)),
            "linux": {"namespaces": [{"type": name} for name in _NAMESPACES]},
        }

    def _mounts(self, bundle: Path, limits: Limits) -> Iterator[dict[str, Any]]:
        folders = [Path("/") / name for name in _LINKED]
        shown = [Path("/usr"), *(folder for folder in folders if folder.is_dir() and not folder.is_symlink())]
        for path in (*shown, *self.interpreter.bound):
            yield _bind(path, path)
        yield _bind(bundle / "program.py", Path(PROGRAM))
        for path in self.interpreter.hidden:
            yield {"destination": str(path), "type": "tmpfs", "source": "tmpfs", "options": ["ro"]}
        yield {"destination": "/proc", "type": "proc", "source": "proc", "options": ["ro"]}
        size = f"size={limits.file_bytes}"
        yield {
            "destination": ROOM,
            "type": "tmpfs",
            "source": "tmpfs",
            "options": ["nosuid", "nodev", "mode=1777", size],
        }

    def _tidy(self, bundle: Path, name: str) -> None:
        """Let runsc forget the box, whether or not it still knows it."""
        with contextlib.suppress(OSError, subprocess.SubprocessError):
            command = [*self._runsc(bundle), "delete", "-force", name]
            subprocess.run(command, capture_output=True, env={}, check=False, timeout=_TIDY_SECONDS)


def open_gvisor() -> Gvisor:
    """GVisor, looked at from inside.

    Raises:
        SandboxError: it is not there, builds no box, or the box holds less than it should; the message names what.
    """
    found = shutil.which(NAME)
    if found is None:
        raise SandboxError("runsc is not installed.", next_step=INSTALL)
    box = Gvisor(runsc=Path(found), interpreter=choose_interpreter(dropped=False))
    seen = read_probe(box.run(PROBE))
    lacks = list(faults(seen, Limits(), own_kernel=True))
    if lacks:
        raise SandboxError(f"the sandbox of gVisor does not hold: {'; '.join(lacks)}.", next_step=INSTALL)
    said = subprocess.run([found, "--version"], capture_output=True, text=True, env={}, check=False).stdout
    posture = Posture(
        box=f"gVisor {said.split()[-1] if said.split() else 'of unknown version'}",
        python=seen["python"],
        filter_digest="",
        lacking=("processor time is bounded by the wall clock alone",),
        verified=False,
    )
    return replace(box, posture=posture)


def _bind(source: Path, place: Path) -> dict[str, Any]:
    return {"destination": str(place), "type": "bind", "source": str(source), "options": ["rbind", "ro"]}


def _rlimits(limits: Limits) -> Iterator[dict[str, Any]]:
    asked = {
        "NPROC": limits.processes,
        "AS": limits.memory_bytes,
        "CPU": limits.cpu_seconds,
        "FSIZE": limits.file_bytes,
        "NOFILE": limits.open_files,
        "CORE": 0,
    }
    for name, most in asked.items():
        yield {"type": f"RLIMIT_{name}", "soft": most, "hard": most}
