"""Dialogues that are not over, in PostgreSQL: the same promises as the file's, for whoever keeps the records there.

A schema of its own holds LangGraph's checkpoints, the words of the outsets and turns, and the names. One process at a
time, by an advisory lock that the server lets go of when the process or its machine dies. What is over loses its
words: their tables are then written anew, so that no byte of them stays in the files of the tables. Where somebody
else keeps the server from it, a row says so, and the next process that opens them tries again. The server's write-ahead
log and its backups are beyond our reach.
"""

from __future__ import annotations

import hashlib
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from selftune.databases import connect, named_errors
from selftune.errors import IntegrityError, LockedError, MissingFileError, UsageError
from selftune.personas.checkpoints import Begun, prepare_langgraph
from selftune.rewriting import rewrite_tables

if TYPE_CHECKING:
    from collections.abc import Iterator

    from langgraph.checkpoint.postgres import PostgresSaver

    from selftune.databases import Database

_VERSION: Final = 1
# A process that was killed holds the lock until the server has noticed.
_LEAST_WAIT_SECONDS: Final = 5.0
_TABLES: Final = (
    "CREATE TABLE IF NOT EXISTS version (number integer NOT NULL)",
    "CREATE TABLE IF NOT EXISTS threads (id text PRIMARY KEY, number bigint NOT NULL, outcome text)",
    "CREATE INDEX IF NOT EXISTS unfinished_threads ON threads (number) WHERE outcome IS NULL",
    "CREATE TABLE IF NOT EXISTS outsets (thread text PRIMARY KEY, body text NOT NULL)",
    "CREATE TABLE IF NOT EXISTS unswept (since timestamptz NOT NULL DEFAULT now())",
    "CREATE TABLE IF NOT EXISTS turns (thread text, number integer, body text NOT NULL, PRIMARY KEY (thread, number))",
)
_WITH_WORDS: Final = ("outsets", "turns")
# Who holds them for longer is not waited for: a person waits for the end of their dialogue.
_SWEEPING_WAITS: Final = "2s"
# A sample of words in the server's statistics is out of reach of every sweeping. Only a change of the column's type,
# to the same one too, takes those away that were gathered before.
_NO_SAMPLES: Final = "ALTER TABLE {0} ALTER COLUMN body SET STATISTICS 0, ALTER COLUMN body TYPE text"
_SAMPLED: Final = (
    "SELECT relname FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid WHERE attname = 'body' "
    "AND relnamespace = %s::regnamespace AND relname = ANY(%s) AND attstattarget IS DISTINCT FROM 0"
)


class PostgresCheckpoints:
    """Open dialogues in a schema of a database; see `checkpoints.Checkpoints` for what each method promises.

    Attributes:
        saver: What a graph is compiled with.
        unswept: Whether words of what is over may still be in the files of the tables.
    """

    def __init__(self, saver: PostgresSaver, connection: Any) -> None:
        self.saver = saver
        self._connection = connection
        self.unswept = False

    def begin(self, thread: str, body: str) -> None:
        """Write down that a dialogue begins, and what it needs to go on after a crash.

        Raises:
            UsageError: there was one of this name.
        """
        import psycopg

        named = "INSERT INTO threads SELECT %s, coalesce(max(number), 0) + 1, NULL FROM threads"
        try:
            with self._connection.transaction():
                self._connection.execute(named, (thread,))
                self._connection.execute("INSERT INTO outsets VALUES (%s, %s)", (thread, body))
        except psycopg.errors.UniqueViolation as error:
            raise UsageError(
                f"dialogue {thread!r} was held already.", next_step="Give the new one another name."
            ) from error

    def unfinished(self) -> tuple[Begun, ...]:
        """Every dialogue that is not over, oldest first."""
        found = self._connection.execute(
            "SELECT id, body FROM threads JOIN outsets ON thread = id WHERE outcome IS NULL ORDER BY number"
        )
        return tuple(Begun(thread=row["id"], body=row["body"]) for row in found)

    def keep(self, thread: str, number: int, body: str) -> None:
        """Write a turn down; one that stands there already stays as it is."""
        said = "INSERT INTO turns VALUES (%s, %s, %s) ON CONFLICT DO NOTHING"
        self._connection.execute(said, (thread, number, body))

    def kept(self, thread: str) -> tuple[str, ...]:
        """Every turn of a dialogue that was written down, in order."""
        found = self._connection.execute("SELECT body FROM turns WHERE thread = %s ORDER BY number", (thread,))
        return tuple(row["body"] for row in found)

    def finish(self, thread: str, outcome: str) -> None:
        """A dialogue is over and kept elsewhere: what it became stays here, its words and checkpoints go.

        Raises:
            UsageError: the tables are another user's, and hold the words still.
        """
        with self._connection.transaction():
            self._connection.execute("UPDATE threads SET outcome = %s WHERE id = %s", (outcome, thread))
            for table in _WITH_WORDS:
                self._connection.execute(f"DELETE FROM {table} WHERE thread = %s", (thread,))  # noqa: S608 - ours
            for table in ("checkpoint_writes", "checkpoint_blobs", "checkpoints"):
                self._connection.execute(f"DELETE FROM {table} WHERE thread_id = %s", (thread,))  # noqa: S608 - its
            self._connection.execute("INSERT INTO unswept DEFAULT VALUES")
        self.sweep()

    def sweep(self) -> None:
        """Write the tables of words anew where what is over may still be in their files.

        Somebody else who is at them makes it no error: the dialogue is over, and whoever opens them next tries again.

        Raises:
            UsageError: the tables are another user's.
        """
        import psycopg

        if self._connection.execute("SELECT 1 FROM unswept LIMIT 1").fetchone() is None:
            return
        self._connection.execute("SELECT set_config('lock_timeout', %s, false)", (_SWEEPING_WAITS,))
        try:
            rewrite_tables(self._connection, _WITH_WORDS)
        except (LockedError, psycopg.errors.LockNotAvailable):
            self.unswept = True
        else:
            self._connection.execute("DELETE FROM unswept")
            self.unswept = False
        finally:
            self._connection.execute("RESET lock_timeout")


@contextmanager
def open_postgres_checkpoints(
    database: Database, room: str, *, wait_seconds: float = 0.0
) -> Iterator[PostgresCheckpoints]:
    """The dialogues that a database keeps under the name of a room, held by this process until the block ends.

    Raises:
        MissingFileError: LangGraph or its PostgreSQL part is not installed.
        LockedError: another process holds a dialogue there, and did so for the seconds that were to be waited.
        IntegrityError: it was written by a newer selftune.
        UsageError: its tables are another user's, and words of what is over are still in them.
        DatabaseAwayError: the server does not answer, or went away; what was written down before stays.
        BudgetError: its disk is full; what was written down before stays.
    """
    prepare_langgraph()
    try:
        import langgraph.checkpoint.postgres  # noqa: F401 - whether it is there
    except ImportError as error:
        raise MissingFileError(
            "LangGraph's part for PostgreSQL is not installed.", next_step="Run `pip install 'selftune[postgres]'`."
        ) from error
    from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
    from psycopg.rows import dict_row

    schema = f"selftune_{room}"
    # Each statement is a transaction, and none is prepared: as LangGraph's saver wants its connection.
    with named_errors(database), connect(database, autocommit=True, row_factory=dict_row) as connection:
        _hold(connection, schema, max(wait_seconds, _LEAST_WAIT_SECONDS))
        _set_up(connection, schema, database.shown)
        saver = saver_between_steps()(connection, serde=JsonPlusSerializer(allowed_msgpack_modules=None))
        saver.setup()
        opened = PostgresCheckpoints(saver, connection)
        opened.sweep()
        yield opened


@cache
def saver_between_steps() -> type[PostgresSaver]:
    """LangGraph's saver without what it writes between two checkpoints; why, the saver of the file says."""
    from langgraph.checkpoint.postgres import PostgresSaver

    class SaverBetweenSteps(PostgresSaver):
        def put_writes(self, *_: object, **__: object) -> None:
            """Nothing."""

    return SaverBetweenSteps


def _hold(connection: Any, schema: str, seconds: float) -> None:
    """Take the one lock of these dialogues; it goes with the connection, so whoever lost it can write no more.

    Raises:
        LockedError: another process has it.
    """
    import psycopg

    key = int.from_bytes(hashlib.sha256(schema.encode()).digest()[:8], "big", signed=True)
    connection.execute("SELECT set_config('lock_timeout', %s, false)", (f"{round(seconds * 1000)}ms",))
    try:
        connection.execute("SELECT pg_advisory_lock(%s)", (key,))
    except psycopg.errors.LockNotAvailable as busy:
        raise LockedError(
            "another dialogue is being held in this project.", next_step="Wait until it is over, then ask again."
        ) from busy
    connection.execute("RESET lock_timeout")


def _set_up(connection: Any, schema: str, shown: str) -> None:
    if connection.execute("SELECT 1 FROM pg_namespace WHERE nspname = %s", (schema,)).fetchone() is None:
        connection.execute(f"CREATE SCHEMA {schema}")
    connection.execute(f"SET search_path = {schema}")
    with connection.transaction():
        for table in _TABLES:
            connection.execute(table)
        for found in connection.execute(_SAMPLED, (schema, list(_WITH_WORDS))).fetchall():
            connection.execute(_NO_SAMPLES.format(found["relname"]))
        row = connection.execute("SELECT number FROM version").fetchone()
        if row is None:
            connection.execute("INSERT INTO version VALUES (%s)", (_VERSION,))
        elif row["number"] > _VERSION:
            raise IntegrityError(
                f"the dialogues in {shown} were written by a newer selftune "
                f"(version {row['number']}, this one reads {_VERSION}).",
                next_step="Install that selftune again, or finish its dialogues there.",
            )
