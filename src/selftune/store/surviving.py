"""A second store that holds what is left of a first one, and never held anything else."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import insert, select

from selftune.records import Interaction, Record, decode_record
from selftune.store.dialect import reading
from selftune.store.facts import add_facts
from selftune.store.tables import RECORDS, VERSIONS

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence
    from contextlib import AbstractContextManager

    from sqlalchemy import Connection, Engine, Row

    from selftune.store.transaction import Transaction

_BATCH = 500


def copy_surviving(
    source: Engine,
    begin: Callable[[], AbstractContextManager[Transaction]],
    kind: str,
    *,
    until: int,
    without: Collection[str],
) -> None:
    """Put every record of a kind whose words are there, up to a place, into the empty store that `begin` writes to."""
    after = 0
    while True:
        with reading(source) as connection:
            page = _read_page(connection, kind, after=after, until=until)
        if not page:
            return
        with begin() as transaction:
            _put_page(transaction.connection, page, without)
        after = page[-1].sequence


def _read_page(
    connection: Connection, kind: str, *, after: int, until: int
) -> Sequence[Row[int, str, str, str | None, str]]:
    columns = RECORDS.c.sequence, RECORDS.c.id, RECORDS.c.kind, RECORDS.c.body, RECORDS.c.saved_at
    within = RECORDS.c.sequence > after, RECORDS.c.sequence <= until, RECORDS.c.body.is_not(None)
    asked = select(*columns).where(RECORDS.c.kind == kind, *within).order_by(RECORDS.c.sequence).limit(_BATCH)
    return connection.execute(asked).all()


def _put_page(
    connection: Connection, rows: Sequence[Row[int, str, str, str | None, str]], without: Collection[str]
) -> None:
    """Insert these rows under their own sequence, and what facts tell of them; those of these ids are left out.

    A judgement of what is left out is left out as well.
    """
    placed: list[tuple[int, Record]] = []
    for sequence, record_id, kind, body, saved_at in rows:
        if record_id in without or body is None:
            continue
        record: Record = decode_record(body)
        if getattr(record, "interaction_id", None) in without:
            continue
        row = {"sequence": sequence, "id": record_id, "kind": kind, "body": body, "saved_at": saved_at}
        connection.execute(insert(RECORDS), row)
        placed.append((sequence, record))
    add_facts(connection, placed)
    known = {record.id for _, record in placed}
    versions = [
        {"record_id": one.id, "supersedes": one.supersedes}
        for _, one in placed
        if isinstance(one, Interaction) and one.supersedes is not None and _is_there(connection, one.supersedes, known)
    ]
    if versions:
        connection.execute(insert(VERSIONS), versions)


def _is_there(connection: Connection, record_id: str, known: Collection[str]) -> bool:
    asked = select(RECORDS.c.id).where(RECORDS.c.id == record_id)
    return record_id in known or connection.execute(asked).first() is not None
