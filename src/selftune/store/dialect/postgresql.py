"""What only PostgreSQL understands.

Writers come one after the other, by a lock that each transaction takes first: places count in the order of commits, and
an entry of the ledger is chained to the one before it, as with SQLite's one writer. The lock goes with the transaction,
and the transaction with the connection, so that whoever dies blocks nobody.
"""

from __future__ import annotations

import json
import re
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import create_engine, event, func, inspect, text
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.exc import DBAPIError

from selftune.databases import connect, meaning_of, named_errors
from selftune.rewriting import rewrite_tables

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sqlalchemy import ColumnElement, Connection, Engine, MetaData, Row, Select

    from selftune.databases import Database

SCHEMA: Final = "selftune_store"
_WRITERS: Final = 0x73656C6674756E65  # "selftune" in ASCII
_DATABASE: Final = "selftune_database"
# No sample of them is kept in the server's statistics, where no erasing would reach.
_WITH_WORDS: Final = (("records", "body"), ("records", "sealed"), ("steps", "error"), ("work", "data"))
_PROJECT: Final = re.compile(r"selftune project ([0-9a-f]+)")
_SHOWN_FOR_NUL: Final = "\ufffd"


def open_database(database: Database) -> Engine:
    """An engine on the database's own schema; a connection that its server dropped is replaced before it is used."""
    engine = create_engine(
        "postgresql+psycopg://",
        creator=lambda: connect(database, schema=SCHEMA),
        pool_pre_ping=True,
        execution_options={_DATABASE: database},
    )
    event.listen(engine, "connect", lambda connection, _: _show_nul(connection))
    return engine


def describe_server(connection: Connection) -> str:
    """One line for `selftune doctor` and `selftune store status`: which server, and what it does not promise."""
    said = "SELECT current_setting('server_version'), current_setting('fsync'), current_setting('full_page_writes')"
    version, *safe = connection.execute(text(said)).one()
    why = "" if safe == ["on", "on"] else "; fsync or full_page_writes is off: a power cut may lose records"
    return f"PostgreSQL {version.partition(' ')[0]}{why}"


def make_tables(engine: Engine, metadata: MetaData, head: str) -> None:
    """Make every table as this version knows it, unless another process was first."""
    with Postgresql().writing(engine) as connection:
        connection.execute(text(f"CREATE SCHEMA IF NOT EXISTS {SCHEMA}"))
        if inspect(connection).has_table("alembic_version"):
            return
        metadata.create_all(connection)
        for table, column in _WITH_WORDS:
            connection.execute(text(f"ALTER TABLE {table} ALTER COLUMN {column} SET STATISTICS 0"))
        connection.execute(text("CREATE TABLE alembic_version (version_num varchar(32) PRIMARY KEY)"))
        connection.execute(text("INSERT INTO alembic_version VALUES (:head)"), {"head": head})


def project_in(connection: Connection) -> str | None:
    """The name of the project whose records these are; None where none is written down."""
    said = connection.execute(text(f"SELECT obj_description('{SCHEMA}'::regnamespace, 'pg_namespace')")).scalar()
    found = _PROJECT.fullmatch(said or "")
    return None if found is None else found[1]


def write_project(connection: Connection, name: str) -> None:
    """Write down whose records these are, in what the schema says of itself: copies and dumps hold it too."""
    connection.execute(text(f"COMMENT ON SCHEMA {SCHEMA} IS 'selftune project {name}'"))


class Postgresql:
    """`base.Dialect` for PostgreSQL."""

    @contextmanager
    def writing(self, engine: Engine) -> Iterator[Connection]:
        """A transaction that waits its turn first; each statement sees what was committed before it."""
        bound = engine.execution_options(isolation_level="READ COMMITTED")
        with _named_errors(engine), bound.begin() as connection:
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _WRITERS})
            yield connection

    @contextmanager
    def reading(self, engine: Engine) -> Iterator[Connection]:
        """A transaction on one snapshot."""
        bound = engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
        with _named_errors(engine), bound.begin() as connection:
            yield connection

    def compact(self, engine: Engine) -> None:
        """Write every table anew into a new file.

        Raises:
            LockedError: somebody still reads a state of before, which the server keeps for them.
            UsageError: a table is another user's, and was not written anew.
        """
        from selftune.store.tables import METADATA

        bound = engine.execution_options(isolation_level="AUTOCOMMIT")
        with _named_errors(engine), bound.connect() as connection:
            driver: Any = connection.connection.driver_connection
            with named_errors(engine.get_execution_options()[_DATABASE]):
                rewrite_tables(driver, list(METADATA.tables))

    def newest_of(self, asked: Select[Any], alike: ColumnElement[Any], order: ColumnElement[Any]) -> Select[Any]:
        """The first row of each group in this order (DISTINCT ON)."""
        return asked.ext(distinct_on(alike)).order_by(alike, order.desc())

    def text_before(self, column: ColumnElement[str], sign: str) -> ColumnElement[str]:
        """The text before the first of a sign; all of it where there is none."""
        return func.split_part(column, sign, 1)

    def levels(
        self, connection: Connection, body: ColumnElement[Any], asked: Select[Any], names: Sequence[str]
    ) -> Sequence[tuple[Row[Any], tuple[Any, ...]]]:
        """Read here: its own JSON functions refuse a body in which somebody wrote NUL or half a character."""
        rows = connection.execute(asked.add_columns(body)).all()
        return [(row, _levels_in(row[-1], names)) for row in rows]


def _levels_in(body: str | None, names: Sequence[str]) -> tuple[Any, ...]:
    held = {} if body is None else json.loads(body).get("consent") or {}
    return tuple(held.get(name) for name in names)


@contextmanager
def _named_errors(engine: Engine) -> Iterator[None]:
    try:
        yield
    except DBAPIError as error:
        ours = meaning_of(error.orig, engine.get_execution_options()[_DATABASE])
        if ours is None:
            raise
        raise ours from error


def _show_nul(connection: Any) -> None:
    """No text of PostgreSQL can hold NUL. Bodies escape it; in a name beside them it is shown as what can't be read."""
    from psycopg.types.string import StrDumper

    class Readable(StrDumper):
        def dump(self, obj: str) -> Any:
            """The text without NUL."""
            return super().dump(obj.replace("\0", _SHOWN_FOR_NUL))

    connection.adapters.register_dumper(str, Readable)
