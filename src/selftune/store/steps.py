"""Steps of the executor as rows: which were begun, what they gave, which are finished and need not be run again."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from sqlalchemy import func, insert, select, update

from selftune.failpoints import reach
from selftune.store.dialect import reading
from selftune.store.listing import Listing
from selftune.store.tables import STEP_OUTPUTS, STEPS
from selftune.store.walking import BATCH
from selftune.store.work import clear_folder, clear_rows

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from contextlib import AbstractContextManager
    from pathlib import Path

    from sqlalchemy import Connection, Engine

    from selftune.records import Record
    from selftune.store.transaction import Transaction


class StepStatus(StrEnum):
    """How far a step has come."""

    UNFINISHED = "unfinished"
    FINISHED = "finished"
    FAILED = "failed"


@dataclass(frozen=True, kw_only=True)
class StepRow:
    """A finished step.

    Attributes:
        key: Digest of stage, version, inputs, config and seed.
        outputs: Ids of the records it gave, in order; they are read when they are walked.
        many: Whether the stage gives many records, be it none or one this time.
        seconds: How long it took.
        finished_at: UTC time, ISO 8601.
    """

    key: str
    stage: str
    outputs: Listing
    many: bool
    seconds: float
    finished_at: str


def read_finished(connection: Connection, key: str, walk: Callable[[], Iterator[str]]) -> StepRow | None:
    """The step of this key if it is finished; `walk` goes through the ids of its outputs."""
    row = connection.execute(select(STEPS).where(STEPS.c.key == key, STEPS.c.status == StepStatus.FINISHED)).first()
    if row is None:
        return None
    return StepRow(
        key=key,
        stage=row.stage,
        outputs=Listing(walk, count_outputs(connection, key)),
        many=row.many,
        seconds=row.seconds,
        finished_at=row.changed_at,
    )


def is_finished(connection: Connection, key: str) -> bool:
    """Whether the step of this key is finished."""
    return connection.execute(select(STEPS.c.status).where(STEPS.c.key == key)).scalar() == StepStatus.FINISHED


def read_output_page(connection: Connection, key: str, *, after: int, limit: int) -> list[tuple[int, str]]:
    """Position and id of the next outputs of a step, those behind a position."""
    columns = STEP_OUTPUTS.c.position, STEP_OUTPUTS.c.record_id
    outputs = select(*columns).where(STEP_OUTPUTS.c.step == key, STEP_OUTPUTS.c.position > after)
    return [(row.position, row.record_id) for row in connection.execute(outputs.order_by(columns[0]).limit(limit))]


def count_outputs(connection: Connection, key: str) -> int:
    """How many records a step has given so far."""
    found: int = connection.execute(select(func.count()).where(STEP_OUTPUTS.c.step == key)).scalar_one()
    return found


def read_failure(connection: Connection, key: str) -> str | None:
    """The error that a step stopped with; None when it has not, or was tried again since."""
    found: str | None = connection.execute(select(STEPS.c.error).where(STEPS.c.key == key)).scalar()
    return found


def sweep_work(engine: Engine, folder: Path) -> None:
    """Remove work folders of finished steps, which a crash right after the last commit left behind."""
    for place in folder.iterdir():
        with reading(engine) as connection:
            done = is_finished(connection, place.name.replace("-", ":", 1))
        if done:
            clear_folder(folder, place.name)


def keep_outputs(
    begin: Callable[[], AbstractContextManager[Transaction]],
    key: str,
    stage: str,
    outputs: Iterable[Record],
    *,
    elapsed: Callable[[], float],
    many: bool,
) -> None:
    """Keep what a step gives, as it comes, and call it finished after the last one, as `Store.finish_step` tells."""
    batch: list[Record] = []
    begun = complete = False
    try:
        for record in outputs:
            batch.append(record)
            if len(batch) == BATCH:
                # Emptied first: if this fails, it must not be tried again below.
                full, batch = batch, []
                with begin() as transaction:
                    _keep_batch(transaction, key, stage, full, many=many, first=not begun)
                begun = True
                reach(f"batch-{stage}")
        complete = True
    finally:
        if batch or complete:
            seconds = elapsed() if complete else None
            with begin() as transaction:
                _keep_batch(transaction, key, stage, batch, many=many, first=not begun)
                if seconds is not None:
                    _mark_finished(transaction, key, stage, seconds)


def _keep_batch(
    transaction: Transaction, key: str, stage: str, batch: Sequence[Record], *, many: bool, first: bool
) -> None:
    if first:
        _begin_step(transaction.connection, key, stage, many=many, at=transaction.clock())
    ids = transaction.keep(batch, event=stage, detail={"step": key})
    _add_outputs(transaction.connection, key, ids)


def _begin_step(connection: Connection, key: str, stage: str, *, many: bool, at: str) -> None:
    again = update(STEPS).where(STEPS.c.key == key)
    retry = again.values(status=StepStatus.UNFINISHED, many=many, tries=STEPS.c.tries + 1, error=None, changed_at=at)
    if connection.execute(retry).rowcount == 0:
        connection.execute(
            insert(STEPS).values(key=key, stage=stage, status=StepStatus.UNFINISHED, many=many, tries=1, changed_at=at)
        )


def _add_outputs(connection: Connection, key: str, ids: Sequence[str]) -> None:
    """Put record ids behind those that the step has given before."""
    start = count_outputs(connection, key)
    rows = [{"step": key, "position": start + offset, "record_id": record_id} for offset, record_id in enumerate(ids)]
    if rows:
        connection.execute(insert(STEP_OUTPUTS), rows)


def _mark_finished(transaction: Transaction, key: str, stage: str, seconds: float) -> None:
    """The step is done: its outputs stand for it from now on, and its scratch goes."""
    connection = transaction.connection
    done = update(STEPS).where(STEPS.c.key == key)
    connection.execute(done.values(status=StepStatus.FINISHED, seconds=seconds, changed_at=transaction.clock()))
    clear_rows(connection, key)
    facts = {"outputs": str(count_outputs(connection, key)), "seconds": f"{seconds:.3f}"}
    transaction.note("step finished", {"stage": stage, "step": key} | facts)


def mark_failed(transaction: Transaction, key: str, stage: str, error: str) -> None:
    """The step stopped with an error; what it gave so far stays. The ledger gets the error's name alone."""
    connection = transaction.connection
    changes = {"status": StepStatus.FAILED, "error": error, "changed_at": transaction.clock()}
    if connection.execute(update(STEPS).where(STEPS.c.key == key).values(**changes)).rowcount == 0:
        connection.execute(insert(STEPS).values(key=key, stage=stage, many=False, tries=1, **changes))
    transaction.note("step failed", {"stage": stage, "step": key, "error": error.partition(":")[0]})
