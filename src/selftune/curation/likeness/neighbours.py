"""Who is alike, kept from night to night: only what is new is held against what is there.

A file of SQLite in a folder of its own, made anew whenever that is simpler: after damage, for another kind of
likeness or threshold, under another Python. A night is one transaction, so a crash leaves the night before.

What it holds is settled by the set of names alone, and what it finds by that and the order asked for. Two that meet
in a bucket of at most `CROWD` are measured once and linked while they are alike; a link counts its buckets, for one
that grows into a crowd no longer speaks for it. In a crowd each is held against the first that are unlike each other,
in the order asked for, whenever somebody asks.
"""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, Final, Generic, TypeVar

from selftune.curation.likeness.alike import CROWD, Likeness, lead
from selftune.curation.likeness.index_file import open_index, run_all

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from selftune.curation.likeness.alike import Alike

T = TypeVar("T")
_VERSION: Final = 1
# Items read at a time.
_BATCH: Final = 2_000
_FILE: Final = "neighbours.db"

_TABLES: Final = """
CREATE TABLE print (name INTEGER PRIMARY KEY, block INTEGER NOT NULL, spread INTEGER NOT NULL DEFAULT 0);
CREATE INDEX print_in_block ON print (block);
CREATE TABLE body (name INTEGER PRIMARY KEY, body BLOB NOT NULL);
CREATE TABLE bucket (bucket INTEGER, name INTEGER, PRIMARY KEY (bucket, name)) WITHOUT ROWID;
CREATE TABLE crowd (bucket INTEGER PRIMARY KEY);
CREATE TABLE link (one INTEGER, other INTEGER, similarity REAL NOT NULL, buckets INTEGER NOT NULL,
                   PRIMARY KEY (one, other)) WITHOUT ROWID;
CREATE INDEX link_to ON link (other);
"""
_OF_THIS_NIGHT: Final = """
CREATE TEMP TABLE asked (place INTEGER PRIMARY KEY, name INTEGER NOT NULL);
CREATE TEMP TABLE first (name INTEGER PRIMARY KEY, place INTEGER NOT NULL);
CREATE TEMP TABLE gone (name INTEGER PRIMARY KEY);
CREATE TEMP TABLE fresh (name INTEGER PRIMARY KEY);
CREATE TEMP TABLE moving (name INTEGER PRIMARY KEY);
CREATE TEMP TABLE moved (bucket INTEGER, name INTEGER);
CREATE TEMP TABLE resized (bucket INTEGER PRIMARY KEY, size INTEGER NOT NULL, moved INTEGER NOT NULL);
CREATE TEMP TABLE candidate (one INTEGER, other INTEGER, buckets INTEGER, PRIMARY KEY (one, other)) WITHOUT ROWID;
CREATE TEMP TABLE met (one INTEGER, other INTEGER, similarity REAL, PRIMARY KEY (one, other)) WITHOUT ROWID;
"""


class Neighbours(Generic[T]):
    """Finds what `alike.compare` finds, and remembers it in a folder."""

    def __init__(self, folder: Path, alike: Alike[T], crowd: int = CROWD) -> None:
        self._path = folder / _FILE
        self._alike = alike
        self._crowd = crowd

    def find(self, names: Sequence[int | None], item_at: Callable[[int], T]) -> Iterator[Likeness]:
        """Every two places whose items are alike; equal ones once, against the first. None is like nothing.

        The folder holds these names afterwards and no other. Items are asked for only where a name is new to it.

        Raises:
            DamagedFileError: the file was damaged while it was read; the next call makes it anew.
        """
        form = f"{_VERSION} {self._crowd} {self._alike.form}"
        with open_index(self._path, form, _TABLES, _OF_THIS_NIGHT) as database:
            self._settle(database, names, item_at)
            self._meet_in_crowds(database)
            yield from _found(database)

    def _settle(self, database: sqlite3.Connection, names: Sequence[int | None], item_at: Callable[[int], T]) -> None:
        known = ((place, name) for place, name in enumerate(names) if name is not None)
        database.executemany("INSERT INTO asked VALUES (?, ?)", known)
        database.execute("INSERT INTO first SELECT name, min(place) FROM asked GROUP BY name")
        self._forget(database)
        self._learn(database, item_at)
        database.execute("COMMIT")

    def _forget(self, database: sqlite3.Connection) -> None:
        database.execute("INSERT INTO gone SELECT name FROM print EXCEPT SELECT name FROM first")
        if not database.execute("SELECT 1 FROM gone LIMIT 1").fetchone():
            return
        self._spread(database, _LEAVING)
        run_all(database, _FORGET)
        database.execute(_SHRUNK, {"crowd": self._crowd})
        run_all(database, _NO_CROWD + _MEET_AGAIN)
        self._link(database)

    def _learn(self, database: sqlite3.Connection, item_at: Callable[[int], T]) -> None:
        unknown = database.execute(_UNKNOWN)
        while batch := unknown.fetchmany(_BATCH):
            sketches = [one for _, place in batch if (one := self._alike.sketch(item_at(place)))]
            database.executemany("INSERT INTO body VALUES (?, ?)", ((one.name, one.body) for one in sketches))
            database.executemany("INSERT INTO fresh VALUES (?)", ((one.name,) for one in sketches))
            database.executemany(
                "INSERT INTO print (name, block) VALUES (?, ?)", ((one[0], one[1]) for one in sketches)
            )
        self._spread(database, _NO_LONGER_ALONE)
        run_all(database, _LEARN)
        # Where much is new, one look along all buckets is quicker than one into each.
        ((much,),) = database.execute(_MUCH_IS_NEW)
        for statement in (_GROWN if much else _GROWN_HERE_AND_THERE, _PART, _PARTED, _CROWD, _MEET):
            database.execute(statement, {"crowd": self._crowd})
        self._link(database)

    def _spread(self, database: sqlite3.Connection, chosen: str) -> None:
        """Which buckets those chosen lie in, into `moved`."""
        run_all(database, "DELETE FROM moving; DELETE FROM moved")
        database.execute(chosen)
        bodies = database.execute(_MOVING)
        while batch := bodies.fetchmany(_BATCH):
            spread = self._alike.spread([block for _, block, _ in batch], [body for *_, body in batch])
            rows = ((bucket, name) for (name, *_), buckets in zip(batch, spread, strict=True) for bucket in buckets)
            database.executemany("INSERT INTO moved VALUES (?, ?)", rows)

    def _link(self, database: sqlite3.Connection) -> None:
        """Measure the candidates that no link knows, and count the buckets of those that one does."""
        database.execute(_COUNT_AGAIN)
        bodies = database.execute(_UNMEASURED)
        measured = (
            (one, other, similarity, buckets)
            for one, other, buckets, body, other_body in bodies
            if (similarity := self._alike.similarity(body, other_body)) >= self._alike.threshold
        )
        database.executemany("INSERT INTO link VALUES (?, ?, ?, ?)", measured)
        database.execute("DELETE FROM candidate")

    def _meet_in_crowds(self, database: sqlite3.Connection) -> None:
        """Whoever meets in a crowd only, into `met`."""

        def body_of(name: int) -> bytes:
            (body,) = database.execute("SELECT body FROM body WHERE name = ?", (name,)).fetchone()
            return bytes(body)

        for _, members in groupby(database.execute(_IN_CROWDS), key=lambda row: row[0]):
            bodies = ((place, body_of(name)) for _, place, name in members)
            database.executemany("INSERT OR IGNORE INTO met VALUES (?, ?, ?)", lead(bodies, self._alike, self._crowd))


def _found(database: sqlite3.Connection) -> Iterator[Likeness]:
    yield from (Likeness(*row) for row in database.execute(_TWINS))
    yield from (Likeness(*row) for row in database.execute(_LINKED))


_UNKNOWN: Final = "SELECT name, place FROM first WHERE name NOT IN (SELECT name FROM print) ORDER BY place"
_LEAVING: Final = "INSERT INTO moving SELECT name FROM gone JOIN print USING (name) WHERE spread"
_MOVING: Final = "SELECT name, block, body FROM moving JOIN print USING (name) JOIN body USING (name)"
# What is alone in its block needs no buckets: a place of its own comes when a second one does.
_NO_LONGER_ALONE: Final = """
INSERT INTO moving SELECT name FROM print WHERE NOT spread AND block IN (
    SELECT block FROM print WHERE block IN (SELECT block FROM fresh JOIN print USING (name))
    GROUP BY block HAVING count(*) > 1)
"""
_FORGET: Final = """
DELETE FROM link WHERE one IN (SELECT name FROM gone) OR other IN (SELECT name FROM gone);
DELETE FROM bucket WHERE (bucket, name) IN (SELECT bucket, name FROM moved);
DELETE FROM body WHERE name IN (SELECT name FROM gone);
DELETE FROM print WHERE name IN (SELECT name FROM gone);
"""
_LEARN: Final = """
INSERT INTO bucket SELECT bucket, name FROM moved ORDER BY bucket, name;
UPDATE print SET spread = 1 WHERE name IN (SELECT name FROM moving);
"""
# A crowd that became small: all that are left in it meet. CROSS JOIN keeps SQLite to this order: few, then many.
_SHRUNK: Final = """
INSERT INTO resized
    SELECT bucket, (SELECT count(*) FROM bucket WHERE bucket.bucket = crowd.bucket) AS size, 0
    FROM crowd WHERE size <= :crowd
"""
_NO_CROWD: Final = "DELETE FROM crowd WHERE bucket IN (SELECT bucket FROM resized);"
_MEET_AGAIN: Final = """
INSERT INTO candidate
    SELECT a.name, b.name, count(*)
    FROM resized CROSS JOIN bucket AS a USING (bucket) CROSS JOIN bucket AS b ON b.bucket = a.bucket AND b.name > a.name
    GROUP BY 1, 2;
DELETE FROM resized
"""
_MUCH_IS_NEW: Final = "SELECT 8 * (SELECT count(*) FROM moving) > (SELECT count(*) FROM print)"
_GROWN: Final = """
INSERT INTO resized
    SELECT bucket, count(*) AS size, sum(name IN (SELECT name FROM moving)) AS moved
    FROM (SELECT bucket FROM bucket GROUP BY bucket HAVING count(*) > 1) CROSS JOIN bucket USING (bucket)
    GROUP BY bucket HAVING moved > 0
"""
_GROWN_HERE_AND_THERE: Final = """
INSERT INTO resized
    SELECT bucket, count(*) AS size, sum(name IN (SELECT name FROM moving)) AS moved
    FROM (SELECT DISTINCT bucket FROM moved) CROSS JOIN bucket USING (bucket) GROUP BY bucket HAVING size > 1
"""
_CROWD: Final = "INSERT OR IGNORE INTO crowd SELECT bucket FROM resized WHERE size > :crowd"
# A small bucket that became a crowd: it speaks no longer for those that met in it.
_PART: Final = """
UPDATE link SET buckets = link.buckets - parted.buckets FROM (
    SELECT a.name AS one, b.name AS other, count(*) AS buckets
    FROM resized CROSS JOIN bucket AS a USING (bucket) CROSS JOIN bucket AS b ON b.bucket = a.bucket AND b.name > a.name
    WHERE size > :crowd AND size - moved BETWEEN 2 AND :crowd
        AND a.name NOT IN (SELECT name FROM moving) AND b.name NOT IN (SELECT name FROM moving)
    GROUP BY 1, 2
) AS parted WHERE link.one = parted.one AND link.other = parted.other
"""
_PARTED: Final = "DELETE FROM link WHERE buckets = 0"
_MEET: Final = """
INSERT INTO candidate
    SELECT a.name, b.name, count(*)
    FROM resized CROSS JOIN bucket AS a USING (bucket) CROSS JOIN bucket AS b ON b.bucket = a.bucket AND b.name > a.name
    WHERE size <= :crowd AND (a.name IN (SELECT name FROM moving) OR b.name IN (SELECT name FROM moving))
    GROUP BY 1, 2
"""
_COUNT_AGAIN: Final = """
UPDATE link SET buckets = link.buckets + candidate.buckets FROM candidate
    WHERE link.one = candidate.one AND link.other = candidate.other
"""
_UNMEASURED: Final = """
SELECT candidate.one, candidate.other, candidate.buckets, first.body, second.body
    FROM candidate JOIN body AS first ON first.name = one JOIN body AS second ON second.name = other
    WHERE NOT EXISTS (SELECT 1 FROM link WHERE link.one = candidate.one AND link.other = candidate.other)
"""
_IN_CROWDS: Final = """
SELECT bucket, place, name FROM crowd CROSS JOIN bucket USING (bucket) CROSS JOIN first USING (name)
    ORDER BY bucket, place
"""
_TWINS: Final = """
SELECT first.place, asked.place, 1.0 FROM asked JOIN first USING (name)
    WHERE asked.place > first.place ORDER BY asked.place
"""
_LINKED: Final = """
SELECT min(a.place, b.place), max(a.place, b.place), similarity
    FROM link CROSS JOIN first AS a ON a.name = one CROSS JOIN first AS b ON b.name = other
UNION SELECT one, other, similarity FROM met ORDER BY 1, 2
"""
