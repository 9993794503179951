"""What people say about records, made into Statements. Nothing is unsaid: a change of mind is a new statement.

What somebody types passes the same door as what comes in: a note holds secrets as easily as a log does, and a ledger
forgets nothing. An author is named as they name themselves, for an approval has to be somebody's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from selftune.errors import UsageError
from selftune.interactions.door import clean_text
from selftune.records import Statement, StatementKind

if TYPE_CHECKING:
    from selftune.context import Context
    from selftune.interactions.config import Capture


def approve(
    subject: str, *, author: str, text: str, context: Context, door: Capture, evidence: tuple[str, ...] = ()
) -> Statement:
    """A person's yes to exactly this record: a decision, or the release after which the loop may go on."""
    return _say(StatementKind.APPROVAL, subject, author, text, context, door, evidence=evidence)


def refuse(subject: str, *, author: str, text: str, context: Context, door: Capture) -> Statement:
    """A person's no to a promoting decision: its build is no longer pinned, and the next cycle may begin."""
    return _say(StatementKind.RETIREMENT, subject, author, text, context, door)


def raise_concern(
    subject: str,
    *,
    author: str,
    text: str,
    context: Context,
    door: Capture,
    author_is_model: bool = False,
    evidence: tuple[str, ...] = (),
) -> Statement:
    """A doubt about a record, on record; a model may have one too."""
    return _say(
        StatementKind.CONCERN, subject, author, text, context, door, author_is_model=author_is_model, evidence=evidence
    )


def hold(subject: str, *, author: str, text: str, context: Context, door: Capture) -> Statement:
    """A stop sign on a record: what rests on it is not released until the hold is answered."""
    return _say(StatementKind.HOLD, subject, author, text, context, door)


def review(
    subject: str, *, author: str, text: str, context: Context, door: Capture, author_is_model: bool = False
) -> Statement:
    """What someone thinks of a record; it changes nothing by itself."""
    return _say(StatementKind.REVIEW, subject, author, text, context, door, author_is_model=author_is_model)


def pick(
    subject: str, *, author: str, text: str, context: Context, door: Capture, evidence: tuple[str, ...] = ()
) -> Statement:
    """Which of two answers a person took who did not know whose they are; never a model's."""
    return _say(StatementKind.PICK, subject, author, text, context, door, evidence=evidence)


def answer(
    doubt: Statement, *, author: str, text: str, context: Context, door: Capture, author_is_model: bool = False
) -> Statement:
    """A sign-off on a concern or a hold; whether it closes it is for `doubts.open_doubts` to say.

    Raises:
        UsageError: the statement is neither a concern nor a hold.
    """
    if doubt.kind not in {StatementKind.CONCERN, StatementKind.HOLD}:
        raise UsageError(f"{doubt.id} is no concern or hold.", next_step="Choose one that `selftune why` lists.")
    return _say(StatementKind.SIGN_OFF, doubt.id, author, text, context, door, author_is_model=author_is_model)


def withdraw(statement: Statement, *, author: str, text: str, context: Context, door: Capture) -> Statement:
    """The author's own second thought: the statement no longer counts, and both stay on record.

    Raises:
        UsageError: it is someone else's statement.
    """
    if author != statement.author:
        raise UsageError("only its author can withdraw a statement.", next_step="Say something of your own about it.")
    return _say(StatementKind.ANNOTATION, statement.subject, author, text, context, door, supersedes=statement.id)


def _say(
    kind: StatementKind,
    subject: str,
    author: str,
    text: str,
    context: Context,
    door: Capture,
    *,
    author_is_model: bool = False,
    evidence: tuple[str, ...] = (),
    supersedes: str | None = None,
) -> Statement:
    for what, value in (("author", author), ("text", text)):
        if not value.strip():
            raise UsageError(f"the {what} of a {kind.value} is empty.", next_step=f"Give its {what}.")
    return Statement(
        salt=context.draw_salt(),
        author=author,
        author_is_model=author_is_model,
        subject=subject,
        kind=kind,
        text=clean_text(text, door),
        said_at=context.now(),
        evidence=evidence,
        supersedes=supersedes,
    )
