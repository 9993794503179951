"""What an import asks of the store: what it would do, what it has seen before, what was set aside and never came in."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from sqlalchemy import insert, select, update

from selftune.records import Interaction, Quarantined, Record
from selftune.store.dialect import reading
from selftune.store.places import came_in_keys, source_key
from selftune.store.recognition import Recognition, known_at
from selftune.store.tables import SOURCES
from selftune.store.walking import BATCH, read_records, walk_kind

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from sqlalchemy import Connection, Engine

    from selftune.store.import_key import ImportKey
    from selftune.store.recognition import Met
    from selftune.store.transaction import Transaction


def preview(engine: Engine, key: ImportKey, records: Iterable[Record]) -> Iterator[Met]:
    """Of each record in turn, what saving it would do; nothing is written, not even a missing key."""
    source = iter(records)
    with reading(engine) as connection:
        secret = key.secret(connection) if key.is_made() else b"no import yet"
        recognition = Recognition(connection=connection, secret=secret)
        while batch := list(islice(source, BATCH)):
            recognition.look_up(batch)
            yield from map(recognition.meet, batch)
            recognition.forget_found()


def read_kept_at(engine: Engine, key: ImportKey, source: str, positions: Sequence[str]) -> dict[str, Interaction]:
    """The newest version of what was kept from each of these places; a place that is new has none."""
    with reading(engine) as connection:
        found = known_at(connection, key.secret(connection), source, positions)
    return dict(zip(found, read_records(engine, found.values(), Interaction), strict=True))


def walk_waiting(engine: Engine, key: ImportKey) -> Iterator[Quarantined]:
    """What was set aside and has not come in since, oldest first."""
    aside = (record for _, record in walk_kind(engine, Quarantined, 0))
    while batch := list(islice(aside, BATCH)):
        with reading(engine) as connection:
            secret = key.secret(connection)
            keys = {record.id: came_in_keys(secret, record) for record in batch}
            asked = {one for some in keys.values() for one in some}
            came_in = select(SOURCES.c.key).where(SOURCES.c.key.in_(asked), SOURCES.c.record_id.is_not(None))
            found = set(connection.execute(came_in).scalars())
        yield from (record for record in batch if found.isdisjoint(keys[record.id]))


def read_seen(connection: Connection, key: ImportKey, name: str) -> str | None:
    """The id of the record that was remembered under this name; None for none."""
    place = source_key(key.secret(connection), name)
    found: str | None = connection.execute(select(SOURCES.c.record_id).where(SOURCES.c.key == place)).scalar()
    return found


def remember(transaction: Transaction, name: str, record_id: str) -> None:
    """Recognise this name from now on; only its HMAC is kept."""
    place = source_key(transaction.secret, name)
    known = update(SOURCES).where(SOURCES.c.key == place).values(record_id=record_id)
    if transaction.connection.execute(known).rowcount == 0:
        transaction.connection.execute(insert(SOURCES).values(key=place, record_id=record_id))
