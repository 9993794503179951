"""Where a project's records are now, and whose records a database holds; both stand in the project's hidden folder.

An address says little of a server: it may be spelled in several ways, and anybody may name it. So a database and the
folder of its project hold the same random name, and neither is gone on with beside another.
"""

from __future__ import annotations

import re
import secrets
from typing import TYPE_CHECKING, Final

from sqlalchemy import inspect

from selftune.errors import UsageError
from selftune.ledger.mirror import Mirror
from selftune.store import history
from selftune.store.dialect import is_file, reading, writing
from selftune.store.moving import holds_rows
from selftune.store.tables import RECORDS

if TYPE_CHECKING:
    from pathlib import Path

    from sqlalchemy import Connection, Engine

    from selftune.databases import Database
    from selftune.ledger.mirror import Tail

FILE: Final = "store.db"
MOVED: Final = "store.moved"
"""In a folder whose records were brought elsewhere once: where they are now."""
TO_FILE: Final = "sqlite"
"""What stands there for the folder's own file."""
NAME: Final = "store.id"
_RANDOM_BYTES: Final = 16
# Two roles of one server see the same records.
_USER: Final = re.compile(r"(?<=://)[^@/?]*@")


class Home:
    """Where one process has the records of a project open."""

    def __init__(self, folder: Path, database: Database | None) -> None:
        self._folder = folder
        self._place = TO_FILE if database is None else database.shown
        self._name: str | None = None

    def refuse_elsewhere(self) -> None:
        """See that the records were not brought to another place.

        Raises:
            UsageError: they were.
        """
        try:
            now = (self._folder / MOVED).read_text(encoding="utf-8").strip()
        except FileNotFoundError:
            return
        if _USER.sub("", now) == _USER.sub("", self._place):
            return
        if now == TO_FILE:
            raise UsageError(
                f"the records were brought to the file in .selftune, and {self._place} holds what they were before.",
                next_step="Take `url` out of [store], or begin the command again if it was running then.",
            )
        before = "the file" if self._place == TO_FILE else self._place
        raise UsageError(
            f"the records were brought to {now}, and {before} is what they were before.",
            next_step="Name that database as `url` under [store], or begin the command again if it was running then. "
            f"If the database itself has another address today, delete .selftune/{MOVED}.",
        )

    def claim(self, engine: Engine, mirror: Mirror) -> None:
        """See that a database is this project's, and write its name into both where nothing is kept there yet.

        Raises:
            UsageError: it holds the records of another project, or of one whose folder was lost.
        """
        if is_file(engine):
            return
        with mirror.locked():
            tail = mirror.tail()
        self._name = _claim(engine, self._folder, self._place, tail)

    def check(self, connection: Connection) -> None:
        """See before a write that the records are still here, and here still those of this project.

        Raises:
            UsageError: they are not.
        """
        # A process that had the store open while its records went would go on with what they were before.
        self.refuse_elsewhere()
        if is_file(connection):
            return
        from selftune.store.dialect.postgresql import project_in

        if project_in(connection) != self._name:
            raise UsageError(
                f"{self._place} became another project's while it was empty.",
                next_step="Name a database of its own for each project: `createdb NAME`.",
            )


def say_moved(folder: Path, place: str) -> None:
    """Write down where the records are now; whoever has them open elsewhere writes nothing there any more."""
    from selftune.release.publish import publish_bytes

    publish_bytes(folder / MOVED, place.encode(), mode=0o600)


def name_of(folder: Path) -> str | None:
    """The name that the folder holds for its database."""
    try:
        return (folder / NAME).read_text(encoding="ascii").strip()
    except FileNotFoundError:
        return None


def made_name(folder: Path) -> str:
    """The same, made now where there is none."""
    from selftune.release.publish import publish_bytes

    name = name_of(folder)
    if name is None:
        name = secrets.token_hex(_RANDOM_BYTES)
        publish_bytes(folder / NAME, name.encode(), mode=0o600)
    return name


def _claim(engine: Engine, folder: Path, shown: str, tail: Tail) -> str | None:
    """The name under which a database is this project's.

    None for an empty database beside a mirror that is not: what is wrong then, the mirror says.
    """
    from selftune.store.dialect.postgresql import project_in, write_project

    with reading(engine) as connection:
        theirs = project_in(connection)
    if theirs is not None and theirs == name_of(folder):
        return theirs
    with writing(engine) as connection:
        theirs, used = project_in(connection), holds_rows(connection)
        _refuse_foreign(connection, folder, shown, tail)
        if tail.seq and not used:
            return None
        if used and theirs is not None:
            from selftune.release.publish import publish_bytes

            publish_bytes(folder / NAME, theirs.encode(), mode=0o600)
            return theirs
        name = made_name(folder)
        write_project(connection, name)
        return name


def refuse_foreign_database(database: Database, folder: Path) -> None:
    """See that a database is empty or this folder's own, and write nothing.

    Raises:
        UsageError: it holds the records of another project.
        DatabaseAwayError: it does not answer.
    """
    from selftune.store.dialect.postgresql import open_database

    mirror = Mirror(folder / "ledger")
    engine = open_database(database)
    try:
        with reading(engine) as connection:
            if inspect(connection).has_table(RECORDS.name):
                _refuse_foreign(connection, folder, database.shown, mirror.tail())
    finally:
        engine.dispose()


def _refuse_foreign(connection: Connection, folder: Path, shown: str, tail: Tail) -> None:
    from selftune.store.dialect.postgresql import project_in

    ours, theirs = name_of(folder), project_in(connection)
    if not holds_rows(connection) or (theirs is not None and ours == theirs):
        return
    # One that was kept before there were names, or whose folder lost its own: the mirror tells.
    if None in (ours, theirs) and tail.seq and history.hash_at(connection, tail.seq) == tail.hash:
        return
    mend = f"write {theirs} into .selftune/{NAME}" if theirs else "bring .selftune/ledger back from a backup"
    raise UsageError(
        f"{shown} holds the records of another project, and two can't become one.",
        next_step=f"Name a database that is empty: `createdb NAME`. If they are this project's, {mend}.",
    )
