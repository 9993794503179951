"""Words leave the store: records without them keep id, place and ledger entry, and an import knows them still.

A record goes as a whole, or without its words, or without those of some of its parts. What its id is the digest of
stays where no words stand in it. Under the keyed hashes by which imports recognise an entry there is then no record:
what they stand for is met again and adds nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import delete, select, update

from selftune.records import Evaluation, Interaction, Session, decode_record, erase_words, record_types, sealed_text
from selftune.store import history
from selftune.store.dialect import compact, dialect_of
from selftune.store.places import before_key, words_key
from selftune.store.sessions import forget_words
from selftune.store.tables import INTERACTIONS, JUDGEMENTS, RECORDS, SOURCES, STEP_OUTPUTS, STEPS, WORK
from selftune.store.work import clear_all

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping
    from pathlib import Path

    from sqlalchemy import Connection, Engine, Row

    from selftune.store.transaction import Transaction

_BATCH: Final = 500


@dataclass(frozen=True, kw_only=True)
class Erasure:
    """What is to lose its words.

    Attributes:
        whole: Ids of records of which nothing can be read again.
        bare: Ids of records that stay, without the fields that quote people.
        origins: Interactions whose words leave every part of `quoting` that was made of them.
        quoting: Ids of records that hold such parts.
    """

    whole: frozenset[str] = frozenset()
    bare: frozenset[str] = frozenset()
    origins: frozenset[str] = frozenset()
    quoting: frozenset[str] = frozenset()

    @property
    def ids(self) -> tuple[str, ...]:
        """Every record that loses words, sorted."""
        return tuple(sorted(self.whole | self.bare | self.quoting))


def erase(transaction: Transaction, wanted: Erasure, detail: Mapping[str, str]) -> tuple[str, ...]:
    """Take the words away, each with a ledger entry; ids of the records that held some until now."""
    connection, secret = transaction.connection, transaction.secret
    erased = [*_erase_whole(connection, wanted.whole, secret), *_erase_within(connection, wanted)]
    _forget_steps(connection, wanted.whole)
    history.add_entries(connection, at=transaction.clock(), event=history.ERASED, records=erased, detail=detail)
    return tuple(record_id for _, record_id in erased)


def sweep(engine: Engine, folder: Path) -> None:
    """Write the tables anew without what was erased, and let go of what lies beside them and may repeat it.

    Raises:
        LockedError: another process is at the store.
        BudgetError: there is no room on the disk for the tables a second time.
    """
    clear_all(folder / "work")
    for copy in folder.glob("store.db.before-*"):
        # What an upgrade left behind holds everything that stood here then.
        copy.unlink()
    compact(engine)


def _erase_whole(connection: Connection, ids: Collection[str], secret: bytes) -> Iterator[tuple[str, str]]:
    rows = [row for row in _rows_of(connection, ids) if row.body is not None]
    for row in rows:
        # An evaluation hides no answer behind a salt, so what its id covers has to go as well.
        sealed = None if row.kind == Evaluation.KIND else sealed_text(row.body)
        if row.kind == Interaction.KIND:
            _unlink_words(connection, decode_record(row.body, Interaction), secret, frozenset(ids))
        _write(connection, row.id, body=None, sealed=sealed)
        yield row.kind, row.id
    _forget_facts(
        connection, [row.sequence for row in rows], [row.sequence for row in rows if row.kind == Session.KIND]
    )
    for batch in _batches(ids):
        connection.execute(update(SOURCES).where(SOURCES.c.record_id.in_(batch)).values(record_id=None))


def _erase_within(connection: Connection, wanted: Erasure) -> Iterator[tuple[str, str]]:
    for row in _rows_of(connection, wanted.bare | wanted.quoting):
        if row.body is None:
            continue
        chosen = _is_of(wanted.origins, whole=record_types()[row.kind] if row.id in wanted.bare else None)
        without = erase_words(row.body, chosen)
        if without != row.body:
            _write(connection, row.id, body=without, sealed=None)
            yield row.kind, row.id


def _is_of(origins: Collection[str], *, whole: type | None) -> Any:
    """What chooses the parts that were made of these interactions, and the record itself where all its words go."""

    def chosen(kind: type, held: dict[str, Any]) -> bool:
        pairing = held.get("pairing") or {}
        named = (held.get("interaction_id"), pairing.get("rejected_interaction_id"), *held.get("interaction_ids", ()))
        return kind is whole or any(name in origins for name in named)

    return chosen


def _unlink_words(connection: Connection, said: Interaction, secret: bytes, gone: frozenset[str]) -> None:
    """Take an entry out of the chain of those with the same words by the same author; the others stay known by it."""
    key = words_key(secret, said)
    while key is not None:
        known = connection.execute(select(SOURCES.c.record_id).where(SOURCES.c.key == key)).scalar()
        if known is None:
            return
        before = before_key(secret, known)
        if known in gone:
            earlier = connection.execute(select(SOURCES.c.record_id).where(SOURCES.c.key == before)).scalar()
            connection.execute(update(SOURCES).where(SOURCES.c.key == key).values(record_id=earlier))
            connection.execute(delete(SOURCES).where(SOURCES.c.key == before))
        else:
            key = before


def _forget_facts(connection: Connection, sequences: Collection[int], sessions: Collection[int]) -> None:
    """Rows that copy what these records say; of archived sessions the numbers stay."""
    for batch in _batches(sequences):
        connection.execute(delete(INTERACTIONS).where(INTERACTIONS.c.sequence.in_(batch)))
        judged = JUDGEMENTS.c.sequence.in_(batch) | JUDGEMENTS.c.interaction.in_(batch)
        connection.execute(delete(JUDGEMENTS).where(judged))
    for batch in _batches(sessions):
        forget_words(connection, batch)


def _forget_steps(connection: Connection, ids: Collection[str]) -> None:
    """A step whose one record is gone was never taken, scratch may quote anybody, and so may what an error said."""
    single = select(STEPS.c.key).where(~STEPS.c.many)
    for batch in _batches(ids):
        keys = select(STEP_OUTPUTS.c.step).where(STEP_OUTPUTS.c.record_id.in_(batch), STEP_OUTPUTS.c.step.in_(single))
        gone = list(connection.execute(keys).scalars())
        connection.execute(delete(STEP_OUTPUTS).where(STEP_OUTPUTS.c.step.in_(gone)))
        connection.execute(delete(STEPS).where(STEPS.c.key.in_(gone)))
    connection.execute(delete(WORK))
    named = dialect_of(connection).text_before(STEPS.c.error, ":")
    connection.execute(update(STEPS).where(STEPS.c.error.contains(":")).values(error=named))


def _rows_of(connection: Connection, ids: Collection[str]) -> Iterator[Row[int, str, str, str | None]]:
    columns = RECORDS.c.sequence, RECORDS.c.id, RECORDS.c.kind, RECORDS.c.body
    for batch in _batches(sorted(ids)):
        yield from connection.execute(select(*columns).where(RECORDS.c.id.in_(batch))).all()


def _write(connection: Connection, record_id: str, *, body: str | None, sealed: str | None) -> None:
    connection.execute(update(RECORDS).where(RECORDS.c.id == record_id).values(body=body, sealed=sealed))


def _batches(items: Iterable[Any]) -> Iterator[list[Any]]:
    listed = list(items)
    for place in range(0, len(listed), _BATCH):
        yield listed[place : place + _BATCH]
