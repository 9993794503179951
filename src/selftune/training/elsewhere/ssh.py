"""The back-end `ssh`: the job goes to another machine, selftune trains it there, and its adapter comes back.

Only `ssh` here and `tar`, `timeout` and selftune there are needed. The other machine holds the recipe's seconds itself,
and kills the training a minute after them, whether or not anybody is still connected.
"""

from __future__ import annotations

import math
import re
import shlex
import shutil
import subprocess
import tarfile
import tempfile
import threading
import time
from dataclasses import replace
from pathlib import Path
from queue import SimpleQueue
from typing import TYPE_CHECKING, Final

from selftune.bases.provenance import Provenance
from selftune.bases.shape import read_shape
from selftune.context import Progress
from selftune.errors import UsageError
from selftune.records import RunStatus
from selftune.training.base import TrainingResult, TrainingStoppedError
from selftune.training.elsewhere.jobs import ADAPTER, RESULT, SentJob, read_result, write_job
from selftune.training.lora import FILES
from selftune.training.machine import Machine, needed_bytes
from selftune.training.preflight import check_fits

if TYPE_CHECKING:
    from collections.abc import Sequence

    from selftune.context import Context
    from selftune.context import Machine as StatedMachine
    from selftune.training.base import TrainingJob

BACKEND_THERE: Final = "packed"
GRACE_SECONDS: Final = 60
_KILLED: Final = frozenset({124, 137})  # how `timeout` ends
_FOLDER: Final = re.compile(r"/[\w./-]+")
_LOOK_SECONDS: Final = 0.1
_JOIN_SECONDS: Final = 5.0
_GB: Final = 1e9
_AVAILABLE: Final = re.compile(r"^MemAvailable:\s+(\d+) kB$", re.MULTILINE)
_STEP: Final = re.compile(r"step (?P<done>\d+) of (?P<total>\d+): (?P<note>.*)")


class SshBackend:
    """Trains on the machine that `[machine] ssh` names; after the recipe's seconds it is given so many more."""

    def __init__(
        self, ssh: Sequence[str] = ("ssh", "-o", "BatchMode=yes"), *, grace_seconds: int = GRACE_SECONDS
    ) -> None:
        self._ssh = tuple(ssh)
        self._grace = grace_seconds

    def train(self, job: TrainingJob, context: Context) -> TrainingResult:
        """Send, train there, bring back; what was put there is removed, however it ends.

        Raises:
            UsageError: no other machine is named, or it has too little memory free.
            RuntimeError: it can't be reached, or the training there failed; the text is its own last line.
            TrainingStoppedError: a person stopped it.
        """
        machine = self.machine_there(context.machine)
        check_fits(needed_bytes(job.rows, job.recipe, read_shape(job.base_folder)), machine)
        host = machine.name
        there = self._ask(host, "mktemp -d").strip()
        if not _FOLDER.fullmatch(there):
            raise RuntimeError(f"{host} answered {there!r} where a folder was asked for")
        try:
            self._send(host, there, job, context)
            code, said = self._run(host, there, job, context)
            if code in _KILLED:
                return _killed(job, self._grace)
            if code:
                raise RuntimeError(f"{host}: {said}")
            return self._bring_back(host, there, job)
        finally:
            self._ask(host, f"rm -rf {there}")

    def machine_there(self, said: StatedMachine) -> Machine:
        """The other machine, with the memory that its owner states, else with what Linux there says is free.

        Raises:
            UsageError: none is named.
            RuntimeError: it can't be reached.
        """
        if not said.ssh or said.ssh.startswith("-"):
            raise UsageError(
                "the back-end ssh needs the name of another machine.",
                next_step='Write ssh = "user@host" under [machine] in selftune.toml.',
            )
        if said.ssh_memory_gb:
            return Machine(name=said.ssh, free_bytes=round(said.ssh_memory_gb * _GB), is_here=False)
        told = _AVAILABLE.search(self._ask(said.ssh, "cat /proc/meminfo || true"))
        return Machine(name=said.ssh, free_bytes=int(told[1]) * 1024 if told else None, is_here=False)

    def _ask(self, host: str, command: str) -> str:
        done = subprocess.run(
            [*self._ssh, host, command], capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL
        )
        if done.returncode:
            raise RuntimeError(f"{host}: {_last_line(done.stderr)}")
        return done.stdout

    def _send(self, host: str, there: str, job: TrainingJob, context: Context) -> None:
        context.report(Progress(done=0, total=len(job.batches), note=f"sending to {host}"))
        recipe = replace(job.recipe, backend=BACKEND_THERE)
        with tempfile.TemporaryDirectory() as scratch:
            sent = SentJob(job=replace(job, recipe=recipe), base=context.base, origin=Provenance())
            write_job(sent, Path(scratch))
            command = [*self._ssh, host, f"tar -xf - -C {there}"]
            with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL) as process:
                assert process.stdin is not None  # noqa: S101 - it was asked for
                with tarfile.open(fileobj=process.stdin, mode="w|") as archive:
                    archive.add(scratch, arcname=".")
                process.stdin.close()
        if process.returncode:
            raise RuntimeError(f"{host} did not take the job")

    def _run(self, host: str, there: str, job: TrainingJob, context: Context) -> tuple[int, str]:
        """Exit code and last words of the training there."""
        seconds = math.ceil(job.recipe.max_seconds)
        limit = f"timeout -k {self._grace} {seconds + self._grace} " if seconds else ""
        program = shlex.quote(context.machine.ssh_selftune)
        command = f"cd {there} && echo $$ > pid && exec {limit}{program} train job . --progress"
        context.report(Progress(done=0, total=len(job.batches), note=f"training on {host}"))
        with tempfile.TemporaryFile("w+") as errors:
            with subprocess.Popen(
                [*self._ssh, host, command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=errors, text=True
            ) as process:
                lines, reader = _lines_of(process)
                while process.poll() is None:
                    _pass_on(lines, host, context)
                    if job.should_stop():
                        self._ask(host, f"kill $(cat {there}/pid)")
                        process.wait()
                        reader.join(_JOIN_SECONDS)
                        raise TrainingStoppedError(0, len(job.batches))  # what it learnt there goes with its folder
                    time.sleep(_LOOK_SECONDS)
                reader.join(_JOIN_SECONDS)
            _pass_on(lines, host, context)
            errors.seek(0)
            return process.returncode, _last_line(errors.read())

    def _bring_back(self, host: str, there: str, job: TrainingJob) -> TrainingResult:
        command = [*self._ssh, host, f"tar -cf - -C {there} {ADAPTER} {RESULT}"]
        with tempfile.TemporaryDirectory() as scratch:
            with (
                subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE) as process,
                tarfile.open(fileobj=process.stdout, mode="r|") as archive,
            ):
                archive.extractall(scratch, filter="data")
            job.adapter.mkdir(parents=True, exist_ok=True)
            for name in FILES:
                shutil.copyfile(Path(scratch) / ADAPTER / name, job.adapter / name)
            return read_result(Path(scratch))


def _lines_of(process: subprocess.Popen[str]) -> tuple[SimpleQueue[str], threading.Thread]:
    """What the training there says, line by line, and what reads it beside the loop that looks after it."""
    lines: SimpleQueue[str] = SimpleQueue()

    def read() -> None:
        assert process.stdout is not None  # noqa: S101 - it was asked for
        for line in process.stdout:
            lines.put(line)

    reader = threading.Thread(target=read, name="training-elsewhere", daemon=True)
    reader.start()
    return lines, reader


def _pass_on(lines: SimpleQueue[str], host: str, context: Context) -> None:
    """Report here the last step that was reported there; what is no report of a step is somebody's greeting."""
    last = None
    while not lines.empty():
        last = _STEP.fullmatch(lines.get().strip()) or last
    if last is not None:
        context.report(Progress(done=int(last["done"]), total=int(last["total"]), note=f"{host}: {last['note']}"))


def _killed(job: TrainingJob, grace: int) -> TrainingResult:
    reason = f"killed {grace} s after the recipe's {job.recipe.max_seconds:g} s; nothing came back"
    return TrainingResult(status=RunStatus.FAILED, steps=0, supervised_tokens=0, curve=(), reason=reason)


def _last_line(text: str) -> str:
    return next((line.strip() for line in reversed(text.splitlines()) if line.strip()), "it said nothing")
