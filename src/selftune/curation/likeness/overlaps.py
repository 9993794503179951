"""Which questions lie too close to what measures, kept from night to night: only what is new is measured.

It finds what `contamination.find_overlaps` finds. Each side, the questions that were asked and those that measure, has
its words, its eight words in a row and its buckets in tables of the same form; a night compares by joining them, so a
new exam meets the oldest question, and a phrase becomes common as it does in memory. Only likenesses in meaning, which
cost most, are remembered once measured.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from selftune.curation.likeness.alike import CROWD
from selftune.curation.likeness.contamination import (
    COMMON_FROM,
    NEIGHBOUR,
    Neighbouring,
    in_meaning,
    in_part,
    measure_question,
    word_for_word,
)
from selftune.curation.likeness.index_file import open_index, run_all

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from selftune.curation.likeness.contamination import Asked

_VERSION: Final = 1
_FILE: Final = "overlaps.db"
_BATCH: Final = 2_000
_ASKED: Final = "asked"
_EXAM: Final = "exam"


class Overlaps:
    """Finds what lies too close to what measures, and remembers what it measured in a folder."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / _FILE
        self._alike = Neighbouring()

    def find(
        self,
        asked: Sequence[int],
        asked_at: Callable[[int], Asked],
        exams: Sequence[tuple[int, str]],
        exam_at: Callable[[int], Asked],
    ) -> dict[int, str]:
        """For each place whose question lies too close to what measures, to what and how.

        The folder holds these names afterwards and no other. A text is asked for only where its name is new there.

        Args:
            asked: The names (`name_question`) of the questions that were asked.
            asked_at: The question at a place.
            exams: The names of the questions that measure, each with what it is called.
            exam_at: The question at a place among these.

        Raises:
            DamagedFileError: the file was damaged while it was read; the next call makes it anew.
        """
        with open_index(self._path, f"{_VERSION} {self._alike.form}", _TABLES, _OF_THIS_NIGHT) as database:
            told = sorted(((called, name) for name, called in exams), reverse=True)
            database.executemany(
                "INSERT OR REPLACE INTO called VALUES (?, ?)", ((name, called) for called, name in told)
            )
            self._settle(database, _ASKED, asked, asked_at)
            self._settle(database, _EXAM, [name for name, _ in exams], exam_at)
            for side, other in ((_ASKED, _EXAM), (_EXAM, _ASKED)):
                self._spread(database, side, other)
            self._measure(database)
            database.execute("COMMIT")
            return _found(database, asked)

    def _settle(
        self, database: sqlite3.Connection, side: str, names: Sequence[int], item_at: Callable[[int], Asked]
    ) -> None:
        """Let a side hold these names and no other."""
        run_all(database, "DELETE FROM night; DELETE FROM fresh; DELETE FROM piece; DELETE FROM gone")
        # Of places with one name the first is read.
        database.executemany("INSERT OR IGNORE INTO night VALUES (?, ?)", ((one, at) for at, one in enumerate(names)))
        database.execute(_GONE.format(side=side))
        # What is erased is sought in all pieces: not where nothing is.
        if database.execute("SELECT 1 FROM gone").fetchone():
            run_all(database, _FORGET.format(side=side))
        new = database.execute(_NEW.format(side=side))
        while batch := new.fetchmany(_BATCH):
            measured = [(name, measure_question(*item_at(place))) for name, place in batch]
            rows = [
                (name, one.state, one.plain, one.gist and one.gist.block, one.gist and one.gist.body)
                for name, one in measured
            ]
            database.executemany("INSERT INTO fresh VALUES (?, ?, ?, ?, ?)", rows)
            grams = ((gram, name) for name, one in measured for gram in one.grams)
            database.executemany("INSERT INTO piece VALUES (?, ?)", grams)
        run_all(database, _LEARN.format(side=side))

    def _spread(self, database: sqlite3.Connection, side: str, other: str) -> None:
        """Buckets for whoever stands in a block of the other side; nobody else can meet anyone there."""
        database.execute("DELETE FROM piece")
        meeting = database.execute(_NOW_MEETING.format(side=side, other=other))
        while batch := meeting.fetchmany(_BATCH):
            spread = self._alike.spread([block for _, block, _ in batch], [body for *_, body in batch])
            rows = ((bucket, name) for (name, *_), buckets in zip(batch, spread, strict=True) for bucket in buckets)
            database.executemany("INSERT INTO piece VALUES (?, ?)", rows)
        run_all(database, _SPREAD.format(side=side, other=other))

    def _measure(self, database: sqlite3.Connection) -> None:
        """Remember how much each two are alike that share a bucket."""
        met = database.execute(_MET, {"crowd": CROWD})
        rows = ((exam, asked, self._alike.similarity(body, other)) for exam, asked, body, other in met)
        database.executemany("INSERT INTO likeness VALUES (?, ?, ?)", rows)


def _found(database: sqlite3.Connection, asked: Sequence[int]) -> dict[int, str]:
    """The reason at each place; the strongest one counts, and of equals the first by what it is called."""
    run_all(database, _SHARE)
    like = {name: in_meaning(called, much) for name, called, much in database.execute(_LIKE, (NEIGHBOUR,))}
    quoted = {name: in_part(called) for name, called in database.execute(_QUOTED, (COMMON_FROM,))}
    equal = {name: word_for_word(called) for name, called in database.execute(_EQUAL)}
    reasons = {**like, **quoted, **equal}
    return {place: reasons[name] for place, name in enumerate(asked) if name in reasons}


_SIDE: Final = """
CREATE TABLE {side} (name INTEGER PRIMARY KEY, state INTEGER NOT NULL, plain INTEGER NOT NULL, block INTEGER,
                     spread INTEGER NOT NULL DEFAULT 0);
CREATE INDEX {side}_plain ON {side} (plain);
CREATE INDEX {side}_block ON {side} (block);
CREATE TABLE {side}_body (name INTEGER PRIMARY KEY, body BLOB);
CREATE TABLE {side}_gram (gram INTEGER, name INTEGER, PRIMARY KEY (gram, name)) WITHOUT ROWID;
CREATE TABLE {side}_bucket (bucket INTEGER, name INTEGER, PRIMARY KEY (bucket, name)) WITHOUT ROWID;
"""
_TABLES: Final = f"""
{_SIDE.format(side=_ASKED)}
{_SIDE.format(side=_EXAM)}
CREATE TABLE likeness (exam INTEGER, asked INTEGER, similarity REAL NOT NULL, PRIMARY KEY (exam, asked)) WITHOUT ROWID;
CREATE INDEX likeness_of ON likeness (asked);
"""
_OF_THIS_NIGHT: Final = """
CREATE TEMP TABLE called (name INTEGER PRIMARY KEY, called TEXT NOT NULL);
CREATE TEMP TABLE night (name INTEGER PRIMARY KEY, place INTEGER NOT NULL);
CREATE TEMP TABLE gone (name INTEGER PRIMARY KEY);
CREATE TEMP TABLE fresh (name INTEGER PRIMARY KEY, state INTEGER, plain INTEGER, block INTEGER, body BLOB);
CREATE TEMP TABLE piece (part INTEGER, name INTEGER);
CREATE TEMP TABLE shared (gram INTEGER, asked INTEGER, exam INTEGER);
"""
_GONE: Final = "INSERT INTO gone SELECT name FROM {side} EXCEPT SELECT name FROM night"
_FORGET: Final = """
DELETE FROM {side}_gram WHERE name IN (SELECT name FROM gone);
DELETE FROM {side}_bucket WHERE name IN (SELECT name FROM gone);
DELETE FROM {side}_body WHERE name IN (SELECT name FROM gone);
DELETE FROM likeness WHERE {side} IN (SELECT name FROM gone);
DELETE FROM {side} WHERE name IN (SELECT name FROM gone)
"""
_LEARN: Final = """
INSERT INTO {side} SELECT name, state, plain, block, 0 FROM fresh;
INSERT INTO {side}_body SELECT name, body FROM fresh;
INSERT INTO {side}_gram SELECT part, name FROM piece ORDER BY part, name
"""
_NEW: Final = "SELECT name, place FROM night WHERE name NOT IN (SELECT name FROM {side}) ORDER BY place"
_NOW_MEETING: Final = """
SELECT name, block, body FROM {side} JOIN {side}_body USING (name)
    WHERE NOT spread AND block IN (SELECT block FROM {other} WHERE block IS NOT NULL)
"""
_SPREAD: Final = """
INSERT INTO {side}_bucket SELECT part, name FROM piece ORDER BY part, name;
UPDATE {side} SET spread = 1 WHERE NOT spread AND block IN (SELECT block FROM {other} WHERE block IS NOT NULL)
"""
# Of a crowd of exams the first by name are held against whoever was asked.
_MET: Final = """
SELECT pair.exam, pair.asked, exam_body.body, asked_body.body FROM (
    SELECT DISTINCT first.name AS exam, asked_bucket.name AS asked FROM (
        SELECT bucket, name, row_number() OVER (PARTITION BY bucket ORDER BY name) AS place FROM exam_bucket
    ) AS first CROSS JOIN asked_bucket USING (bucket) WHERE place <= :crowd
) AS pair CROSS JOIN exam_body ON exam_body.name = exam CROSS JOIN asked_body ON asked_body.name = asked
WHERE NOT EXISTS (SELECT 1 FROM likeness WHERE likeness.exam = pair.exam AND likeness.asked = pair.asked)
"""
_SHARE: Final = """
INSERT INTO shared SELECT gram, asked.name, exam.name
    FROM exam_gram CROSS JOIN asked_gram USING (gram)
    CROSS JOIN exam ON exam.name = exam_gram.name CROSS JOIN asked ON asked.name = asked_gram.name
    WHERE asked.state = exam.state
"""
_QUOTED: Final = """
SELECT asked, min(called) FROM shared JOIN called ON called.name = exam WHERE gram IN (
    SELECT gram FROM shared JOIN asked ON asked.name = shared.asked GROUP BY gram HAVING count(DISTINCT plain) < ?
) GROUP BY asked
"""
_EQUAL: Final = """
SELECT asked.name, min(called) FROM exam CROSS JOIN asked USING (plain) JOIN called ON called.name = exam.name
    WHERE asked.state = exam.state GROUP BY asked.name
"""
_LIKE: Final = """
SELECT asked, min(called), similarity FROM (
    SELECT asked, exam, similarity, max(similarity) OVER (PARTITION BY asked) AS most FROM likeness
) JOIN called ON called.name = exam WHERE similarity = most AND similarity >= ? GROUP BY asked
"""
