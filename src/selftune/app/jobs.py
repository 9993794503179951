"""A job that another machine sent, trained here without a project: what `selftune train job` does."""

from __future__ import annotations

import secrets
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from selftune.bases.provenance import stamp
from selftune.context import Context
from selftune.interrupts import asked_to_stop
from selftune.loop.project import utc_now
from selftune.plugins import load_plugin
from selftune.records import RunStatus
from selftune.serving.llama_cpp import LlamaCpp
from selftune.store import BlobStore, Store
from selftune.training.elsewhere.jobs import read_job, write_result
from selftune.training.lora import WEIGHTS

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from selftune.context import Progress
    from selftune.training.base import TrainingResult

_HIDDEN: Final = ".selftune"
_SALT_BYTES: Final = 16


def train_job(folder: Path, report: Callable[[Progress], None]) -> TrainingResult:
    """Train the job in this folder; the adapter lies in its `adapter`, how it went in `result.json`.

    Raises:
        MissingFileError: no job lies there.
        DamagedFileError: a file of its base is not the one that was sent.
    """
    sent = read_job(folder)
    with Store.open(folder) as store, asked_to_stop() as asked:
        blobs = BlobStore(folder / _HIDDEN / "blobs")
        context = Context(
            seed=sent.job.seed,
            read=store,
            blobs=blobs,
            work=store.step_work("job"),
            serve=LlamaCpp(blobs.path, folder / _HIDDEN / "logs"),
            base=sent.base,
            base_folder=sent.job.base_folder,
            report=report,
            elapsed=time.monotonic,
            now=utc_now,
            draw_salt=lambda: secrets.token_hex(_SALT_BYTES),
        )
        sent.job.checkpoints.mkdir(exist_ok=True)
        backend = load_plugin("selftune.backends", sent.job.recipe.backend)()
        result: TrainingResult = backend.train(replace(sent.job, should_stop=asked), context)
    if result.status in {RunStatus.FINISHED, RunStatus.OUT_OF_TIME}:
        stamp(sent.job.adapter / WEIGHTS, sent.origin)
    write_result(result, folder)
    return result
