"""Steps of the executor as rows: which were begun, what they gave, which are finished and need not be run again."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from sqlalchemy import func, insert, select, update

from selftune.store.listing import Listing
from selftune.store.tables import STEP_OUTPUTS, STEPS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from sqlalchemy import Connection


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


def begin_step(connection: Connection, key: str, stage: str, *, many: bool, at: str) -> None:
    """Note that a step is being run, once more or for the first time."""
    again = update(STEPS).where(STEPS.c.key == key)
    retry = again.values(status=StepStatus.UNFINISHED, many=many, tries=STEPS.c.tries + 1, error=None, changed_at=at)
    if connection.execute(retry).rowcount == 0:
        connection.execute(
            insert(STEPS).values(key=key, stage=stage, status=StepStatus.UNFINISHED, many=many, tries=1, changed_at=at)
        )


def add_outputs(connection: Connection, key: str, ids: Sequence[str]) -> None:
    """Put record ids behind those that the step has given before."""
    start = count_outputs(connection, key)
    rows = [{"step": key, "position": start + offset, "record_id": record_id} for offset, record_id in enumerate(ids)]
    if rows:
        connection.execute(insert(STEP_OUTPUTS), rows)


def mark_finished(connection: Connection, key: str, *, seconds: float, at: str) -> None:
    """The step is done: its outputs stand for it from now on."""
    done = update(STEPS).where(STEPS.c.key == key)
    connection.execute(done.values(status=StepStatus.FINISHED, seconds=seconds, changed_at=at))


def mark_failed(connection: Connection, key: str, stage: str, error: str, *, at: str) -> None:
    """The step stopped with an error; what it gave so far stays."""
    failed = update(STEPS).where(STEPS.c.key == key).values(status=StepStatus.FAILED, error=error, changed_at=at)
    if connection.execute(failed).rowcount == 0:
        connection.execute(
            insert(STEPS).values(
                key=key, stage=stage, status=StepStatus.FAILED, many=False, tries=1, error=error, changed_at=at
            )
        )
