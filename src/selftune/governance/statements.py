"""What people say about records, made into Statements. Nothing is unsaid: a change of mind is a new statement.

Words are kept as they were said, to the last odd letter (E18). Only secrets are taken out, for a note holds them as
easily as a log does and a ledger forgets nothing; the statement then says that something was. An author is named as
they name themselves, for an approval has to be somebody's. Each kind has one meaning.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from selftune.errors import UsageError
from selftune.interactions.door import redact_words
from selftune.records import Gravity, Statement, StatementKind

if TYPE_CHECKING:
    from selftune.context import Context
    from selftune.interactions.config import Capture

PROJECT: Final = "project"
"""What a statement is about that is about everything here."""

STAYS: Final[frozenset[StatementKind]] = frozenset({StatementKind.HOLD, StatementKind.FREEZE, StatementKind.STOP})
"""What a person lifts with a reason."""

_ANSWERED: Final = frozenset({*STAYS, StatementKind.CONCERN})


@dataclass(frozen=True, kw_only=True)
class Remark:
    """What an annotation may say beside its text.

    Attributes:
        category: What kind of remark it is, as its author calls it.
        topic: What it is about in a word: remarks of one author on one topic are found together.
        before: What stood there, where a correction is told; `after`: what stands there now.
        supersedes: Id of an earlier remark of the same author that this one takes the place of.
        links: Ids of other statements that it belongs to.
    """

    category: str = ""
    topic: str = ""
    before: str | None = None
    after: str | None = None
    supersedes: str | None = None
    links: tuple[str, ...] = ()


def approve(
    subject: str, *, author: str, text: str, context: Context, door: Capture, evidence: tuple[str, ...] = ()
) -> Statement:
    """A person's yes to exactly this record: a decision, or the release after which the loop may go on."""
    return replace(say(StatementKind.APPROVAL, subject, author, text, context, door), evidence=evidence)


def refuse(subject: str, *, author: str, text: str, context: Context, door: Capture) -> Statement:
    """A person's no to a promoting decision: its build is no longer pinned, and the next cycle may begin."""
    return say(StatementKind.REFUSAL, subject, author, text, context, door)


def raise_concern(
    subject: str,
    *,
    author: str,
    text: str,
    context: Context,
    door: Capture,
    author_is_model: bool = False,
    evidence: tuple[str, ...] = (),
    gravity: Gravity = Gravity.NOTED,
    topic: str = "",
    links: tuple[str, ...] = (),
) -> Statement:
    """A doubt about a record, on record; a model may have one too."""
    said = say(StatementKind.CONCERN, subject, author, text, context, door, author_is_model=author_is_model)
    return replace(said, evidence=evidence, gravity=gravity, topic=redact_words(topic, door), links=links)


def hold(
    subject: str, *, author: str, text: str, context: Context, door: Capture, author_is_model: bool = False
) -> Statement:
    """A stop sign on a record: what rests on it is not released until the hold is lifted."""
    return say(StatementKind.HOLD, subject, author, text, context, door, author_is_model=author_is_model)


def review(
    subject: str, *, author: str, text: str, context: Context, door: Capture, author_is_model: bool = False
) -> Statement:
    """What someone thinks of a record; it changes nothing by itself."""
    return say(StatementKind.REVIEW, subject, author, text, context, door, author_is_model=author_is_model)


def pick(
    subject: str, *, author: str, text: str, context: Context, door: Capture, evidence: tuple[str, ...] = ()
) -> Statement:
    """Which of two answers a person took who did not know whose they are; never a model's."""
    return replace(say(StatementKind.PICK, subject, author, text, context, door), evidence=evidence)


def take_out(subject: str, *, author: str, text: str, context: Context, door: Capture) -> Statement:
    """That this interaction is not to be learnt from; its author's withdrawal lets it in again."""
    return say(StatementKind.EXCLUSION, subject, author, text, context, door)


def annotate(subject: str, remark: Remark, *, author: str, text: str, context: Context, door: Capture) -> Statement:
    """A remark about a record; what it supersedes stays beside it."""
    said = say(StatementKind.ANNOTATION, subject, author, text, context, door)
    topic = redact_words(remark.topic, door)
    before, after = (None if words is None else redact_words(words, door) for words in (remark.before, remark.after))
    return replace(
        said,
        category=remark.category,
        topic=topic,
        before=before,
        after=after,
        supersedes=remark.supersedes,
        links=remark.links,
        redacted=said.redacted or (topic, before, after) != (remark.topic, remark.before, remark.after),
    )


def escalate(subject: str, *, author: str, authorised_by: str, text: str, context: Context, door: Capture) -> Statement:
    """A correction harder than usual, which somebody allowed (E15); what came of it is worked out, never said here.

    Raises:
        UsageError: nobody is named who allowed it.
    """
    if not authorised_by.strip():
        raise UsageError("nobody is named who allowed it.", next_step="Name them: --authorised-by NAME")
    said = say(StatementKind.ESCALATION, subject, author, text, context, door)
    allowed = redact_words(authorised_by, door)
    return replace(said, authorised_by=allowed, redacted=said.redacted or allowed != authorised_by)


def answer(
    doubt: Statement, *, author: str, text: str, context: Context, door: Capture, author_is_model: bool = False
) -> Statement:
    """A reply to a concern or a hold; it closes nothing.

    Raises:
        UsageError: the statement is neither.
    """
    _require(doubt, _ANSWERED)
    return say(StatementKind.ANSWER, doubt.id, author, text, context, door, author_is_model=author_is_model)


def close(
    concern: Statement, *, author: str, text: str, context: Context, door: Capture, evidence: tuple[str, ...]
) -> Statement:
    """The closing of a concern, with its reason and evidence; whether it closes it is for `doubts` to say.

    Raises:
        UsageError: the statement is no concern.
    """
    _require(concern, frozenset({StatementKind.CONCERN}))
    return replace(say(StatementKind.CLOSING, concern.id, author, text, context, door), evidence=evidence)


def lift(
    stay: Statement, *, author: str, text: str, context: Context, door: Capture, evidence: tuple[str, ...] = ()
) -> Statement:
    """The end of a hold, a freeze or a stop, with its reason; whether it ends it is for `doubts` to say.

    Raises:
        UsageError: the statement is none of these.
    """
    _require(stay, STAYS)
    return replace(say(StatementKind.LIFT, stay.id, author, text, context, door), evidence=evidence)


def withdraw(statement: Statement, *, author: str, text: str, context: Context, door: Capture) -> Statement:
    """The author's own second thought; both stay on record.

    Raises:
        UsageError: it is someone else's statement, or a withdrawal itself.
    """
    if author != statement.author:
        raise UsageError("only its author can withdraw a statement.", next_step="Say something of your own about it.")
    if statement.kind is StatementKind.WITHDRAWAL:
        raise UsageError("a withdrawal is not withdrawn.", next_step="Say anew what you stand by.")
    said = say(StatementKind.WITHDRAWAL, statement.subject, author, text, context, door)
    return replace(said, supersedes=statement.id)


def say(
    kind: StatementKind,
    subject: str,
    author: str,
    text: str,
    context: Context,
    door: Capture,
    *,
    author_is_model: bool = False,
) -> Statement:
    """A statement of any kind, unsigned; its words verbatim but for secrets.

    Raises:
        UsageError: author or text is empty, or holds half of a character.
    """
    for what, value in (("author", author), ("text", text)):
        if not value.strip():
            raise UsageError(f"the {what} of a {kind.value} is empty.", next_step=f"Give its {what}.")
    kept = redact_words(text, door)
    redact_words(author, door)  # for what it refuses: an author's name is kept as it is
    return Statement(
        salt=context.draw_salt(),
        author=author,
        author_is_model=author_is_model,
        subject=subject,
        kind=kind,
        text=kept,
        said_at=context.now(),
        redacted=kept != text,
    )


def _require(statement: Statement, kinds: frozenset[StatementKind]) -> None:
    if statement.kind not in kinds:
        wanted = " or ".join(sorted(kind.value for kind in kinds))
        raise UsageError(
            f"{statement.id} is a {statement.kind.value}, and no {wanted}.",
            next_step="Choose one that `selftune concern list` shows.",
        )
