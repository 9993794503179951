"""A store's tables copied into another database, row by row, and compared afterwards: ids, places and ledger alike.

While it lasts nobody else writes to either. The store that was copied from stays as it is.
"""

from __future__ import annotations

import hashlib
import json
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import exists, func, insert, inspect, or_, select, text, update

from selftune.context import Progress
from selftune.errors import IntegrityError, LockedError, UsageError
from selftune.interrupts import held_back
from selftune.ledger.verify import NO_HASH
from selftune.store import history
from selftune.store.dialect import copy_database, is_file, open_engine, reading, sqlite_module, writing
from selftune.store.migrate import migrate
from selftune.store.tables import LEASES, METADATA, RECORDS, SITTINGS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from pathlib import Path

    from sqlalchemy import Connection, Engine, Table

    from selftune.databases import Database

_ROWS: Final = 500
# Whatever holds it is who copies.
_NUL, _SHOWN_FOR_NUL = "\0", "\ufffd"


@dataclass(frozen=True, kw_only=True)
class Copied:
    """What was copied, and found alike on both sides.

    Attributes:
        rows: How many each table holds.
        digest: Over every row of every table, in order.
        entries: The ledger's last place, `last_hash` the hash of that entry.
    """

    rows: Mapping[str, int]
    digest: str
    entries: int
    last_hash: str


@contextmanager
def opened_target(path: Path, database: Database | None) -> Iterator[Engine]:
    """The database that is to be copied into, or a new file where none is named.

    Raises:
        UsageError: the file is there already.
        DatabaseAwayError: the server does not answer.
    """
    if database is None and path.exists():
        raise UsageError(f"{path} is there already: the store of before.", next_step="Move it away; then say it again.")
    if database is None:
        engine = open_engine(path, sqlite_module())
    else:
        from selftune.store.dialect.postgresql import open_database

        engine = open_database(database)
    try:
        yield engine
    except BaseException:
        engine.dispose()
        if database is None:
            for ending in ("", "-wal", "-shm", "-journal"):
                path.with_name(path.name + ending).unlink(missing_ok=True)
        raise
    engine.dispose()


def refuse_used(engine: Engine) -> None:
    """See that nothing is kept there.

    Raises:
        UsageError: something is.
    """
    with reading(engine) as connection:
        _refuse_rows(connection)


def holds_rows(connection: Connection) -> bool:
    """Whether any table of a store holds a row; where there is no table, there is none."""
    there = inspect(connection).get_table_names()
    held = [exists(select(table)) for table in METADATA.sorted_tables if table.name in there]
    return bool(held) and bool(connection.execute(select(or_(*held))).scalar())


def _refuse_rows(connection: Connection) -> None:
    if holds_rows(connection):
        raise UsageError(
            "a store is kept there already, and two can't become one.",
            next_step="Name a database that is empty: `createdb NAME`.",
        )


@contextmanager
def copied(
    source: Engine,
    target: Engine,
    path: Path,
    *,
    project: str | None = None,
    own_leases: Iterable[str] = (),
    told: Callable[[Progress], None] = lambda _: None,
) -> Iterator[Copied]:
    """Copy everything, compare, commit; in the block both hold the same, and nobody else writes to the source.

    A database is the project's of this name from then on. `told` hears how many rows were copied, then compared.

    Raises:
        UsageError: something is kept in the target.
        LockedError: somebody works in the source.
        IntegrityError: the two differ, or the ledger does not hold together; nothing is in the target then.
    """
    migrate(target, path)
    with writing(source) as reader:
        _refuse_at_work(reader, set(own_leases))
        with writing(target) as writer:
            _refuse_rows(writer)
            total = sum(_count(reader, table) for table in METADATA.sorted_tables)
            _copy_rows(reader, writer, _counting(told, total, "rows copied"))
            made = _compare(reader, writer, _counting(told, 2 * total, "rows compared"))
            _free_leases(writer)
            _go_on_counting(writer)
            if project is not None:
                from selftune.store.dialect.postgresql import write_project

                write_project(writer, project)
        yield made


def copy_to_file(source: Engine, path: Path) -> None:
    """A consistent copy of everything as a new file, whatever is being written meanwhile and wherever it is kept.

    Raises:
        UsageError: the file is there already.
        BudgetError: there is no room for it.
    """
    if is_file(source):
        with held_back(), source.connect() as connection:
            copy_database(connection, path)
        return
    with opened_target(path, None) as target:
        migrate(target, path)
        with reading(source) as reader, writing(target) as writer:
            _copy_rows(reader, writer)
            _compare(reader, writer)


def count_rows(engine: Engine) -> dict[str, int]:
    """How many rows each table holds."""
    with reading(engine) as connection:
        return {table.name: _count(connection, table) for table in METADATA.sorted_tables}


def _copy_rows(reader: Connection, writer: Connection, heard: Callable[[int], None] = lambda _: None) -> None:
    for table in METADATA.sorted_tables:
        for rows in _pages(reader, table):
            writer.execute(insert(table), rows)
            heard(len(rows))


def _counting(told: Callable[[Progress], None], total: int, note: str) -> Callable[[int], None]:
    """Hears of so many more, and tells how many that makes."""
    done = 0

    def heard(more: int) -> None:
        nonlocal done
        done += more
        told(Progress(done=done, total=total, note=note))

    return heard


def _refuse_at_work(connection: Connection, own: set[str]) -> None:
    held = connection.execute(select(LEASES.c.name, LEASES.c.owner).where(LEASES.c.owner.is_not(None)))
    other = next((row for row in held if row.name not in own), None)
    if other is not None:
        raise LockedError(
            f"{other.owner} holds {other.name!r} in this store.", next_step="Wait until it has ended, then try again."
        )


def _compare(reader: Connection, writer: Connection, heard: Callable[[int], None] = lambda _: None) -> Copied:
    ours, theirs = _digests(reader, heard), _digests(writer, heard)
    differs = [name for name in ours if ours[name] != theirs[name]]
    if differs:
        raise IntegrityError(
            f"what was copied is not what was there, in {', '.join(differs)}.",
            next_step="Run `selftune doctor`; nothing was kept there, and the store is as it was.",
        )
    tree, last_hash = history.read_tree(writer)
    walked = NO_HASH
    for entry in history.read_entries(writer, after=0):
        walked = entry.hash
    if walked != last_hash:
        raise IntegrityError(
            "the ledger does not end where it says that it does.", next_step="Run `selftune ledger verify`."
        )
    whole = hashlib.sha256(json.dumps(ours, sort_keys=True).encode())
    rows = {name: count for name, (count, _) in ours.items()}
    return Copied(rows=rows, digest=f"sha256:{whole.hexdigest()}", entries=tree.size, last_hash=last_hash)


def _digests(connection: Connection, heard: Callable[[int], None] = lambda _: None) -> dict[str, tuple[int, str]]:
    """Number and digest of the rows of each table, by its key's order."""
    found = {}
    for table in METADATA.sorted_tables:
        digest, count = hashlib.sha256(), 0
        for rows in _pages(connection, table):
            count += len(rows)
            heard(len(rows))
            for row in rows:
                digest.update(json.dumps(list(map(_plain, row.values()))).encode())
        found[table.name] = (count, digest.hexdigest())
    return found


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.hex()
    return value.replace(_NUL, _SHOWN_FOR_NUL) if isinstance(value, str) else value


def _pages(connection: Connection, table: Table) -> Iterator[list[dict[str, Any]]]:
    asked = select(table).order_by(*table.primary_key.columns).execution_options(yield_per=_ROWS)
    for page in connection.execute(asked).mappings().partitions():
        yield [dict(row) for row in page]


def _count(connection: Connection, table: Table) -> int:
    found: int = connection.execute(select(func.count()).select_from(table)).scalar_one()
    return found


def _free_leases(connection: Connection) -> None:
    """Nobody holds one there yet; their tokens go on growing."""
    nobody = dict.fromkeys(("owner", "host", "pid", "expires_at"))
    connection.execute(update(LEASES).values(**nobody))


def _go_on_counting(connection: Connection) -> None:
    if is_file(connection):
        return
    for column in (RECORDS.c.sequence, SITTINGS.c.id):
        most = select(func.coalesce(func.max(column), 0) + 1).scalar_subquery()
        counter = func.pg_get_serial_sequence(text(f"'{column.table.name}'"), text(f"'{column.name}'"))
        connection.execute(select(func.setval(counter, most, text("false"))))
