"""Statements whose words were erased at their author's wish: what is left of them still counts.

Id, kind, subject, gravity and time stay, and so does what they do. In place of the name stands its keyed hash, which a
forgetting has kept, so that nobody gets to judge a doubt of their own by having its words erased.
"""

from __future__ import annotations

from copy import copy
from typing import TYPE_CHECKING, Final

from selftune.records import Forgetting, Statement, StatementKind, has_words

if TYPE_CHECKING:
    from selftune.context import Reader

ERASED: Final = "[its words were erased at their author's wish]"
_SOMEBODY: Final = "somebody whose name was erased"

ACTS: Final = frozenset(
    {
        StatementKind.APPROVAL,
        StatementKind.REFUSAL,
        StatementKind.SIGN_OFF,
        StatementKind.REVOCATION,
        StatementKind.CLOSING,
        StatementKind.LIFT,
        StatementKind.WITHDRAWAL,
        StatementKind.ROSTER,
        StatementKind.NAMING,
        StatementKind.RETIREMENT,
        StatementKind.AMENDMENT,
        StatementKind.ESCALATION,
    }
)
"""What somebody answers for by name; without the name it would count for anybody, so it is not erased."""


def as_left(read: Reader) -> tuple[tuple[int, Statement], ...]:
    """Every statement with its place; those without words say so, and are by the hash of their author's name."""
    said = tuple(read.each(Statement))
    if all(has_words(one) for _, one in said):
        return said
    authors = dict(pair for _, done in read.each(Forgetting) for pair in done.authors)
    return tuple((place, one if has_words(one) else _told(one, authors.get(one.id, _SOMEBODY))) for place, one in said)


def what_is_left(read: Reader, statement: Statement) -> Statement:
    """One statement as it is to be shown."""
    return statement if has_words(statement) else next(one for _, one in as_left(read) if one.id == statement.id)


def _told(statement: Statement, author: str) -> Statement:
    """The same statement, under its own id, with words for people in the place of those that are gone."""
    told = copy(statement)
    told.__dict__.update(text=ERASED, author=author, id=statement.id)
    return told
