"""The file of dialogues that are not over: LangGraph's checkpoints, and the words said so far, in one SQLite file.

A checkpoint holds numbers alone; each turn's words stand in a table of the same file, under its number. When a dialogue
is over and kept elsewhere its words and its checkpoints go: people's words lie in one place, where they can be erased.
One process at a time; the interpreter's own `sqlite3`, for LangGraph's saver fails on pysqlite3.
"""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol

from selftune.errors import BudgetError, IntegrityError, LockedError, MissingFileError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from langgraph.checkpoint.sqlite import SqliteSaver

IN_MEMORY: Final = Path(":memory:")
"""For dialogues of which nothing is to be written."""

_VERSION: Final = 1
_TABLES: Final = """
CREATE TABLE IF NOT EXISTS threads (
    id TEXT PRIMARY KEY, number INTEGER NOT NULL, body TEXT NOT NULL, outcome TEXT
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS unfinished_threads ON threads (number) WHERE outcome IS NULL;
CREATE TABLE IF NOT EXISTS turns (
    thread TEXT NOT NULL, number INTEGER NOT NULL, body TEXT NOT NULL, PRIMARY KEY (thread, number)
) WITHOUT ROWID;
"""


@dataclass(frozen=True, kw_only=True)
class Begun:
    """A dialogue that was begun and is not over: its name, and what was written down at its beginning."""

    thread: str
    body: str


class Checkpoints(Protocol):
    """Open dialogues: in a file here, or in a database (`postgres_checkpoints`). A thread is one dialogue.

    Bodies are texts of whoever holds the dialogue; what keeps them does not read them.
    """

    @property
    def saver(self) -> Any:
        """What a graph is compiled with: one of LangGraph's savers."""

    @property
    def unswept(self) -> bool:
        """Whether words of what is over may still lie where it was kept."""

    def begin(self, thread: str, body: str) -> None:
        """Write down that a dialogue begins, and what it needs to go on after a crash.

        Raises:
            UsageError: there was one of this name.
        """

    def unfinished(self) -> tuple[Begun, ...]:
        """Every dialogue that is not over, oldest first."""

    def keep(self, thread: str, number: int, body: str) -> None:
        """Write a turn down; one that stands there already stays as it is."""

    def kept(self, thread: str) -> tuple[str, ...]:
        """Every turn of a dialogue that was written down, in order."""

    def finish(self, thread: str, outcome: str) -> None:
        """A dialogue is over and kept elsewhere: what it became stays here, its words and checkpoints go."""


class FileCheckpoints:
    """An open file of dialogues."""

    unswept = False
    """What is deleted is overwritten in the file at once."""

    def __init__(self, saver: SqliteSaver) -> None:
        self.saver = saver

    def begin(self, thread: str, body: str) -> None:
        """Write down that a dialogue begins."""
        said = "INSERT INTO threads SELECT ?, coalesce(max(number), 0) + 1, ?, NULL FROM threads"
        try:
            with self.saver.cursor() as cursor:
                cursor.execute(said, (thread, body))
        except sqlite3.IntegrityError as error:
            raise UsageError(
                f"dialogue {thread!r} was held already.", next_step="Give the new one another name."
            ) from error

    def unfinished(self) -> tuple[Begun, ...]:
        """What is not over."""
        with self.saver.cursor(transaction=False) as cursor:
            found = cursor.execute("SELECT id, body FROM threads WHERE outcome IS NULL ORDER BY number").fetchall()
        return tuple(Begun(thread=thread, body=body) for thread, body in found)

    def keep(self, thread: str, number: int, body: str) -> None:
        """Write a turn down."""
        with self.saver.cursor() as cursor:
            cursor.execute("INSERT OR IGNORE INTO turns VALUES (?, ?, ?)", (thread, number, body))

    def kept(self, thread: str) -> tuple[str, ...]:
        """The turns of a dialogue."""
        with self.saver.cursor(transaction=False) as cursor:
            found = cursor.execute("SELECT body FROM turns WHERE thread = ? ORDER BY number", (thread,)).fetchall()
        return tuple(body for (body,) in found)

    def finish(self, thread: str, outcome: str) -> None:
        """Let go of a dialogue's words."""
        with self.saver.cursor() as cursor:
            cursor.execute("UPDATE threads SET outcome = ?, body = '' WHERE id = ?", (outcome, thread))
            cursor.execute("DELETE FROM turns WHERE thread = ?", (thread,))
            cursor.execute("DELETE FROM writes WHERE thread_id = ?", (thread,))
            cursor.execute("DELETE FROM checkpoints WHERE thread_id = ?", (thread,))


@contextmanager
def open_checkpoints(path: Path = IN_MEMORY, *, wait_seconds: float = 0.0) -> Iterator[FileCheckpoints]:
    """The file of dialogues, made where there is none, held by this process until the block ends.

    Raises:
        MissingFileError: LangGraph is not installed.
        LockedError: another process holds a dialogue in it, and did so for the seconds that were to be waited.
        IntegrityError: it was written by a newer selftune, or is no such file.
        BudgetError: the disk is full; what was written down before stays.
    """
    if path == IN_MEMORY:
        with _connected(":memory:") as opened:
            yield opened
        return
    import filelock

    path.parent.mkdir(parents=True, exist_ok=True)
    lock = filelock.FileLock(f"{path}.lock", timeout=wait_seconds)
    try:
        lock.acquire()
    except filelock.Timeout as busy:
        raise LockedError(
            "another dialogue is being held in this project.", next_step="Wait until it is over, then ask again."
        ) from busy
    try:
        with _connected(str(path)) as opened:
            yield opened
    finally:
        lock.release()


@contextmanager
def _connected(name: str) -> Iterator[FileCheckpoints]:
    prepare_langgraph()
    from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer

    # LangGraph writes from a thread of its own; the saver's lock sees to their order.
    with closing(sqlite3.connect(name, check_same_thread=False)) as connection:
        try:
            _set_up(connection, name)
            # Said here too, for a process that had imported LangGraph before it could be told.
            saver = saver_between_steps()(connection, serde=JsonPlusSerializer(allowed_msgpack_modules=None))
            saver.setup()
            yield FileCheckpoints(saver)
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_FULL:
                raise _unreadable(name, error) from error
            raise BudgetError(
                f"there is no room to write the dialogue down in {name}.",
                next_step="Free some disk space, then go on with `selftune chat --resume`.",
            ) from error
        except sqlite3.DatabaseError as error:
            raise _unreadable(name, error) from error


@cache
def saver_between_steps() -> type[SqliteSaver]:
    """LangGraph's saver, which here writes a step's checkpoint and nothing between two of them.

    What a node returned and no checkpoint holds yet spares a finished node its second run. Ours may all run twice: a
    turn that was written down is not spoken again. So it would cost a commit a step and save nothing.
    """
    from langgraph.checkpoint.sqlite import SqliteSaver

    class SaverBetweenSteps(SqliteSaver):
        def put_writes(self, *_: object, **__: object) -> None:
            """Nothing."""

    return SaverBetweenSteps


def _unreadable(name: str, error: sqlite3.DatabaseError) -> IntegrityError:
    return IntegrityError(
        f"{name} can't be read as a file of dialogues ({error}).",
        next_step="Move it away; whatever was said in finished dialogues is in the log.",
    )


def _set_up(connection: sqlite3.Connection, name: str) -> None:
    connection.execute("PRAGMA secure_delete = ON")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version > _VERSION:
        raise IntegrityError(
            f"{name} was written by a newer selftune (version {version}, this one reads {_VERSION}).",
            next_step="Install that selftune again, or finish its dialogues there.",
        )
    connection.executescript(f"{_TABLES} PRAGMA user_version = {_VERSION};")


def prepare_langgraph() -> None:
    """Say what LangGraph reads when it is first imported: no foreign types in checkpoints, and nothing is reported.

    Raises:
        MissingFileError: it is not installed.
    """
    os.environ["LANGGRAPH_STRICT_MSGPACK"] = "true"
    os.environ["LANGSMITH_TRACING"] = "false"
    os.environ["LANGCHAIN_TRACING_V2"] = "false"
    try:
        import langgraph.checkpoint.sqlite
        import langgraph.graph  # noqa: F401 - whether it is there
    except ImportError as error:
        raise MissingFileError(
            "LangGraph is not installed, in which dialogues are held.", next_step="Run `pip install 'selftune[graph]'`."
        ) from error
