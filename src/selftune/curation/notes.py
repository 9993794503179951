"""What was measured of each judged interaction, kept from night to night: a night reads and measures only what is new.

The notes are made from the log and can be made again, so they are never the truth and never an error: notes of another
form, or damaged ones, are thrown away. They hold words of people, as the log does; what leaves the log leaves them.
"""

from __future__ import annotations

import sqlite3
from functools import cache
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self, TypeVar
from zlib import crc32

from selftune.curation import base, facts, filters, render, skeletons
from selftune.curation.base import Log, Note, Pair
from selftune.curation.facts import asked_name, facts_of, question_name
from selftune.curation.full_disk import is_full
from selftune.curation.likeness import alike, contamination, meaning, near
from selftune.records import digest_file, digest_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    import msgspec

    from selftune.curation.base import Key
    from selftune.records import Interaction, Judgement

T = TypeVar("T")
_FILE: Final = "notes.db"
_BATCH: Final = 500
# What a note says depends on these; when one of them changes, so do the notes.
_MEASURED_BY: Final = (alike, base, contamination, facts, filters, meaning, near, render, skeletons)
_TABLES: Final = (
    "CREATE TABLE form (name TEXT NOT NULL)",
    "CREATE TABLE notes (interaction TEXT PRIMARY KEY, key TEXT NOT NULL, body BLOB NOT NULL, sum INTEGER NOT NULL)",
)


class Recalled(Pair):
    """A pair of which there is a note; interaction and judgements are read when somebody asks for them.

    Attributes:
        is_new: Whether it was measured this night, so that its words will be asked for again.
    """

    is_new: bool

    def __init__(
        self, key: Key, note: Note, log: Log, said: Interaction | None = None, *, is_new: bool = False
    ) -> None:
        # A frozen dataclass is filled in this way; `Pair.__init__` would need what is not read yet.
        object.__setattr__(self, "_said", said)
        object.__setattr__(self, "is_new", is_new)
        object.__setattr__(self, "note", note)
        object.__setattr__(self, "_key", key)
        object.__setattr__(self, "_log", log)
        object.__setattr__(self, "_size", _size(note))

    @property
    def key(self) -> Key:
        """What names it."""
        key: Key = self.__dict__["_key"]
        return key

    @property
    def conversation(self) -> str:
        """Names the conversation that it is of."""
        return facts_of(self).conversation

    @property
    def log(self) -> Log:
        """Where it is read from."""
        log: Log = self.__dict__["_log"]
        return log

    @property
    def grew(self) -> bool:
        """Whether more was measured than stood in the note."""
        return bool(self.__dict__["_size"] != _size(self.note))

    @property
    def interaction(self) -> Interaction:
        """Read now, unless it was."""
        said: Interaction | None = self.__dict__["_said"]
        return said or self._whole().interaction

    @property
    def judgement(self) -> Judgement:
        """Read now, unless it was."""
        return self._whole().judgement

    @property
    def opinions(self) -> tuple[Judgement, ...]:
        """Read now, unless they were."""
        return self._whole().opinions

    def _whole(self) -> Pair:
        whole: Pair | None = self.__dict__.get("_read")
        if whole is None:
            whole = next(iter(self.log.read([self.key])))
            object.__setattr__(self, "_read", whole)
        return whole


class Notebook:
    """The notes of one log, in a folder of their own; without a folder nothing is kept.

    One process writes them at a time; a second one does without.

    Attributes:
        folder: Where what belongs to the notes may be kept too; None where nothing is.
    """

    def __init__(self, folder: Path | None) -> None:
        self.folder = folder
        self._path = None if folder is None else folder / _FILE
        self._connection: sqlite3.Connection | None = None

    def __enter__(self) -> Self:
        if self._path is not None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._connection = self._usable(self._path)
        return self

    def __exit__(self, *_: object) -> None:
        if self._connection is not None:
            self._connection.close()

    def recall(self, pairs: Iterable[Pair]) -> tuple[Pair, ...]:
        """Every pair in the order of the log; one that has a note is read only if somebody asks for its words.

        Pairs that are at hand stay as they are. Notes of what is no longer in the log are deleted.
        """
        if self._connection is None or self.folder is None or not isinstance(pairs, Log):
            self.folder = None
            return tuple(pairs)
        try:
            return self._recall_all(self._connection, pairs)
        except sqlite3.DatabaseError as error:
            if is_full(error, self.folder):
                raise
            self._connection = self._anew()
            return self._recall_all(self._connection, pairs)

    def keep(self, pairs: Iterable[Pair]) -> None:
        """Write down what was measured since the pairs were recalled."""
        grown = (pair for pair in pairs if isinstance(pair, Recalled) and pair.grew)
        if self._connection is not None:
            for batch in in_batches(grown):
                _write(self._connection, [(pair.key, pair.note) for pair in batch])

    def _recall_all(self, connection: sqlite3.Connection, log: Log) -> tuple[Pair, ...]:
        found = tuple(pair for keys in in_batches(log.keys()) for pair in _recall(connection, keys, log))
        _forget_others(connection, found)
        return found

    def _usable(self, path: Path) -> sqlite3.Connection | None:
        """A connection to notes of today's form; None while another process writes them."""
        connection = sqlite3.connect(path, isolation_level=None)
        try:
            # Held until it is closed: notes of two processes could be of two forms.
            connection.execute("PRAGMA locking_mode = EXCLUSIVE")
            connection.execute("BEGIN IMMEDIATE")
            form = connection.execute("SELECT name FROM form").fetchone()
            connection.execute("COMMIT")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorname == "SQLITE_BUSY":
                connection.close()
                return None
            form = None
        except sqlite3.DatabaseError:
            form = None
        if form == (form_of_notes(),):
            return connection
        connection.close()
        return self._anew()

    def _anew(self) -> sqlite3.Connection:
        """Empty notes in place of those that can't be used."""
        assert self._path is not None  # noqa: S101 - there were notes
        if self._connection is not None:
            self._connection.close()
        for path in (self._path, self._path.with_name(f"{_FILE}-journal")):
            path.unlink(missing_ok=True)
        connection = sqlite3.connect(self._path, isolation_level=None)
        connection.execute("PRAGMA locking_mode = EXCLUSIVE")
        # Erased words must not stay in the file.
        connection.execute("PRAGMA secure_delete = ON")
        for table in _TABLES:
            connection.execute(table)
        connection.execute("INSERT INTO form VALUES (?)", (form_of_notes(),))
        return connection


@cache
def form_of_notes() -> str:
    """Names what the notes say and how: they are worth what the code is worth that measured them."""
    return digest_of([digest_file(Path(str(module.__file__))) for module in _MEASURED_BY])


def in_batches(items: Iterable[T], size: int = _BATCH) -> Iterator[list[T]]:
    """So many at a time, in order."""
    source = iter(items)
    while batch := list(islice(source, size)):
        yield batch


def with_words(pairs: Iterable[Pair]) -> Iterator[Pair]:
    """The same pairs with their interactions, read many at a time; those that are at hand as they are."""
    for batch in in_batches(pairs):
        late = [pair for pair in batch if isinstance(pair, Recalled)]
        words = iter(late[0].log.said([pair.key for pair in late]) if late else ())
        for pair in batch:
            yield Recalled(pair.key, pair.note, pair.log, next(words)) if isinstance(pair, Recalled) else pair


class Words:
    """The interactions of pairs, asked for in rising order: what is new is read many at a time."""

    def __init__(self, pairs: Sequence[Pair]) -> None:
        self._pairs = pairs
        self._ahead: dict[int, Pair] = {}

    def at(self, place: int) -> Interaction:
        """The interaction at a place."""
        if not isinstance(self._pairs[place], Recalled):
            return self._pairs[place].interaction
        if place not in self._ahead:
            coming = range(place, min(place + _BATCH, len(self._pairs)))
            wanted = [at for at in coming if at == place or getattr(self._pairs[at], "is_new", False)]
            self._ahead = dict(zip(wanted, with_words(self._pairs[at] for at in wanted), strict=True))
        return self._ahead[place].interaction


def _recall(connection: sqlite3.Connection, keys: Sequence[Key], log: Log) -> Iterator[Pair]:
    """A pair for each key; what has no note yet is read, measured and written down."""
    names = {key.interaction_id: _verdicts_of(key) for key in keys}
    marks = ",".join("?" * len(keys))
    rows = connection.execute(f"SELECT * FROM notes WHERE interaction IN ({marks})", list(names))  # noqa: S608 - marks
    notes = {
        interaction: _read_note(body)
        for interaction, name, body, check in rows
        if name == names[interaction] and crc32(body) == check
    }
    missing = [key for key in keys if key.interaction_id not in notes]
    for key, pair in zip(missing, log.read(missing), strict=True):
        facts_of(pair)
        asked_name(pair)
        question_name(pair)
        notes[key.interaction_id] = pair.note
    _write(connection, [(key, notes[key.interaction_id]) for key in missing])
    new = set(missing)
    return (Recalled(key, notes[key.interaction_id], log, is_new=key in new) for key in keys)


def _verdicts_of(key: Key) -> str:
    """What a note rests on beside the interaction: the judgement, and what others said."""
    return " ".join((key.judgement_id, *key.opinion_ids))


def _write(connection: sqlite3.Connection, notes: Sequence[tuple[Key, Note]]) -> None:
    rows = [(key.interaction_id, _verdicts_of(key), body, crc32(body)) for key, body in zip(
        (key for key, _ in notes), (_write_note(note) for _, note in notes), strict=True)]  # fmt: skip
    connection.execute("BEGIN")
    connection.executemany("INSERT OR REPLACE INTO notes VALUES (?, ?, ?, ?)", rows)
    connection.execute("COMMIT")


def _forget_others(connection: sqlite3.Connection, pairs: Sequence[Pair]) -> None:
    """Only as many rows as there are pairs, all of which have one: then there is no other."""
    (kept,) = connection.execute("SELECT count(*) FROM notes").fetchone()
    if kept == len(pairs):
        return
    connection.execute("CREATE TEMP TABLE here (interaction TEXT PRIMARY KEY) WITHOUT ROWID")
    connection.executemany("INSERT INTO here VALUES (?)", ((pair.key.interaction_id,) for pair in pairs))
    connection.execute("DELETE FROM notes WHERE interaction NOT IN (SELECT interaction FROM here)")
    connection.execute("DROP TABLE here")


def _size(note: Note) -> tuple[bool, bool, int]:
    return note.said is None, note.taught is None, len(note.objections)


def _write_note(note: Note) -> bytes:
    from msgspec import json

    return json.encode(note)


def _read_note(body: bytes) -> Note:
    return _decoder().decode(body)


@cache
def _decoder() -> msgspec.json.Decoder[Note]:
    from msgspec import json

    return json.Decoder(Note)
