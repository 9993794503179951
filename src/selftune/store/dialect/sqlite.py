"""What only SQLite understands: which library, how a connection is set up, how a write begins, what errors mean."""

from __future__ import annotations

import importlib
import shutil
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import create_engine, event, func, make_url
from sqlalchemy.exc import DBAPIError

from selftune.errors import BudgetError, DamagedFileError, LockedError, MissingFileError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from types import ModuleType

    from sqlalchemy import ColumnElement, Connection, Engine, Row, Select

# Up to 3.51.2, two processes that write or checkpoint one WAL file may corrupt it (sqlite.org/wal.html, "WAL-reset").
_WAL_SAFE_FROM: Final = (3, 51, 3)
_BUSY_MILLISECONDS: Final = 30_000
# The index of the write-ahead log is mapped in pieces of 32 KiB (sqlite.org/walformat.html).
_ROOM_NEEDED: Final = 2 * 32_768


def sqlite_module(preferred: str = "pysqlite3") -> ModuleType:
    """The SQLite to use: the one in `pysqlite3`, where there is a wheel of it, else Python's own."""
    try:
        return importlib.import_module(preferred)
    except ImportError:
        return importlib.import_module("sqlite3")


def journal_mode(module: ModuleType) -> str:
    """`wal` where that is safe with several processes, else `delete`: the rollback journal."""
    version: tuple[int, ...] = module.sqlite_version_info
    return "wal" if version >= _WAL_SAFE_FROM else "delete"


def describe_sqlite(module: ModuleType) -> str:
    """One line for `selftune doctor`: library, version, journal."""
    mode = journal_mode(module)
    why = "" if mode == "wal" else "; older than 3.51.3, so the slower rollback journal is used: install pysqlite3"
    return f"SQLite {module.sqlite_version} from {module.__name__}, journal {mode}{why}"


def open_engine(path: Path, module: ModuleType) -> Engine:
    """An engine on the file: durable commits, foreign keys, deleted content overwritten.

    Connections begin as their `begin` execution option says; see `writing` and `reading`.
    """
    engine = create_engine(make_url("sqlite+pysqlite://").set(database=str(path)), module=module)
    pragmas = (
        f"PRAGMA busy_timeout={_BUSY_MILLISECONDS}",
        f"PRAGMA journal_mode={journal_mode(module)}",
        "PRAGMA synchronous=FULL",
        "PRAGMA foreign_keys=ON",
        "PRAGMA secure_delete=ON",
    )

    @event.listens_for(engine, "connect")
    def _set_up(connection: Any, _: object) -> None:
        # The module must not begin transactions by itself: it begins deferred ones, and only before some statements.
        connection.isolation_level = None
        for pragma in pragmas:
            connection.execute(pragma).close()

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        connection.exec_driver_sql(connection.get_execution_options().get("begin", "BEGIN"))

    return engine


def copy_database(connection: Connection, target: Path) -> None:
    """Write a consistent copy of the whole database into a new file, outside of any transaction."""
    raw = connection.connection.cursor()
    raw.execute("VACUUM INTO ?", (str(target),))
    raw.close()


class Sqlite:
    """The file of one project: `base.Dialect` for SQLite."""

    @contextmanager
    def writing(self, engine: Engine) -> Iterator[Connection]:
        """A transaction that holds the write lock from its start: taken later, it fails at once if another committed.

        Raises:
            LockedError: another process held the lock for half a minute.
            BudgetError: the disk is full.
            DamagedFileError: the file is no longer a database.
        """
        immediate = engine.execution_options(begin="BEGIN IMMEDIATE")
        with _named_errors(engine), immediate.begin() as connection:
            yield connection

    @contextmanager
    def reading(self, engine: Engine) -> Iterator[Connection]:
        """A transaction that holds old pages back."""
        with _named_errors(engine), engine.begin() as connection:
            yield connection

    def compact(self, engine: Engine) -> None:
        """Write the file anew, and empty the log of changes beside it.

        Raises:
            LockedError: another process is at it.
            BudgetError: there is no room on the disk for the file a second time.
        """
        with _named_errors(engine), engine.connect() as connection:
            raw = connection.connection.cursor()
            raw.execute("VACUUM")
            raw.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            answer = raw.fetchone()
            raw.close()
            if answer is not None and answer[0]:
                # No error to SQLite: what is deleted stays in the file until the last reader of it has gone.
                raise LockedError(
                    f"{engine.url.database} is being read by another process.",
                    next_step="Wait for it to end, then try again.",
                )

    def newest_of(self, asked: Select[Any], alike: ColumnElement[Any], order: ColumnElement[Any]) -> Select[Any]:
        """One row of each group: the other columns come from the row that holds the maximum.

        Source: sqlite.org/lang_select.html, "bare columns".
        """
        return asked.add_columns(func.max(order)).group_by(alike)

    def text_before(self, column: ColumnElement[str], sign: str) -> ColumnElement[str]:
        """The text before the first of a sign; empty where there is none."""
        return func.substr(column, 1, func.instr(column, sign) - 1)

    def levels(
        self, connection: Connection, body: ColumnElement[Any], asked: Select[Any], names: Sequence[str]
    ) -> Sequence[tuple[Row[Any], tuple[Any, ...]]]:
        """Read inside the database, so that no words are."""
        told = [func.json_extract(body, f"$.consent.{name}") for name in names]
        many = len(names)
        rows = connection.execute(asked.add_columns(*told)).all()
        return [(row, tuple(row)[-many:]) for row in rows]


@contextmanager
def _named_errors(engine: Engine) -> Iterator[None]:
    """What SQLite says, as an error with a next step; anything else is a fault of ours and passes as it is."""
    path = engine.url.database
    try:
        yield
    except DBAPIError as error:
        said = str(error.orig).lower()
        if "full" in said or ("disk i/o" in said and _is_full(path)):
            raise BudgetError(
                f"{path} can't be written: {said}. Nothing was kept half.",
                next_step="Free some disk space, then run the same command again.",
            ) from error
        if "locked" in said or "busy" in said:
            raise LockedError(
                f"{path} is being written by another process.", next_step="Wait for it to end, then try again."
            ) from error
        if any(fault in said for fault in ("malformed", "not a database", "disk i/o")):
            raise DamagedFileError(
                f"{path} can't be read or written: {said}.",
                next_step="Check the disk, then restore the file from a backup; the ledger's mirror is beside it.",
            ) from error
        if "unable to open" in said or "readonly" in said:
            raise MissingFileError(
                f"{path} can't be opened for writing.", next_step="Check the folder and its permissions."
            ) from error
        raise


def _is_full(path: str | None) -> bool:
    """Whether the disk has no room for one more page: SQLite then calls it an I/O error while it maps its index."""
    return path is not None and shutil.disk_usage(Path(path).parent).free < _ROOM_NEEDED
