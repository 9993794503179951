"""The back-end `ssh`: the job goes to another machine, selftune trains it there, and its adapter comes back.

Only `ssh` here and a POSIX shell, `tar` and the same selftune there are needed. That machine may vanish at any moment:
a training that hears nothing of this one ends by itself and leaves its checkpoint; the next try goes on from it, or
only fetches what was finished meanwhile. Words leave that machine with the training, the base stays for the next one.
"""

from __future__ import annotations

import math
import re
import shutil
import subprocess
import tempfile
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from queue import SimpleQueue
from typing import TYPE_CHECKING, Final

from selftune import __version__
from selftune.bases.provenance import Provenance, read_provenance
from selftune.bases.shape import read_header, read_shape
from selftune.context import Progress
from selftune.errors import UsageError
from selftune.records import RunStatus, digest_of
from selftune.training.base import TrainingResult, TrainingStoppedError
from selftune.training.elsewhere.jobs import ADAPTER, CHECKPOINTS, RESULT, SentJob, read_result, write_lessons
from selftune.training.elsewhere.parcels import Parcel, parcel_of, seal_of
from selftune.training.elsewhere.reaching import (
    SILENCE_SECONDS,
    SSH,
    NodeAwayError,
    NodeFullError,
    Said,
    Ssh,
    away,
    check_host,
    trouble,
)
from selftune.training.elsewhere.there import BASES, BEAT_SECONDS, JOBS, PATIENCE_SECONDS, ReturnedError, There
from selftune.training.lora import FILES, WEIGHTS
from selftune.training.machine import Machine, needed_bytes
from selftune.training.preflight import check_fits

if TYPE_CHECKING:
    from collections.abc import Sequence

    from selftune.context import Context
    from selftune.context import Machine as StatedMachine
    from selftune.training.base import TrainingJob
    from selftune.training.elsewhere.parcels import Seal
    from selftune.training.elsewhere.there import Made, Seen

BACKEND_THERE: Final = "packed"
GRACE_SECONDS: Final = 60
"""So long a training there may take to stop before it is killed."""
_LATE: Final = 124
_LET_GO: Final = 129
_LOOK_SECONDS: Final = 0.1
_JOIN_SECONDS: Final = 5.0
_ROOM: Final = 2
"""A base lies there twice while it is unpacked."""
_NAME_LENGTH: Final = 32
_GB: Final = 1e9
_STEP: Final = re.compile(r"step (?P<done>\d+) of (?P<total>\d+): (?P<note>.*)")


@dataclass(frozen=True, kw_only=True)
class _Errand:
    """One job and the machine that it goes to.

    Attributes:
        name: What the job is called there: a digest of all that goes into it, so the next try finds it.
    """

    host: str
    there: There
    program: str
    name: str
    lessons: Parcel
    seal: Seal
    base: str


class SshBackend:
    """Trains on the machine that `[machine] ssh` names; after the recipe's seconds it is given so many more."""

    def __init__(
        self,
        ssh: Sequence[str] = SSH,
        *,
        grace_seconds: int = GRACE_SECONDS,
        patience_seconds: int = PATIENCE_SECONDS,
        silence_seconds: int = SILENCE_SECONDS,
    ) -> None:
        self._ssh = Ssh(ssh, silence_seconds=silence_seconds)
        self._grace = grace_seconds
        self._patience = patience_seconds

    def train(self, job: TrainingJob, context: Context) -> TrainingResult:
        """Send what is missing there, train, bring back; what is finished there is only brought back.

        Raises:
            UsageError: no other machine is named, it has too little memory free, or another version of selftune.
            NodeAwayError: it can't be reached, or the link was cut; the next try goes on.
            NodeFullError: its disk is full.
            HostKeyError: it shows another key than before.
            ReturnedError: what it brought back is not what it made, or is the adapter of another job.
            RuntimeError: the training there failed; the text is its own last line.
            TrainingStoppedError: a person stopped it; what it learnt there waits for the next try.
        """
        machine = self.machine_there(context.machine)
        check_fits(needed_bytes(job.rows, job.recipe, read_shape(job.base_folder)), machine)
        with tempfile.TemporaryDirectory() as scratch:
            errand = self._errand(job, context, Path(scratch))
            made = errand.there.look(errand.program, errand.base, errand.name)
            _check_version(made, errand)
            if not made.made:
                self._send(errand, made, job, context)
                code, said = self._attend(errand, job, context)
                if code:
                    return self._ended(errand, job, code, said)
                made = errand.there.look(errand.program, errand.base, errand.name)
            try:
                result = _bring_back(errand, made.made, job, context)
            except ReturnedError:
                _forget(errand)  # or every further try would be brought the same
                raise
        _forget(errand)
        return result

    def machine_there(self, said: StatedMachine) -> Machine:
        """The other machine, with the memory that its owner states, else with what Linux there says is free.

        Raises:
            UsageError: none is named, or by no name of a machine.
            NodeAwayError: it can't be reached.
            HostKeyError: it shows another key than before.
        """
        check_host(said.ssh)
        if said.ssh_memory_gb:
            return Machine(name=said.ssh, free_bytes=round(said.ssh_memory_gb * _GB), is_here=False)
        seen = There(said.ssh, self._ssh).look(said.ssh_selftune)
        return Machine(name=said.ssh, free_bytes=seen.memory_bytes, is_here=False)

    def _errand(self, job: TrainingJob, context: Context, scratch: Path) -> _Errand:
        recipe = replace(job.recipe, backend=BACKEND_THERE)
        origin = Provenance(base_digest=context.base.digest)
        write_lessons(SentJob(job=replace(job, recipe=recipe), base=context.base, origin=origin), scratch)
        earlier = parcel_of(job.checkpoints).files if job.checkpoints.is_dir() else ()
        files = (*parcel_of(scratch).files, *((f"{CHECKPOINTS}/{name}", path) for name, path in earlier))
        lessons = Parcel(files=tuple(sorted(files)))
        seal = seal_of(lessons)
        return _Errand(
            host=context.machine.ssh,
            there=There(context.machine.ssh, self._ssh),
            program=context.machine.ssh_selftune,
            name=seal.sha256[:_NAME_LENGTH],
            lessons=lessons,
            seal=seal,
            base=context.base.digest.partition(":")[2],
        )

    def _send(self, errand: _Errand, seen: Seen, job: TrainingJob, context: Context) -> None:
        """The base, unless it lies there from an earlier job, from where an earlier try was cut; then the lessons."""

        def look_up() -> None:
            if job.should_stop():
                raise TrainingStoppedError(0, len(job.batches))

        if not seen.has_base:
            base = Parcel(files=tuple(sorted((file.name, job.base_folder / file.name) for file in context.base.files)))
            seal = seal_of(base)
            if seen.disk_bytes is not None and seen.disk_bytes + seen.part < _ROOM * seal.size:
                raise NodeFullError(
                    f"{errand.host} has {seen.disk_bytes / _GB:.1f} GB of disk free, and the base takes "
                    f"{_ROOM * seal.size / _GB:.1f} while it is unpacked.",
                    next_step="Make room there; bases of earlier jobs lie in ~/.cache/selftune/bases.",
                )
            context.report(Progress(done=0, total=len(job.batches), note=f"sending the base to {errand.host}"))
            errand.there.take(f"{BASES}/{errand.base}", base, seal, skipped=seen.part, look_up=look_up)
        context.report(Progress(done=0, total=len(job.batches), note=f"sending to {errand.host}"))
        errand.there.take(f"{JOBS}/{errand.name}", errand.lessons, errand.seal, skipped=None, look_up=look_up)

    def _attend(self, errand: _Errand, job: TrainingJob, context: Context) -> tuple[int, str]:
        """Exit code and last words of the training there."""
        seconds = math.ceil(job.recipe.max_seconds)
        limit = seconds + self._grace if seconds else 0
        kept = f"{ADAPTER} {RESULT}" + (f" {CHECKPOINTS}" if job.goal < len(job.batches) else "")
        words = (errand.name, errand.base, str(limit), str(self._patience), str(self._grace), kept, errand.program)
        context.report(Progress(done=0, total=len(job.batches), note=f"training on {errand.host}"))
        with tempfile.TemporaryFile("w+", errors="replace") as errors:
            with errand.there.attend(words, errors) as process:
                try:
                    self._look_after(process, errand.host, job, context)
                finally:
                    process.kill()
            errors.seek(0)
            return process.returncode, errors.read()

    def _look_after(self, process: subprocess.Popen[str], host: str, job: TrainingJob, context: Context) -> None:
        """Pass on its steps and let it hear that somebody is here, until it ends or is to stop."""
        lines, reader = _lines_of(process)
        done, heard = 0, context.elapsed()
        while process.poll() is None:
            done = _pass_on(lines, host, context) or done
            if job.should_stop():
                _let_go(process)
                with suppress(subprocess.TimeoutExpired):
                    process.wait(self._grace + _JOIN_SECONDS)
                raise TrainingStoppedError(done, len(job.batches))
            if context.elapsed() - heard >= BEAT_SECONDS:
                heard = context.elapsed()
                _beat(process)
            time.sleep(_LOOK_SECONDS)
        reader.join(_JOIN_SECONDS)
        _pass_on(lines, host, context)

    def _ended(self, errand: _Errand, job: TrainingJob, code: int, said: str) -> TrainingResult:
        """What to make of a training that left no result there."""
        if code == _LET_GO:
            raise away(errand.host, f"it heard nothing of this machine for {self._patience} s and let the training go")
        if code == _LATE:
            _forget(errand)
            return _killed(job, self._grace)
        error = trouble(errand.host, Said(code=code, errors=said))
        if isinstance(error, RuntimeError):
            _forget(errand)  # it would fail again in the same way
        raise error


def _forget(errand: _Errand) -> None:
    """Remove the job there. Where that can't be now the next look does it; its words went with the training."""
    with suppress(NodeAwayError):
        errand.there.forget(errand.name)


def _check_version(seen: Seen, errand: _Errand) -> None:
    """Refuse another selftune there: it may take other steps by the same job.

    Raises:
        UsageError: it is another version, or none.
    """
    if seen.version != f"selftune {__version__}":
        found = "none" if seen.version == "none" else seen.version
        raise UsageError(
            f"{errand.host} has {found} as {errand.program!r}, and this machine has selftune {__version__}.",
            next_step="Install the same version there, or say what it is called there: ssh_selftune under [machine].",
        )


def _bring_back(errand: _Errand, made: tuple[Made, ...], job: TrainingJob, context: Context) -> TrainingResult:
    """Take what was made there once all of it is here and is what was made; before, nothing is in its place."""
    # Parts of an earlier try are gone on with only if the other end has the very same files.
    folder = context.work.folder("from_there") / digest_of(made).partition(":")[2][:_NAME_LENGTH]
    if not any(one.name == RESULT for one in made):
        raise ReturnedError(
            f"{errand.host} says that it is finished, and has no {RESULT}.",
            next_step="Run the same command again: it is trained anew.",
        )

    def look_up() -> None:
        if job.should_stop():
            raise TrainingStoppedError(len(job.batches), len(job.batches))

    errand.there.give(errand.name, made, folder, look_up)
    result = read_result(folder)
    if all((folder / ADAPTER / name).is_file() for name in FILES):
        _check_adapter(folder / ADAPTER, job, context, errand.host)
        shutil.copytree(folder / ADAPTER, job.adapter, dirs_exist_ok=True)
    if (folder / CHECKPOINTS).is_dir():
        shutil.copytree(folder / CHECKPOINTS, job.checkpoints, dirs_exist_ok=True)
    return result


def _check_adapter(folder: Path, job: TrainingJob, context: Context, host: str) -> None:
    """Refuse an adapter of another base or shape than the one that was sent to be trained."""
    said = read_provenance(folder / WEIGHTS).base_digest
    sent, came = ({one.name: one.shape for one in read_header(path / WEIGHTS)} for path in (job.initial, folder))
    if said not in {None, context.base.digest} or sent != came:
        raise ReturnedError(
            f"{host} brought back an adapter of another job: "
            f"{'its tensors are not those that were sent' if sent != came else f'it was trained on {said}'}.",
            next_step="Look at that machine before you train there again.",
        )


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


def _beat(process: subprocess.Popen[str]) -> None:
    """Let the other end hear that somebody is here."""
    assert process.stdin is not None  # noqa: S101 - it was asked for
    with suppress(BrokenPipeError):  # it has just ended; the next look sees it
        process.stdin.write("\n")
        process.stdin.flush()


def _let_go(process: subprocess.Popen[str]) -> None:
    """Let the other end see that nobody is here any more: it asks the training to stop."""
    assert process.stdin is not None  # noqa: S101 - it was asked for
    with suppress(BrokenPipeError):
        process.stdin.close()


def _pass_on(lines: SimpleQueue[str], host: str, context: Context) -> int:
    """Report here the last step that was reported there, and return it; what else is said is somebody's greeting."""
    last = None
    while not lines.empty():
        last = _STEP.fullmatch(lines.get().strip()) or last
    if last is None:
        return 0
    context.report(Progress(done=int(last["done"]), total=int(last["total"]), note=f"{host}: {last['note']}"))
    return int(last["done"])


def _killed(job: TrainingJob, grace: int) -> TrainingResult:
    reason = f"killed {grace} s after the recipe's {job.recipe.max_seconds:g} s; nothing came back"
    return TrainingResult(status=RunStatus.FAILED, steps=0, supervised_tokens=0, curve=(), reason=reason)
