"""The log page by page, newest first, the last page as quick as the first: found by place, never counted off."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from sqlalchemy import func, select

from selftune.store.dialect import reading
from selftune.store.tables import INTERACTIONS, JUDGEMENTS, RECORDS

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine


class Entry(NamedTuple):
    """One interaction as the facts have it; none of its words. What was erased has no facts and is not among them.

    Attributes:
        sequence: Its place in the log.
        may_train: Whether it may be learnt from.
        superseded: Whether a later version stands in its place.
        happened_at: UTC, ISO 8601; None where its source did not say.
    """

    sequence: int
    interaction_id: str
    source: str
    may_train: bool
    superseded: bool
    happened_at: str | None
    saved_at: str


@dataclass(frozen=True, kw_only=True)
class LogPage:
    """So many entries, newest first.

    Attributes:
        newer: Whether there are newer ones than these; `older` likewise.
    """

    entries: tuple[Entry, ...]
    newer: bool
    older: bool


@dataclass(frozen=True, kw_only=True)
class LogCounts:
    """How many interactions are in the log.

    Attributes:
        superseded: Earlier versions of a conversation that has gone on.
        closed: Newest versions that may not be learnt from.
        open: Newest versions that may.
    """

    kept: int
    superseded: int
    closed: int
    open: int


class Log:
    """The interactions of a store, looked at."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def page(self, limit: int, *, before: int | None = None, after: int | None = None) -> LogPage:
        """The newest entries; or those next below one place, or next above another."""
        with reading(self._engine) as connection:
            entries = _entries(connection, limit, before=before, after=after)
            if not entries:
                return LogPage(entries=(), newer=False, older=False)
            return LogPage(
                entries=tuple(entries),
                newer=_is_one(connection, after=entries[0].sequence),
                older=_is_one(connection, before=entries[-1].sequence),
            )

    def counts(self) -> LogCounts:
        """How many there are of each kind; walks over all of them."""
        superseded = INTERACTIONS.c.superseded_by.is_not(None)
        asked = select(superseded, INTERACTIONS.c.may_train, func.count()).group_by(
            superseded, INTERACTIONS.c.may_train
        )
        with reading(self._engine) as connection:
            found = {(bool(old), bool(may)): int(count) for old, may, count in connection.execute(asked)}
        old = found.get((True, True), 0) + found.get((True, False), 0)
        closed, learnable = found.get((False, False), 0), found.get((False, True), 0)
        return LogCounts(kept=old + closed + learnable, superseded=old, closed=closed, open=learnable)

    def judgement_ids(self, sequence: int) -> tuple[str, ...]:
        """Every judgement of the interaction at this place, oldest first."""
        asked = (
            select(RECORDS.c.id)
            .join(JUDGEMENTS, JUDGEMENTS.c.sequence == RECORDS.c.sequence)
            .where(JUDGEMENTS.c.interaction == sequence)
            .order_by(RECORDS.c.sequence)
        )
        with reading(self._engine) as connection:
            return tuple(connection.execute(asked).scalars())


def _entries(connection: Connection, limit: int, *, before: int | None, after: int | None) -> list[Entry]:
    place = INTERACTIONS.c.sequence
    asked = (
        select(
            place,
            RECORDS.c.id,
            INTERACTIONS.c.source,
            INTERACTIONS.c.may_train,
            INTERACTIONS.c.superseded_by,
            INTERACTIONS.c.happened_at,
            RECORDS.c.saved_at,
        )
        .join(RECORDS, RECORDS.c.sequence == place)
        .limit(limit)
    )
    if after is not None:
        rows = reversed(connection.execute(asked.where(place > after).order_by(place)).all())
    else:
        below = asked if before is None else asked.where(place < before)
        rows = iter(connection.execute(below.order_by(place.desc())).all())
    return [
        Entry(
            sequence=row.sequence,
            interaction_id=row.id,
            source=row.source,
            may_train=bool(row.may_train),
            superseded=row.superseded_by is not None,
            happened_at=row.happened_at,
            saved_at=row.saved_at,
        )
        for row in rows
    ]


def _is_one(connection: Connection, *, before: int | None = None, after: int | None = None) -> bool:
    place = INTERACTIONS.c.sequence
    asked = select(place).limit(1)
    asked = asked.where(place < before) if before is not None else asked.where(place > after)
    return connection.execute(asked).first() is not None
