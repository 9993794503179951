"""Files of SQLite that can be made anew from the log: of another form or damaged, they begin empty."""

from __future__ import annotations

from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Final

from selftune.errors import DamagedFileError

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator
    from pathlib import Path

_CACHE_KIB: Final = 8_000


@contextmanager
def open_index(path: Path, form: str, tables: str, temporary: str) -> Iterator[sqlite3.Connection]:
    """The file in a transaction of its own: what is not committed before the end is as if it had never been.

    Args:
        path: Where it lies.
        form: What its content depends on beside the log; a file of another form is made anew.
        tables: Statements that make it.
        temporary: Statements that make what is forgotten at the end.

    Raises:
        DamagedFileError: the damage showed late; the file is gone, and the next call makes it anew.
    """
    import sqlite3

    path.parent.mkdir(parents=True, exist_ok=True)
    if _form_of(path) != form:
        path.unlink(missing_ok=True)
    try:
        with closing(_connect(path)) as database:
            database.execute("BEGIN IMMEDIATE")
            if not database.execute("SELECT 1 FROM sqlite_master").fetchone():
                run_all(database, f"CREATE TABLE form (form TEXT NOT NULL);{tables}")
                database.execute("INSERT INTO form VALUES (?)", (form,))
            run_all(database, temporary)
            yield database
    except sqlite3.DatabaseError as error:
        if isinstance(error, sqlite3.OperationalError):
            raise
        path.unlink(missing_ok=True)
        raise DamagedFileError(
            f"the index {path} is damaged: {error}.",
            next_step="Nothing is lost: run it again, and the index is made anew.",
        ) from error


def run_all(database: sqlite3.Connection, script: str) -> None:
    """Statement by statement: `executescript` would end the transaction."""
    for statement in script.split(";"):
        database.execute(statement)


def _form_of(path: Path) -> str | None:
    """Of which form a file is; None when there is none, or none that can be read."""
    import sqlite3

    if not path.exists():
        return None
    try:
        with closing(_connect(path)) as database:
            ((form,),) = database.execute("SELECT form FROM form").fetchall()
    except sqlite3.DatabaseError as error:
        if error.sqlite_errorname == "SQLITE_BUSY":
            raise
        return None
    except ValueError:
        return None
    return str(form)


def _connect(path: Path) -> sqlite3.Connection:
    import sqlite3

    database = sqlite3.connect(path, isolation_level=None)
    # Erased words must be gone from the file; it can be made anew, so one wait for the disk per night is enough.
    for pragma in ("secure_delete = ON", "synchronous = NORMAL", f"cache_size = -{_CACHE_KIB}", "temp_store = FILE"):
        database.execute(f"PRAGMA {pragma}")
    return database
