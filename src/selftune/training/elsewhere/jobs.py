"""A training job as a folder: written here, trained by selftune on another machine, with nothing left to chance.

Rows, batches, seed, first adapter and base are all in it, so the other machine takes the very steps that this one would
have taken. It names no interaction and holds nothing that is not trained on.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final

from selftune.bases.provenance import Provenance
from selftune.bases.shape import read_shape
from selftune.errors import DamagedFileError, MissingFileError
from selftune.records import BaseModel, CurvePoint, RunStatus, decode_record, digest_file, encode_record
from selftune.training.base import Row, TrainingJob, TrainingResult
from selftune.training.config import recipe_from
from selftune.training.lora import FILES, new_adapter, save_adapter
from selftune.training.sampling import plan_batches
from selftune.training.stopping import hold_out

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from selftune.training.config import Recipe

JOB: Final = "job.json"
ROWS: Final = "rows.jsonl"
HELD_OUT: Final = "held_out.jsonl"
RESULT: Final = "result.json"
ADAPTER: Final = "adapter"
BASE: Final = "base"
_INITIAL: Final = "initial"
CHECKPOINTS: Final = "checkpoints"
_BASE_RECORD: Final = "base.json"


@dataclass(frozen=True, kw_only=True)
class SentJob:
    """A job that came from another machine, with the base it names and what the adapter is to say of its origin."""

    job: TrainingJob
    base: BaseModel
    origin: Provenance


def begin_job(
    rows: Sequence[Row], recipe: Recipe, steps: int, seed: int, base: BaseModel, folders: tuple[Path, Path]
) -> TrainingJob:
    """The job that a training here would be.

    Args:
        rows: What is learnt from, and measured by where the recipe holds some out.
        recipe: How.
        steps: Optimiser steps.
        seed: Where its chance comes from.
        base: The base it begins with.
        folders: Where the base's files lie, and where the first adapter is drawn.
    """
    base_folder, folder = folders
    learnt, held_out = hold_out(rows, recipe)
    save_adapter(folder / _INITIAL, new_adapter(read_shape(base_folder), recipe, seed), recipe, base.name)
    return TrainingJob(
        recipe=recipe,
        rows=learnt,
        batches=plan_batches(learnt, recipe, steps, seed),
        seed=seed,
        base_folder=base_folder,
        initial=folder / _INITIAL,
        checkpoints=folder / CHECKPOINTS,
        adapter=folder / ADAPTER,
        held_out=held_out,
    )


def write_job(sent: SentJob, folder: Path) -> None:
    """Put everything of a job into a folder; what lies there already, like a first adapter drawn in place, stays."""
    write_lessons(sent, folder)
    _copy([(file.name, sent.job.base_folder / file.name) for file in sent.base.files], folder / BASE)


def write_lessons(sent: SentJob, folder: Path) -> None:
    """Put a job into a folder but for the files of its base: for who has them already, under the same digests."""
    job = sent.job
    tables = {key: dict(getattr(job.recipe, key)) for key in ("weights", "ranges")}
    recipe = {key: value for key, value in (asdict(job.recipe) | tables).items() if value is not None}
    told = {
        "recipe": recipe,
        "seed": job.seed,
        "batches": job.batches,
        "until": job.until,
        "origin": asdict(sent.origin),
    }
    (folder / JOB).write_text(json.dumps(told) + "\n", encoding="utf-8")
    (folder / _BASE_RECORD).write_text(encode_record(sent.base), encoding="utf-8")
    _write_rows(job.rows, folder / ROWS)
    if job.held_out:
        _write_rows(job.held_out, folder / HELD_OUT)
    _copy([(name, job.initial / name) for name in FILES], folder / _INITIAL)


def read_job(folder: Path) -> SentJob:
    """The job in a folder, its base checked against the digests that came with it.

    Raises:
        MissingFileError: there is no job.
        DamagedFileError: a file of the base is not the one that was sent.
    """
    if not (folder / JOB).is_file():
        raise MissingFileError(
            f"there is no {JOB} in {folder}.",
            next_step="Name a folder that `selftune train elsewhere --to selftune` has written.",
        )
    told = json.loads((folder / JOB).read_text(encoding="utf-8"))
    base = decode_record((folder / _BASE_RECORD).read_text(encoding="utf-8"), BaseModel)
    for file in base.files:
        if digest_file(folder / BASE / file.name) != file.digest:
            raise DamagedFileError(
                f"{file.name} of the base is not the file that was sent.", next_step="Send it again."
            )
    history = told["origin"]["stage_history"]
    recipe = recipe_from(told["recipe"], default_name=told["recipe"]["name"])
    job = TrainingJob(
        recipe=recipe,
        rows=_read_rows(folder / ROWS),
        batches=tuple(tuple(map(tuple, step)) for step in told["batches"]),
        seed=told["seed"],
        base_folder=folder / BASE,
        initial=folder / _INITIAL,
        checkpoints=folder / CHECKPOINTS,
        adapter=folder / ADAPTER,
        held_out=_read_rows(folder / HELD_OUT) if recipe.held_out_share else (),
        until=told.get("until", 0),  # an older job goes to its end
    )
    origin = Provenance(**{**told["origin"], "stage_history": None if history is None else tuple(history)})
    return SentJob(job=job, base=base, origin=origin)


def write_result(result: TrainingResult, folder: Path) -> None:
    """Leave beside the adapter how it went."""
    (folder / RESULT).write_text(json.dumps(asdict(result)) + "\n", encoding="utf-8")


def read_result(folder: Path) -> TrainingResult:
    """How it went, as the other machine wrote it down."""
    told = json.loads((folder / RESULT).read_text(encoding="utf-8"))
    curve = tuple(CurvePoint(**point) for point in told["curve"])
    return TrainingResult(**{**told, "status": RunStatus(told["status"]), "curve": curve})


def _copy(files: Sequence[tuple[str, Path]], folder: Path) -> None:
    for name, source in files:
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if source != target:
            shutil.copyfile(source, target)


def _write_rows(rows: Sequence[Row], path: Path) -> None:
    path.write_text("".join(json.dumps(_as_plain(row)) + "\n" for row in rows), encoding="utf-8")


def _read_rows(path: Path) -> tuple[Row, ...]:
    with path.open(encoding="utf-8") as lines:
        return tuple(_as_row(json.loads(line), number) for number, line in enumerate(lines, start=1))


def _as_plain(row: Row) -> dict[str, Any]:
    """A row without the name of its interaction, which stays here."""
    marks = [int(mark) for mark in row.supervised]
    return {
        "tokens": row.tokens,
        "supervised": marks,
        "liked": row.liked,
        "rejected": None if row.rejected is None else _as_plain(row.rejected),
    }


def _as_row(plain: dict[str, Any], number: int) -> Row:
    return Row(
        interaction_id=f"row {number}",
        tokens=tuple(plain["tokens"]),
        supervised=tuple(map(bool, plain["supervised"])),
        liked=plain["liked"],
        rejected=None if plain["rejected"] is None else _as_row(plain["rejected"], number),
    )
