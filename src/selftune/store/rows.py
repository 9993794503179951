"""Records as rows: kept once, read back checked, walked in the order they came."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeVar

from sqlalchemy import delete, func, insert, select

from selftune.errors import IntegrityError, UnknownNameError
from selftune.records import Interaction, Record, decode_record, encode_record, reads_back
from selftune.store.facts import add_facts
from selftune.store.recognition import Met, Recognition
from selftune.store.tables import RECORDS, SOURCES, VERSIONS

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from sqlalchemy import Connection

R = TypeVar("R", bound=Record)

_ABOVE_HEX: Final = "~"
_NEAREST: Final = 20
_ID_HEX_DIGITS: Final = 64
_MENDING: Final = "Run `selftune doctor`, then restore .selftune/store.db from a backup."


@dataclass(frozen=True, kw_only=True)
class Kept:
    """What a batch came to: the id of each record handed in, and kind and id of those that were not there before.

    `tightened` are those that came because their author now allows less with what was there.
    """

    ids: tuple[str, ...]
    new: tuple[tuple[str, str], ...]
    tightened: tuple[tuple[str, str], ...] = ()


def keep_records(connection: Connection, records: Sequence[Record], *, secret: bytes, at: str) -> Kept:
    """Insert what is new; what is known adds nothing and answers with the earlier id (see `recognition`)."""
    recognition = Recognition(connection=connection, secret=secret)
    recognition.look_up(records)
    each_met = [recognition.meet(record) for record in records]
    known = _known_ids(connection, [new.id for met in each_met for new in _new_of(met)])
    ids: list[str] = []
    added: dict[str, Record] = {}
    versions: list[dict[str, str]] = []
    tightened: set[str] = set()
    for met in each_met:
        ids += [name for name in (met.known, met.record.id if met.record else None) if name is not None]
        tightened |= {one.id for one in met.tightened}
        for new in _new_of(met):
            if new.id in known:
                continue
            added[new.id] = new
            known.add(new.id)
            if isinstance(new, Interaction) and new.supersedes is not None:
                versions.append({"record_id": new.id, "supersedes": new.supersedes})
    _insert(connection, added.values(), at=at)
    if versions:
        connection.execute(insert(VERSIONS), versions)
    _keep_keys(connection, recognition.fresh)
    return Kept(
        ids=tuple(ids),
        new=tuple((record.KIND, name) for name, record in added.items() if name not in tightened),
        tightened=tuple((record.KIND, name) for name, record in added.items() if name in tightened),
    )


def _new_of(met: Met) -> tuple[Record, ...]:
    return met.tightened if met.record is None else (*met.tightened, met.record)


def read_record(connection: Connection, record_id: str) -> Record:
    """The record of this full id, its content compared with the id.

    Raises:
        IntegrityError: it is missing, damaged, or was erased.
        UnknownNameError: it holds what no database takes for text, so nothing is called that.
    """
    _refuse_no_text(connection, record_id)
    row = connection.execute(select(RECORDS.c.body).where(RECORDS.c.id == record_id)).first()
    if row is None:
        raise IntegrityError(f"no record {record_id} in the store.", next_step=_MENDING)
    return check_body(record_id, row.body)


def read_named(connection: Connection, name: str) -> Record:
    """The record of this id, or of a unique beginning of one; errors as `read_record` and `find_id`."""
    whole = len(name.partition(":")[2]) == _ID_HEX_DIGITS
    return read_record(connection, name if whole else find_id(connection, name))


def read_last(connection: Connection, kind: type[R]) -> R | None:
    """The record of a kind that was kept last and was not erased."""
    there = RECORDS.c.kind == kind.KIND, RECORDS.c.body.is_not(None)
    newest = select(RECORDS.c.id, RECORDS.c.body).where(*there).order_by(RECORDS.c.sequence.desc()).limit(1)
    row = connection.execute(newest).first()
    return None if row is None else check_kind(row.id, row.body, kind)


def count_kept(connection: Connection, kind: str) -> int:
    """How many records of a kind there are, without those that were erased."""
    there = RECORDS.c.kind == kind, RECORDS.c.body.is_not(None)
    found: int = connection.execute(select(func.count()).where(*there)).scalar_one()
    return found


def find_place(connection: Connection, record_id: str) -> tuple[int, str]:
    """The ingest sequence of a record, and when it was kept.

    Raises:
        IntegrityError: there is no such record.
    """
    asked = select(RECORDS.c.sequence, RECORDS.c.saved_at).where(RECORDS.c.id == record_id)
    row = connection.execute(asked).first()
    if row is None:
        raise IntegrityError(f"no record {record_id} in the store.", next_step="Check the id.")
    return row.sequence, row.saved_at


def read_later_version(connection: Connection, record_id: str) -> str | None:
    """The interaction that supersedes this one; None for the newest version."""
    later = select(VERSIONS.c.record_id).where(VERSIONS.c.supersedes == record_id)
    found: str | None = connection.execute(later).scalar()
    return found


def read_bodies(connection: Connection, record_ids: Collection[str]) -> dict[str, str | None]:
    """The body of each of these full ids.

    Raises:
        IntegrityError: one of them is not there.
    """
    asked = select(RECORDS.c.id, RECORDS.c.body).where(RECORDS.c.id.in_(set(record_ids)))
    found = {row.id: row.body for row in connection.execute(asked)}
    missing = next((name for name in record_ids if name not in found), None)
    if missing is not None:
        raise IntegrityError(f"no record {missing} in the store.", next_step=_MENDING)
    return found


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


def check_kind(record_id: str, body: str | None, kind: type[R]) -> R:
    """The same, which must be of this kind as well."""
    return of_kind(check_body(record_id, body), kind)


def of_kind(record: Record, kind: type[R]) -> R:
    """The record, which must be of this kind.

    Raises:
        IntegrityError: it is of another one.
    """
    if not isinstance(record, kind):
        raise IntegrityError(f"{record.id} is a {record.KIND}, not a {kind.KIND}.", next_step="Check the id.")
    return record


def find_id(connection: Connection, prefix: str) -> str:
    """The one full id that begins like this.

    Raises:
        UnknownNameError: none does, or several do; those near are offered.
    """
    _refuse_no_text(connection, prefix)
    starting = RECORDS.c.id >= prefix, RECORDS.c.id <= prefix + _ABOVE_HEX
    matches = connection.execute(select(RECORDS.c.id).where(*starting).order_by(RECORDS.c.id).limit(_NEAREST))
    found = list(matches.scalars()) if prefix else []
    if len(found) == 1 or prefix in found:
        return prefix if prefix in found else str(found[0])
    kind = prefix.partition(":")[0]
    newest = select(RECORDS.c.id).where(RECORDS.c.kind == kind).order_by(RECORDS.c.sequence.desc()).limit(_NEAREST)
    raise UnknownNameError("record", prefix, found or list(connection.execute(newest).scalars()) or _kinds(connection))


def _refuse_no_text(connection: Connection, name: str) -> None:
    if "\0" in name or (not name.isascii() and any("\ud800" <= sign <= "\udfff" for sign in name)):
        raise UnknownNameError("record", name, _kinds(connection))


def _kinds(connection: Connection) -> list[str]:
    """What an id can begin with here."""
    return [f"{kind}:" for kind in connection.execute(select(RECORDS.c.kind).distinct()).scalars()]


def read_page(
    connection: Connection, kind: str | None, *, after: int, until: int, limit: int
) -> list[tuple[int, str, str]]:
    """Sequence, id and body of the next records of a kind or of all, `after` and `until` being ingest sequences.

    Those that were erased are passed over.
    """
    within = RECORDS.c.sequence > after, RECORDS.c.sequence <= until, RECORDS.c.body.is_not(None)
    asked = select(RECORDS.c.sequence, RECORDS.c.id, RECORDS.c.body).where(*within)
    if kind is not None:
        asked = asked.where(RECORDS.c.kind == kind)
    page = connection.execute(asked.order_by(RECORDS.c.sequence).limit(limit))
    return [(row.sequence, row.id, row.body) for row in page]


def is_sound(record_id: str, body: str) -> bool:
    """Whether a body holds just the record that the id names."""
    try:
        check_body(record_id, body)
    except IntegrityError:
        return False
    return True


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
    if not reads_back(body, record):
        raise TypeError(f"a {record.KIND} record would not read back as itself: check the types of its fields")
    return body


def _insert(connection: Connection, records: Iterable[Record], *, at: str) -> None:
    """Give each record its ingest sequence, and keep what facts tell of it beside it."""
    placed = list(enumerate(records, start=last_sequence(connection, None) + 1))
    if not placed:
        return
    rows = [
        {"sequence": sequence, "id": record.id, "kind": record.KIND, "body": _readable_body(record), "saved_at": at}
        for sequence, record in placed
    ]
    connection.execute(insert(RECORDS), rows)
    add_facts(connection, placed)


def _keep_keys(connection: Connection, keys: Mapping[str, str]) -> None:
    """A thread's key stood for an earlier version until now."""
    if keys:
        connection.execute(delete(SOURCES).where(SOURCES.c.key.in_(keys)))
        connection.execute(insert(SOURCES), [{"key": key, "record_id": name} for key, name in keys.items()])


def _known_ids(connection: Connection, ids: Sequence[str]) -> set[str]:
    return set(connection.execute(select(RECORDS.c.id).where(RECORDS.c.id.in_(ids))).scalars())
