"""Tables of a PostgreSQL server written anew, and found to have been: so that what was deleted is in no file of them.

`VACUUM FULL` says little where it did not do it: of a table that is somebody else's it only warns, and what another
reader may still see it copies along.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from selftune.errors import LockedError, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    import psycopg

_FIRST_NUMBER: Final = re.compile(r"\d+")


def rewrite_tables(connection: psycopg.Connection[Any], tables: Sequence[str]) -> None:
    """Write tables anew into new files, by a connection in which each statement is a transaction of its own.

    Args:
        connection: One whose search path finds the tables.
        tables: Their names, which are ours.

    Raises:
        LockedError: somebody still reads a state of before, which the server keeps for them.
        UsageError: one was not written anew: it is another user's.
        psycopg.errors.LockNotAvailable: somebody holds one of them for longer than a lock is waited for.
    """
    left: list[str] = []

    def note(said: Any) -> None:
        # "DETAIL: 0 dead row versions cannot be removed yet", in whatever language the server speaks.
        number = _FIRST_NUMBER.search(said.message_detail or "")
        left.extend([number[0]] if number and number[0] != "0" else [])

    before = _files_of(connection, tables)
    connection.add_notice_handler(note)
    try:
        connection.execute(f"VACUUM (FULL, VERBOSE) {', '.join(tables)}")
    finally:
        connection.remove_notice_handler(note)
    after = _files_of(connection, tables)
    same = [name for name in tables if before[name] == after[name]]
    if same:
        raise UsageError(
            f"the server wrote {', '.join(same)} not anew: what was deleted there is still in the file.",
            next_step="Run it as the owner of the tables, or let the owner run `ALTER TABLE … OWNER TO …`; then try "
            "again.",
        )
    if left:
        raise LockedError(
            "somebody still reads a state of the store from before the words went, and the server keeps it for them.",
            next_step="Wait for it to end (`pg_dump` and open sessions of `psql` do this), then try again.",
        )


def _files_of(connection: psycopg.Connection[Any], tables: Sequence[str]) -> dict[str, int]:
    """The number of each table's file."""
    from psycopg.rows import tuple_row

    with connection.cursor(row_factory=tuple_row) as cursor:
        asked = "SELECT name, pg_relation_filenode(name::regclass) FROM unnest(%s::text[]) AS name"
        return dict(cursor.execute(asked, (list(tables),)).fetchall())
