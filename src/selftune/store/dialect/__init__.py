"""What only one kind of database understands: SQLite's file or a PostgreSQL server, behind one small interface."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from selftune.interrupts import held_back
from selftune.store.dialect.sqlite import (
    Sqlite,
    copy_database,
    describe_sqlite,
    journal_mode,
    open_engine,
    sqlite_module,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from types import ModuleType

    from sqlalchemy import Connection, Engine

    from selftune.databases import Database
    from selftune.store.dialect.base import Dialect

__all__ = [
    "compact",
    "copy_database",
    "describe_sqlite",
    "dialect_of",
    "is_file",
    "journal_mode",
    "open_engine",
    "open_records",
    "reading",
    "sqlite_module",
    "writing",
]

_SQLITE = Sqlite()


def is_file(bound: Engine | Connection) -> bool:
    """Whether the records lie in SQLite's file."""
    return bound.dialect.name == "sqlite"


def dialect_of(bound: Engine | Connection) -> Dialect:
    """What the database of an engine or a connection understands."""
    if is_file(bound):
        return _SQLITE
    from selftune.store.dialect.postgresql import Postgresql

    return Postgresql()


def open_records(path: Path, database: Database | None, module: ModuleType | None) -> tuple[Engine, str]:
    """An engine on the database, or where none is named on the file; and what `selftune doctor` says of it.

    Raises:
        DatabaseAwayError: the database does not answer.
    """
    if database is None:
        module = module or sqlite_module()
        return open_engine(path, module), describe_sqlite(module)
    from selftune.store.dialect.postgresql import describe_server, open_database

    engine = open_database(database)
    try:
        with reading(engine) as connection:
            return engine, describe_server(connection)
    except BaseException:
        engine.dispose()
        raise


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """One transaction that sees all that was committed before it, and keeps everybody else from writing until its end.

    Raises:
        LockedError: another process was writing for half a minute.
        BudgetError: the disk is full.
        DamagedFileError: the file is no longer a database, or a table of the server is damaged.
        DatabaseAwayError: the server does not answer; what was not committed is not there.
    """
    with held_back(), dialect_of(engine).writing(engine) as connection:
        yield connection


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """One transaction that sees one state of the store; keep it short, it holds old pages back."""
    with held_back(), dialect_of(engine).reading(engine) as connection:
        yield connection


def compact(engine: Engine) -> None:
    """Leave no byte of what was deleted in the files of the tables; a server's log and backups are beyond our reach.

    Raises:
        LockedError: another process is at it.
        UsageError: the server did not write a table anew, which is another user's.
        BudgetError: there is no room on the disk for the largest table a second time.
    """
    with held_back():
        dialect_of(engine).compact(engine)
