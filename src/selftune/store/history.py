"""The ledger's side of a transaction: entries added behind the last one, the tree's frontier moved along."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from sqlalchemy import func, insert, select, update

from selftune.errors import IntegrityError
from selftune.ledger.entries import Entry
from selftune.ledger.verify import NO_HASH, Frontier, canonical
from selftune.store.dialect import reading
from selftune.store.tables import LEDGER, LEDGER_TREE, RECORDS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from sqlalchemy import Connection, Engine

ERASED: Final = "erased"
TIGHTENED: Final = "consent tightened"
_ROW: Final = 1
_PAGE: Final = 500


def add_entries(
    connection: Connection,
    *,
    at: str,
    event: str,
    records: Sequence[tuple[str | None, str | None]],
    detail: Mapping[str, str],
) -> int:
    """Add an entry for each (kind, record id), in this transaction; returns the last entry's place in the ledger."""
    tree, previous = read_tree(connection)
    rows = []
    for kind, record_id in records:
        entry = Entry(
            seq=tree.size + 1,
            at=at,
            event=event,
            kind=kind,
            record_id=record_id,
            detail=tuple(sorted(detail.items())),
            prev=previous,
        )
        tree.append(bytes.fromhex(entry.hash))
        previous = entry.hash
        rows.append(
            {
                "seq": entry.seq,
                "at": at,
                "event": event,
                "kind": kind,
                "record_id": record_id,
                "detail": canonical(dict(detail)).decode("ascii"),
                "hash": entry.hash,
            }
        )
    if rows:
        connection.execute(insert(LEDGER), rows)
        _write_tree(connection, tree, previous)
    return tree.size


def read_tree(connection: Connection) -> tuple[Frontier, str]:
    """The tree over all entries and the last entry's hash."""
    row = connection.execute(select(LEDGER_TREE)).first()
    if row is None:
        return Frontier(), NO_HASH
    return Frontier(row.size, [bytes.fromhex(peak) for peak in json.loads(row.peaks)]), row.last_hash


def read_entries(connection: Connection, *, after: int, limit: int | None = None) -> Iterator[Entry]:
    """Entries behind place `after`, at most `limit` of them, each as it was written.

    Raises:
        IntegrityError: a row was altered.
    """
    previous = NO_HASH if after == 0 else hash_at(connection, after)
    rows = connection.execute(select(LEDGER).where(LEDGER.c.seq > after).order_by(LEDGER.c.seq).limit(limit))
    for row in rows:
        entry = Entry(
            seq=row.seq,
            at=row.at,
            event=row.event,
            kind=row.kind,
            record_id=row.record_id,
            detail=tuple(json.loads(row.detail).items()),
            prev=previous or NO_HASH,
        )
        if entry.hash != row.hash:
            raise IntegrityError(
                f"ledger entry {row.seq} in store.db was altered.",
                next_step="Run `selftune doctor`; the mirror in .selftune/ledger may still hold it as it was.",
            )
        previous = entry.hash
        yield entry


def walk_entries(engine: Engine, since: int) -> Iterator[Entry]:
    """Every entry behind a place, a page to a transaction; errors as `read_entries`."""
    while True:
        with reading(engine) as connection:
            page = list(read_entries(connection, after=since, limit=_PAGE))
        if not page:
            return
        yield from page
        since = page[-1].seq


def read_notes(connection: Connection, event: str) -> list[tuple[str, dict[str, str]]]:
    """Time and detail of each entry of an event that has no record, oldest first."""
    asked = select(LEDGER.c.at, LEDGER.c.detail).where(LEDGER.c.event == event, LEDGER.c.record_id.is_(None))
    return [(row.at, json.loads(row.detail)) for row in connection.execute(asked.order_by(LEDGER.c.seq))]


def count_entries(connection: Connection, event: str, *, since: int) -> int:
    """How many entries of an event there are behind a place."""
    entries = select(func.count()).where(LEDGER.c.seq > since, LEDGER.c.event == event)
    found: int = connection.execute(entries).scalar_one()
    return found


def read_lost(connection: Connection, kind: str) -> list[str]:
    """Ids of a kind that have an entry and whose record is gone, in their order; what was erased within is there."""
    there = select(RECORDS.c.id).where(RECORDS.c.id == LEDGER.c.record_id, RECORDS.c.body.is_not(None)).exists()
    # Ids begin with their kind, so that the index over them is enough: no other entry is read.
    within = LEDGER.c.record_id >= f"{kind}:", LEDGER.c.record_id < f"{kind};"
    asked = select(LEDGER.c.record_id).where(*within, ~there).distinct().order_by(LEDGER.c.record_id)
    return list(connection.execute(asked).scalars())


def hash_at(connection: Connection, seq: int) -> str | None:
    """The hash of the entry at this place; None when there is none."""
    found: str | None = connection.execute(select(LEDGER.c.hash).where(LEDGER.c.seq == seq)).scalar()
    return found


def _write_tree(connection: Connection, tree: Frontier, last_hash: str) -> None:
    facts = {"size": tree.size, "last_hash": last_hash, "peaks": json.dumps([peak.hex() for peak in tree.peaks])}
    moved = connection.execute(update(LEDGER_TREE).where(LEDGER_TREE.c.id == _ROW).values(**facts))
    if moved.rowcount == 0:
        connection.execute(insert(LEDGER_TREE).values(id=_ROW, **facts))
