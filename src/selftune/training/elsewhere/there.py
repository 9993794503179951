"""A machine that trains for this one: what lies there, what is put there, and what comes back, each held by digest.

`there.sh` is the other end of every call. It keeps bases by digest, ends a training whose caller is not heard, and
removes people's words as soon as nobody trains by them.
"""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import tempfile
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib import resources
from typing import IO, TYPE_CHECKING, Final

from selftune.errors import IntegrityError
from selftune.records import digest_file
from selftune.training.elsewhere.parcels import Rest, write_parcel
from selftune.training.elsewhere.reaching import ASK_SECONDS, Said, Ssh, away, last_line, trouble

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from selftune.training.elsewhere.parcels import Parcel, Seal

PATIENCE_SECONDS: Final = 50
"""So long a training there goes on without hearing its caller; it ends within two minutes, whatever it is at."""
BEAT_SECONDS: Final = 10.0
BASES: Final = "bases"
JOBS: Final = "jobs"
_SETTLE_SECONDS: Final = 180.0  # an orphan there is given its grace
_CUT: Final = "the link was cut"
_MEANINGS: Final = {75: _CUT, 76: "what arrived is not what was sent"}
_SAID: Final = "selftune-node: "
_BLOCK: Final = 1 << 20
_OURS: Final = re.compile(
    r"result\.json|adapter/adapter_(config\.json|model\.safetensors)|checkpoints(/\w[\w.-]*){1,3}"
)


class ReturnedError(IntegrityError):
    """What another machine brought back is not what it made, or nothing that it was asked for."""


@dataclass(frozen=True, kw_only=True)
class Made:
    """A file that a training left there, as that end measured it."""

    name: str
    size: int
    sha256: str


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What another machine says of itself, of a base, and of a job.

    Attributes:
        version: What `selftune --version` prints there; `none` where it is not there.
        disk_bytes: Free where it keeps jobs; None where it does not tell.
        memory_bytes: Free for a training; None where it does not tell.
        has_base: Whether the base lies there whole.
        part: Bytes of the base that came before a link was cut.
        made: What the job left, if it is finished; empty where it is not.
    """

    version: str
    disk_bytes: int | None
    memory_bytes: int | None
    has_base: bool
    part: int
    made: tuple[Made, ...]


class There:
    """One machine, by the name that `ssh` takes."""

    def __init__(self, host: str, ssh: Ssh) -> None:
        self._host = host
        self._ssh = ssh

    def look(self, program: str, base: str = "", job: str = "") -> Seen:
        """What is there; an earlier caller's remains of this base and job are let go of first.

        Raises:
            NodeAwayError, HostKeyError: as `Ssh.ask`.
        """
        told = self._ask("look", program, base, job, seconds=_SETTLE_SECONDS if job else ASK_SECONDS)
        lines = [line.removeprefix(_SAID).split() for line in told.splitlines() if line.startswith(_SAID)]
        said = {line[0]: " ".join(line[1:]) for line in lines if line}
        if "version" not in said:
            raise away(self._host, f"it answered {last_line(told)!r}, and no shell did")
        made = (line[1:] for line in lines if line[:1] == ["made"])
        return Seen(
            version=said["version"],
            disk_bytes=_kilobytes(said.get("disk", "")),
            memory_bytes=_kilobytes(said.get("memory", "")),
            has_base="base" in said,
            part=int(said.get("part", "0")),
            made=tuple(Made(sha256=sha256, size=int(size), name=name) for sha256, size, name in made),
        )

    def take(self, place: str, parcel: Parcel, seal: Seal, *, skipped: int | None, look_up: Callable[[], None]) -> None:
        """Send a parcel; it is unpacked there only if its size and digest are the ones that it has here.

        Args:
            place: `bases/DIGEST` or `jobs/NAME`.
            parcel: What is sent.
            seal: Its size and digest.
            skipped: Bytes of it that are there; None: nothing of it may stay there if the link is cut.
            look_up: Called between two blocks; what it raises ends the sending.

        Raises:
            NodeAwayError: the link was cut, or something else arrived.
            NodeFullError: the disk there is full.
        """
        left = "goes" if skipped is None else "stays"
        words = (place, seal.sha256, str(seal.size), left, str(PATIENCE_SECONDS))
        with self._running("take", *words, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL) as process:
            assert process.stdin is not None  # noqa: S101 - it was asked for
            with suppress(BrokenPipeError):  # why is told by how it ended
                write_parcel(parcel, Rest(process.stdin, skipped or 0, look_up))
            with suppress(BrokenPipeError):
                process.stdin.close()

    def attend(self, words: Sequence[str], errors: IO[str]) -> subprocess.Popen[str]:
        """Begin a training there; it goes on while lines are written to the process, and ends soon after they cease."""
        return subprocess.Popen(
            self._command("attend", *words),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            errors="replace",
        )

    def give(self, job: str, made: Sequence[Made], folder: Path, look_up: Callable[[], None]) -> None:
        """Bring what a finished job left into a folder, going on where an earlier try was cut.

        Raises:
            ReturnedError: a name there is none of a job's files, or what came is not what was made; it is not kept.
            NodeAwayError: the link was cut; what came stays for the next try.
        """
        paths = {one: self._place(folder, one.name) for one in made}
        wanted = [(one, _length(path)) for one, path in paths.items() if _length(path) < one.size]
        words = [word for one, have in wanted for word in (str(have), one.name)]
        if wanted:
            with self._running("give", job, *words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE) as process:
                assert process.stdout is not None  # noqa: S101 - it was asked for
                for one, have in wanted:
                    _append(process.stdout, one.size - have, paths[one], look_up)
        if any(_length(path) < one.size for one, path in paths.items()):
            raise away(self._host, _CUT)
        for one, path in paths.items():
            if _length(path) != one.size or digest_file(path) != f"sha256:{one.sha256}":
                shutil.rmtree(folder)
                raise ReturnedError(
                    f"{one.name} is not what {self._host} made: its digest differs.",
                    next_step="Run the same command again: it is trained anew.",
                )

    def forget(self, job: str) -> None:
        """Remove a job there. Errors as `Ssh.ask`."""
        self._ask("forget", job)

    @contextmanager
    def _running(self, verb: str, *words: str, stdin: int, stdout: int) -> Iterator[subprocess.Popen[bytes]]:
        """A call whose pipes the block serves, and which is killed if the block fails; errors as `trouble`."""
        with tempfile.TemporaryFile("w+", errors="replace") as errors:
            with subprocess.Popen(self._command(verb, *words), stdin=stdin, stdout=stdout, stderr=errors) as process:
                try:
                    yield process
                except BaseException:
                    process.kill()
                    raise
            errors.seek(0)
            said = Said(code=process.returncode, errors=errors.read())
        error = trouble(self._host, said)
        if isinstance(error, RuntimeError) and said.code in _MEANINGS:
            raise away(self._host, _MEANINGS[said.code])
        if said.code:
            raise error

    def _place(self, folder: Path, name: str) -> Path:
        """Where a file of that name is put here; a name from elsewhere is not believed."""
        if not _OURS.fullmatch(name):
            raise ReturnedError(
                f"{self._host} offers a file {name!r}, which is none that a job leaves.",
                next_step="Look at that machine before you train there again.",
            )
        return folder / name

    def _command(self, verb: str, *words: str) -> list[str]:
        return self._ssh.command(self._host, _call(verb, *words))

    def _ask(self, verb: str, *words: str, seconds: float = ASK_SECONDS) -> str:
        return self._ssh.ask(self._host, _call(verb, *words), seconds=seconds)


def _call(verb: str, *words: str) -> str:
    """The command that the shell there is given: the whole script, so that nothing of ours must be installed for it."""
    script = (resources.files("selftune.training.elsewhere") / "there.sh").read_text(encoding="utf-8")
    return shlex.join(["sh", "-c", script, "selftune", verb, *words])


def _append(stream: IO[bytes], length: int, path: Path, look_up: Callable[[], None]) -> None:
    """Add so many bytes to a file, or as many as come."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab") as part:
        while length and (block := stream.read(min(length, _BLOCK))):
            look_up()
            part.write(block)
            length -= len(block)


def _length(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _kilobytes(text: str) -> int | None:
    return int(text) * 1024 if text.isdecimal() else None
