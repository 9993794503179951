"""A job that another machine sent, trained here without a project: what `selftune train job` does."""

from __future__ import annotations

import secrets
import tempfile
import time
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from selftune.bases.provenance import stamp
from selftune.context import Context
from selftune.errors import UsageError
from selftune.interrupts import asked_to_stop
from selftune.loop.project import utc_now
from selftune.plugins import load_plugin
from selftune.records import RunStatus
from selftune.serving.llama_cpp import LlamaCpp
from selftune.store import BlobStore, Store
from selftune.training.elsewhere.jobs import read_job, write_result
from selftune.training.lora import WEIGHTS
from selftune.training.team import ALONE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from selftune.context import Progress
    from selftune.training.base import TrainingResult
    from selftune.training.team import Team

_HIDDEN: Final = ".selftune"
_SALT_BYTES: Final = 16
# The back-end that shares a step among processes.
_IN_COMPANY: Final = "packed"


def train_job(folder: Path, report: Callable[[Progress], None], team: Team = ALONE) -> TrainingResult:
    """Train the job in this folder; the adapter lies in its `adapter`, how it went in `result.json`.

    Of a team the first process alone writes there and reports.

    Raises:
        UsageError: its back-end trains in one process alone, and this one has company.
        MissingFileError: no job lies there.
        DamagedFileError: a file of its base is not the one that was sent.
    """
    sent = read_job(folder)
    _check_company(sent.job.recipe.backend, team)
    with _own_folder(folder, team) as own, Store.open(own) as store, asked_to_stop() as asked:
        blobs = BlobStore(own / _HIDDEN / "blobs")
        context = Context(
            seed=sent.job.seed,
            read=store,
            blobs=blobs,
            work=store.step_work("job"),
            serve=LlamaCpp(blobs.path, own / _HIDDEN / "logs"),
            base=sent.base,
            base_folder=sent.job.base_folder,
            report=report if team.leads else lambda _: None,
            elapsed=time.monotonic,
            now=utc_now,
            draw_salt=lambda: secrets.token_hex(_SALT_BYTES),
        )
        sent.job.checkpoints.mkdir(exist_ok=True)
        backend = load_plugin("selftune.backends", sent.job.recipe.backend)()
        result: TrainingResult = backend.train(replace(sent.job, should_stop=asked, team=team), context)
    if not team.leads:
        return result
    if result.status in {RunStatus.FINISHED, RunStatus.OUT_OF_TIME}:
        stamp(sent.job.adapter / WEIGHTS, sent.origin)
    write_result(result, folder)
    return result


def _check_company(backend: str, team: Team) -> None:
    if team.size > 1 and backend != _IN_COMPANY:
        raise UsageError(
            f"back-end {backend!r} trains in one process, and these are {team.size}.",
            next_step=f'Run `selftune train job` without torchrun, or send a recipe with backend = "{_IN_COMPANY}".',
        )


@contextmanager
def _own_folder(folder: Path, team: Team) -> Iterator[Path]:
    """Where a process keeps what it needs besides the job: two can't share a store, and only the first one's stays."""
    if team.leads:
        yield folder
        return
    with tempfile.TemporaryDirectory() as own:
        yield Path(own)
