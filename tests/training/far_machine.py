"""The machine at the other end of a real sshd, with a stand-in for its trainer: what tests of a cut link share."""

from __future__ import annotations

import getpass
import json
import shlex
import threading
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import pytest
from real_sshd import Link, Sshd
from tiny_llama import base_record, conversations, make_context

from selftune import __version__
from selftune.context import Machine, Progress
from selftune.records import RunStatus
from selftune.training.base import TrainingJob, TrainingResult
from selftune.training.config import Recipe
from selftune.training.elsewhere.jobs import begin_job
from selftune.training.elsewhere.ordering import sift_examples
from selftune.training.elsewhere.ssh import SshBackend
from selftune.training.rows import load_tokenizer

RECIPE = Recipe(name="tiny", backend="ssh", lora_rank=4, max_steps=2, batch_size=2, accumulation=1, max_length=400)
HOST = f"{getpass.getuser()}@127.0.0.1"
DONE = TrainingResult(status=RunStatus.FINISHED, steps=2, supervised_tokens=9, curve=())
# The connections of a first try on a machine whose memory is stated, in their order.
LOOK, SEND_BASE, SEND_LESSONS, TRAIN, REPORT, FETCH, CLEAN_UP = range(1, 8)
HANDSHAKE = 8_000  # bytes, more than it takes until a command runs


@dataclass(frozen=True)
class Far:
    """The machine at the other end, with a stand-in for its trainer that counts its trainings."""

    folder: Path
    server: Sshd
    link: Link
    trained: Path

    @property
    def trainings(self) -> int:
        return len(self.trained.read_text().splitlines()) if self.trained.exists() else 0

    def trainer(self, then: str = "") -> str:
        """A program that is called in selftune's place: it learns nothing and brings back what was sent."""
        program = self.folder / "stand_in"
        program.write_text(f"""#!/bin/sh
if [ "$1" = --version ]; then echo selftune {__version__}; exit 0; fi
echo once >>{shlex.quote(str(self.trained))}
echo 'step 1 of 2: loss 3'
{then}
mkdir -p "$3/adapter" && cp "$3"/initial/* "$3/adapter/"
echo {shlex.quote(json.dumps(asdict(DONE)))} >"$3/result.json"
""")
        program.chmod(0o755)
        return str(program)

    def backend(self, known: Path | None = None, **patience: int) -> SshBackend:
        return SshBackend(self.server.client(self.link.port, known), **patience)

    @property
    def cache(self) -> Path:
        return self.folder / "far" / "selftune"

    @property
    def words(self) -> list[str]:
        """What a person said that still lies there."""
        return [str(path) for path in (self.cache / "jobs").rglob("*") if path.name.endswith((".jsonl", ".part"))]


def make_job(tiny_base: Path, folder: Path) -> TrainingJob:
    """One of its own for each folder: the other end knows a job by what is in it."""
    seed = int.from_bytes(str(folder).encode()) % 1_000_003
    kept, _ = sift_examples(conversations(4), RECIPE, load_tokenizer(tiny_base))
    rows = [row for _, row in kept]
    made = begin_job(rows, RECIPE, RECIPE.max_steps, seed, base_record(tiny_base), (tiny_base, folder / "job"))
    made.checkpoints.mkdir(parents=True)
    return made


def context_for(far: Far, tiny_base: Path, folder: Path):
    """A context whose other machine is this one; its memory is stated, so that it is not asked for."""
    machine = Machine(ssh=HOST, ssh_selftune=far.trainer(), ssh_memory_gb=8.0)
    return replace(make_context(folder / "context", tiny_base), machine=machine)


def forget_base(far: Far) -> None:
    for path in sorted((far.cache / "bases").rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()


HANGS_ONCE = """
if [ "$(wc -l <{trained})" -eq 1 ]; then echo $$ >{pid}; exec sleep 100; fi
"""


def hanging(far: Far, context, act):
    """A context whose first training hangs behind its first step, where `act` is called; and its pid file."""
    pid = far.trained.with_name("pid")
    program = far.trainer(HANGS_ONCE.format(trained=shlex.quote(str(far.trained)), pid=shlex.quote(str(pid))))

    def hear(made: Progress) -> None:
        if made.done == 1 and far.trainings == 1:
            act()

    return replace(context, machine=replace(context.machine, ssh_selftune=program), report=hear), pid


def wait_until_gone(pid: Path) -> None:
    """Wait until that process ended by itself; the test fails where it does not."""
    for _ in range(200):
        if pid.exists() and pid.read_text().strip() and has_ended(int(pid.read_text())):
            return
        threading.Event().wait(0.1)
    pytest.fail("an orphan goes on there")


def has_ended(pid: int) -> bool:
    """Whether it runs no more, though its parent may not have asked yet how it ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True
