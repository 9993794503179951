"""How much a dataset is in tokens: what a model reads of it, by the base's own template (mission B15).

What was counted is kept from night to night under a name that the lesson's salt goes into, so the file tells nothing of
anybody's words; what is no lesson any more leaves it.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING, Final

from selftune.curation.likeness.index_file import open_index
from selftune.records import digest_of

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Iterator, Sequence

    from selftune.context import Context
    from selftune.records import Example, Message

_FILE: Final = "tokens.db"
_TABLES: Final = "CREATE TABLE counts (name TEXT PRIMARY KEY, tokens INTEGER NOT NULL) WITHOUT ROWID"
_TEMPORARY: Final = "CREATE TEMP TABLE wanted (name TEXT PRIMARY KEY)"
_BATCH: Final = 500


def count_lesson_tokens(lessons: Sequence[Example], context: Context) -> int | None:
    """Tokens of all lessons, of a pair both conversations; None where nobody can tell."""
    if context.count_tokens is None:
        return None
    if context.notes is None:
        counts = context.count_tokens([said for _, said in _named(lessons)])
        return None if counts is None else sum(counts)
    form = f"{context.base.tokenizer_digest} {context.base.template_digest}"
    with open_index(context.notes / _FILE, form, _TABLES, _TEMPORARY) as index:
        known, fresh = _look_up(lessons, index)
        counts = context.count_tokens(list(fresh.values()))
        if counts is None:
            return None
        index.executemany("INSERT INTO counts VALUES (?, ?)", zip(fresh, counts, strict=True))
        index.execute("DELETE FROM counts WHERE name NOT IN (SELECT name FROM wanted)")
        index.execute("COMMIT")
    known |= dict(zip(fresh, counts, strict=True))
    return sum(known[name] for name, _ in _named(lessons))


def _look_up(
    lessons: Sequence[Example], index: sqlite3.Connection
) -> tuple[dict[str, int], dict[str, tuple[Message, ...]]]:
    """The counts that are known, and the conversations that are not counted yet, by name."""
    known: dict[str, int] = {}
    fresh: dict[str, tuple[Message, ...]] = {}
    named = _named(lessons)
    while batch := dict(islice(named, _BATCH)):
        index.executemany("INSERT OR IGNORE INTO wanted VALUES (?)", ((name,) for name in batch))
        places = ", ".join("?" * len(batch))
        found = index.execute(f"SELECT name, tokens FROM counts WHERE name IN ({places})", tuple(batch))  # noqa: S608 - only places
        known |= dict(found)
        fresh |= {name: said for name, said in batch.items() if name not in known}
    return known, fresh


def _named(lessons: Iterable[Example]) -> Iterator[tuple[str, tuple[Message, ...]]]:
    """Each conversation of the lessons, with a name that nobody can guess without the lesson's salt."""
    for lesson in lessons:
        for said in conversations_of([lesson]):
            yield digest_of([lesson.salt, said]), said


def conversations_of(lessons: Iterable[Example]) -> Iterator[tuple[Message, ...]]:
    """What is read of each lesson: the conversation, and the same with the answer that lost."""
    for lesson in lessons:
        yield lesson.messages
        if lesson.rejected is not None:
            *before, last = lesson.messages
            yield (*before, replace(last, content=lesson.rejected))


def describe_tokens(tokens: int | None, lessons: int) -> str:
    """The count in one line for the card."""
    if tokens is None:
        return "\nTokens: not counted; the base's files or the packages for training are not here.\n"
    return f"\n{tokens:,} tokens by the base's own template, {tokens / lessons:.0f} a lesson.\n"
