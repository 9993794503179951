"""What a person said stops the whole project: everything, its promotions, or its training on new data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from selftune.errors import WaitingForPersonError
from selftune.governance.doubts import doubts
from selftune.governance.statements import PROJECT
from selftune.records import Statement, StatementKind

if TYPE_CHECKING:
    from selftune.context import Reader
    from selftune.governance.doubts import Doubt, Hearing

KINDS: Final = {"hold": StatementKind.HOLD, "freeze": StatementKind.FREEZE, "stop": StatementKind.STOP}
"""By the word of the command."""

_KEEPS: Final = {
    StatementKind.HOLD: "nothing is promoted",
    StatementKind.FREEZE: "nothing is trained on new data",
    StatementKind.STOP: "all work here is stopped",
}


def ever_said(read: Reader, kind: StatementKind) -> bool:
    """Whether anybody ever said so of the whole project; cheap, for who asks before every step."""
    return any(said.kind is kind and said.subject == PROJECT for _, said in read.each(Statement))


def project_stays(hearing: Hearing, kind: StatementKind) -> tuple[Doubt, ...]:
    """What of this kind stands about the whole project, oldest first."""
    found = doubts(hearing, frozenset({kind}))
    return tuple(doubt for doubt in found if doubt.stands and doubt.statement.subject == PROJECT)


def refuse_stayed(hearing: Hearing, kind: StatementKind) -> None:
    """Return where nobody keeps the whole project from it.

    Raises:
        WaitingForPersonError: somebody does; the message has their words.
    """
    for doubt in project_stays(hearing, kind):
        raise stayed(kind, doubt.statement.author, doubt.statement.text)


def stayed(kind: StatementKind, author: str, text: str) -> WaitingForPersonError:
    """What is told to whoever wants to go on."""
    return WaitingForPersonError(
        f"{_KEEPS[kind]}: {text!r} ({named(author)}).",
        next_step=f'Say why it may go on: selftune lift {kind.value} --because "..."; what serves may be rolled back.',
    )


def named(author: str) -> str:
    """An author's name as it can be shown within a sentence of ours."""
    return author if author.isprintable() else repr(author)
