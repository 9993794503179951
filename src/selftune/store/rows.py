"""Records as rows: kept once, read back checked, walked in the order they came."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeVar

from sqlalchemy import func, insert, select

from selftune.errors import IntegrityError, UnknownNameError
from selftune.records import Interaction, Quarantined, Record, decode_record, encode_record
from selftune.store.tables import RECORDS, SOURCES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection

R = TypeVar("R", bound=Record)

_ABOVE_HEX: Final = "~"
_NEAREST: Final = 20
_MENDING: Final = "Run `selftune doctor`, then restore .selftune/store.db from a backup."


@dataclass(frozen=True, kw_only=True)
class Kept:
    """What a batch came to: the id of each record handed in, and kind and id of those that were not there before."""

    ids: tuple[str, ...]
    new: tuple[tuple[str, str], ...]


def source_key(secret: bytes, *parts: str) -> str:
    """A place in a source as a keyed hash: it recognises the place and tells nothing to who lacks the key."""
    return hmac.new(secret, "\x00".join(parts).encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()


def keep_records(connection: Connection, records: Sequence[Record], *, secret: bytes, at: str) -> Kept:
    """Insert what is new; a known id, or a known source and position, adds nothing and answers with the earlier id."""
    keys = [_key_of(record, secret) for record in records]
    seen = _seen(connection, [key for key in keys if key is not None])
    known = _known_ids(connection, [record.id for record in records])
    ids: list[str] = []
    bodies: dict[str, tuple[str, str]] = {}
    places: dict[str, str] = {}
    for record, key in zip(records, keys, strict=True):
        if key is not None and key in seen:
            earlier = seen[key]
            if earlier is not None:
                ids.append(earlier)
            continue
        ids.append(record.id)
        if record.id not in known:
            bodies[record.id] = (record.KIND, _readable_body(record))
            known.add(record.id)
        if key is not None:
            seen[key] = places[key] = record.id
    if bodies:
        rows = [{"id": name, "kind": kind, "body": body, "saved_at": at} for name, (kind, body) in bodies.items()]
        connection.execute(insert(RECORDS), rows)
    if places:
        connection.execute(insert(SOURCES), [{"key": key, "record_id": name} for key, name in places.items()])
    return Kept(ids=tuple(ids), new=tuple((kind, name) for name, (kind, _) in bodies.items()))


def read_record(connection: Connection, record_id: str) -> Record:
    """The record of this full id, its content compared with the id.

    Raises:
        IntegrityError: it is missing, damaged, or was erased.
    """
    row = connection.execute(select(RECORDS.c.body).where(RECORDS.c.id == record_id)).first()
    if row is None:
        raise IntegrityError(f"no record {record_id} in the store.", next_step=_MENDING)
    return check_body(record_id, row.body)


def check_body(record_id: str, body: str | None) -> Record:
    """The record that a body holds, which must be the one that the id names.

    Raises:
        IntegrityError: it is another one, no record at all, or was erased.
    """
    if body is None:
        raise IntegrityError(
            f"the words of {record_id} were erased.", next_step="Go on without this record; its id stays in the ledger."
        )
    record: Record = decode_record(body)
    if record.id != record_id:
        raise IntegrityError(f"record {record_id} is damaged: its content is {record.id}.", next_step=_MENDING)
    return record


def find_id(connection: Connection, prefix: str) -> str:
    """The one full id that begins like this.

    Raises:
        UnknownNameError: none does, or several do; those near are offered.
    """
    starting = RECORDS.c.id.between(prefix, prefix + _ABOVE_HEX)
    matches = connection.execute(select(RECORDS.c.id).where(starting).order_by(RECORDS.c.id).limit(_NEAREST))
    found = list(matches.scalars())
    if len(found) == 1 or prefix in found:
        return prefix if prefix in found else str(found[0])
    kind = prefix.partition(":")[0]
    newest = select(RECORDS.c.id).where(RECORDS.c.kind == kind).order_by(RECORDS.c.sequence.desc()).limit(_NEAREST)
    raise UnknownNameError("record", prefix, found or connection.execute(newest).scalars())


def read_page(
    connection: Connection, kind: str, *, after: int, until: int, limit: int
) -> list[tuple[int, str, str | None]]:
    """Sequence, id and body of the next records of a kind, `after` and `until` being ingest sequences."""
    page = (
        select(RECORDS.c.sequence, RECORDS.c.id, RECORDS.c.body)
        .where(RECORDS.c.kind == kind, RECORDS.c.sequence > after, RECORDS.c.sequence <= until)
        .order_by(RECORDS.c.sequence)
        .limit(limit)
    )
    return [(row.sequence, row.id, row.body) for row in connection.execute(page)]


def last_sequence(connection: Connection, kind: str | None) -> int:
    """The greatest ingest sequence, of a kind or of all; 0 for none."""
    last = select(func.max(RECORDS.c.sequence))
    if kind is not None:
        last = last.where(RECORDS.c.kind == kind)
    found: int | None = connection.execute(last).scalar()
    return found or 0


def _readable_body(record: Record) -> str:
    """The record's JSON, which must read back as the same record.

    Raises:
        TypeError: a field holds what its type does not allow, so the record could never be read again.
    """
    body = encode_record(record)
    read: Record = decode_record(body)
    if read.id != record.id:
        raise TypeError(f"a {record.KIND} record would not read back as itself: check the types of its fields")
    return body


def _key_of(record: Record, secret: bytes) -> str | None:
    if isinstance(record, Interaction | Quarantined):
        return source_key(secret, record.KIND, record.source, record.position)
    return None


def _seen(connection: Connection, keys: Sequence[str]) -> dict[str, str | None]:
    if not keys:
        return {}
    rows = connection.execute(select(SOURCES.c.key, SOURCES.c.record_id).where(SOURCES.c.key.in_(keys)))
    return {row.key: row.record_id for row in rows}


def _known_ids(connection: Connection, ids: Sequence[str]) -> set[str]:
    return set(connection.execute(select(RECORDS.c.id).where(RECORDS.c.id.in_(ids))).scalars())
