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
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from selftune.bases.provenance import Provenance
from selftune.context import Progress
from selftune.errors import UsageError
from selftune.records import RunStatus
from selftune.training.base import TrainingResult, TrainingStoppedError
from selftune.training.elsewhere.jobs import ADAPTER, RESULT, SentJob, read_result, write_job
from selftune.training.lora import FILES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from selftune.context import Context
    from selftune.training.base import TrainingJob

BACKEND_THERE: Final = "packed"
GRACE_SECONDS: Final = 60
_KILLED: Final = frozenset({124, 137})  # how `timeout` ends
_FOLDER: Final = re.compile(r"/[\w./-]+")
_LOOK_SECONDS: Final = 0.1


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
            UsageError: no other machine is named.
            RuntimeError: it can't be reached, or the training there failed; the text is its own last line.
            TrainingStoppedError: a person stopped it.
        """
        host = context.machine.ssh
        if not host or host.startswith("-"):
            raise UsageError(
                "the back-end ssh needs the name of another machine.",
                next_step='Write ssh = "user@host" under [machine] in selftune.toml.',
            )
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
        command = f"cd {there} && echo $$ > pid && exec {limit}{program} train job . --json"
        context.report(Progress(done=0, total=len(job.batches), note=f"training on {host}"))
        with tempfile.TemporaryFile("w+") as errors:
            with subprocess.Popen(
                [*self._ssh, host, command], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=errors
            ) as process:
                while process.poll() is None:
                    if job.should_stop():
                        self._ask(host, f"kill $(cat {there}/pid)")
                        process.wait()
                        raise TrainingStoppedError(0, len(job.batches))  # what it learnt there goes with its folder
                    time.sleep(_LOOK_SECONDS)
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


def _killed(job: TrainingJob, grace: int) -> TrainingResult:
    reason = f"killed {grace} s after the recipe's {job.recipe.max_seconds:g} s; nothing came back"
    return TrainingResult(status=RunStatus.FAILED, steps=0, supervised_tokens=0, curve=(), reason=reason)


def _last_line(text: str) -> str:
    return next((line.strip() for line in reversed(text.splitlines()) if line.strip()), "it said nothing")
