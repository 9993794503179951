"""Concerns and holds: open until someone whom they do not question has answered.

Pure functions over statements: who wrote an invalid answer into the store by hand has closed nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from selftune.records import Statement, StatementKind

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

_DOUBTS: Final = frozenset({StatementKind.CONCERN, StatementKind.HOLD})


def standing(statements: Iterable[Statement]) -> tuple[Statement, ...]:
    """The statements that their authors have not withdrawn, in the order they were said."""
    said = tuple(statements)
    by_id = {statement.id: statement for statement in said}
    withdrawn = {
        later.supersedes
        for later in said
        if later.supersedes in by_id and by_id[later.supersedes].author == later.author
    }
    return tuple(statement for statement in said if statement.id not in withdrawn)


def open_doubts(statements: Iterable[Statement], responsible: Mapping[str, frozenset[str]]) -> tuple[Statement, ...]:
    """Concerns and holds that nobody entitled has answered, in the order they were raised.

    Args:
        statements: Everything that was said.
        responsible: Who stands behind each record: approvers of a decision, the model behind a judgement. The authors
            of statements need not be listed.
    """
    said = standing(statements)
    return tuple(doubt for doubt in said if doubt.kind in _DOUBTS and not _answered(doubt, said, responsible))


def may_answer(
    doubt: Statement,
    author: str,
    statements: Iterable[Statement],
    responsible: Mapping[str, frozenset[str]],
    *,
    author_is_model: bool = False,
) -> bool:
    """Whether this author's answer would close the doubt: a person, and not one whom it questions."""
    return not author_is_model and author not in questioned(doubt, tuple(statements), responsible)


def questioned(
    doubt: Statement, statements: Sequence[Statement], responsible: Mapping[str, frozenset[str]]
) -> frozenset[str]:
    """Whose decision a doubt is about: those responsible for its subject, who approved it, or who said it."""
    authors = set(responsible.get(doubt.subject, frozenset()))
    for statement in statements:
        approves = statement.kind in {StatementKind.APPROVAL, StatementKind.SIGN_OFF}
        if statement.id == doubt.subject or (approves and statement.subject == doubt.subject):
            authors.add(statement.author)
    return frozenset(authors)


def _answered(doubt: Statement, statements: Sequence[Statement], responsible: Mapping[str, frozenset[str]]) -> bool:
    # Who signs off a doubt is no party to what it is about, so its own answers do not count as approvals of it.
    return any(
        statement.kind is StatementKind.SIGN_OFF
        and statement.subject == doubt.id
        and may_answer(doubt, statement.author, statements, responsible, author_is_model=statement.author_is_model)
        for statement in statements
    )
