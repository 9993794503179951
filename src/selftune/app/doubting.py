"""Concerns from the command line: raised, answered, closed, withdrawn, and shown with all that was said of them."""

from __future__ import annotations

import getpass
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from selftune.app.doubts_page import who_may_end
from selftune.app.signing import speak
from selftune.errors import UsageError, WaitingForPersonError
from selftune.governance.doubts import DOUBTS, against_ending, doubts
from selftune.governance.statements import PROJECT, STAYS, answer, close, lift, raise_concern, withdraw
from selftune.loop.drafts import About, open_draft
from selftune.loop.hearing import hear_project, put_on_record
from selftune.loop.incoming.privacy import door_of
from selftune.records import Gravity, Statement, StatementKind

if TYPE_CHECKING:
    from collections.abc import Callable

    from selftune.governance.doubts import Doubt
    from selftune.governance.people.keys import Ask
    from selftune.loop.drafts import Draft
    from selftune.loop.project import Project

    Write = Callable[[Draft], str]

_ALL: frozenset[StatementKind] = DOUBTS | STAYS


@dataclass(frozen=True, kw_only=True)
class Wish:
    """What somebody wants to say of a record, before it is said.

    Attributes:
        subject: An id or its beginning, a version, or `project`.
        text: What they say; None: they are about to write it.
        author: Who says it; empty: who is logged in.
    """

    subject: str
    text: str | None
    author: str = ""


def subject_of(project: Project, name: str) -> str:
    """The id of what a name means; the project itself is one too.

    Raises:
        UnknownNameError: no record begins like that.
    """
    if not name.strip():
        raise UsageError("nothing is named.", next_step=f"Give an id, its beginning, a version, or {PROJECT!r}.")
    return PROJECT if name == PROJECT else _named(project, name)


def _named(project: Project, name: str) -> str:
    from selftune.app.tracing import find  # it knows every kind of record, and what shows each

    return find(project, name).id


def speaker(project: Project, author: str) -> str:
    """Who says it: the name that was given, or of who is logged in; as the roster calls them, where it knows them."""
    given = author or getpass.getuser()
    tokens = hear_project(project).roster
    return next((one.now.name for one in tokens.members if one.tokens & tokens.named(given)), given)


def raise_on(
    project: Project, wish: Wish, *, gravity: Gravity, topic: str, evidence: tuple[str, ...], write: Write
) -> Statement:
    """Put a concern on record; what is written now is kept while it is written. A blocking one ends a trial of it.

    Raises:
        UsageError: there are no words, or no such record.
    """
    subject, author = subject_of(project, wish.subject), speaker(project, wish.author)
    cited = tuple(_named(project, one) for one in evidence)
    about = About(kind=StatementKind.CONCERN, subject=subject, author=author, gravity=gravity, topic=topic)

    def said(words: str) -> Statement:
        context, door = project.context(), door_of(project)
        return raise_concern(
            subject, author=author, text=words, context=context, door=door, evidence=cited, gravity=gravity, topic=topic
        )

    kept = write_and_keep(project, about, wish.text, said, write, event="concern raised")
    if gravity is Gravity.BLOCKING:
        from selftune.loop.canary.doubted import end_if_doubted  # trials bring the evaluations along

        end_if_doubted(project, "a blocking concern about the candidate was put on record")
    return kept


def write_and_keep(
    project: Project,
    about: About,
    text: str | None,
    said: Callable[[str], Statement],
    write: Write,
    *,
    event: str,
) -> Statement:
    """The words as a statement on record; while they are being written they are a draft.

    Raises:
        UsageError: there are no words.
    """
    if text is not None:
        return put_on_record(project, said(text), event=event)
    with open_draft(project, about) as draft:
        words = write(draft)
        if not words.strip():
            draft.discard()
            raise UsageError("nothing was written.", next_step="Run it again, and write what you have to say.")
        kept = put_on_record(project, replace(said(words), salt=draft.name), event=event)
        draft.discard()
    return kept


def reply(project: Project, name: str, text: str, *, author: str) -> Statement:
    """An answer to a doubt, which closes nothing."""
    doubt = doubt_named(project, name).statement
    context, door = project.context(), door_of(project)
    said = answer(doubt, author=speaker(project, author), text=text, context=context, door=door)
    return put_on_record(project, said, event="concern answered")


def end(project: Project, name: str, because: str, *, author: str, evidence: tuple[str, ...], ask: Ask) -> Statement:
    """Close a concern, or lift a hold, a freeze or a stop, with a reason.

    Raises:
        UsageError: it no longer stands.
        WaitingForPersonError: this person may not, or evidence is missing; the message says why and who may.
    """
    doubt = doubt_named(project, name)
    if not doubt.stands:
        raise UsageError(f"{doubt.statement.id[:18]} is {doubt.state.value} already.", next_step=_look(doubt.statement))
    cited = tuple(_named(project, one) for one in evidence)
    make = lift if doubt.statement.kind in STAYS else close
    said = make(
        doubt.statement,
        author=speaker(project, author),
        text=because,
        context=project.context(),
        door=door_of(project),
        evidence=cited,
    )
    return _keep_ending(project, doubt.statement, said, ask)


def take_back(project: Project, name: str, because: str, *, author: str, ask: Ask) -> Statement:
    """Withdraw one's own doubt; both stay on record.

    Raises:
        UsageError: it is somebody else's.
    """
    doubt = doubt_named(project, name).statement
    context, door = project.context(), door_of(project)
    said = withdraw(doubt, author=speaker(project, author), text=because, context=context, door=door)
    return _keep_ending(project, doubt, said, ask)


def doubt_named(project: Project, name: str) -> Doubt:
    """The doubt of this id, or its beginning, and what has become of it.

    Raises:
        UsageError: what is named is no concern, hold, freeze or stop.
    """
    full = project.store.find(name)
    for doubt in doubts(hear_project(project), _ALL):
        if doubt.statement.id == full:
            return doubt
    raise UsageError(
        f"{name} is neither a concern nor a hold.", next_step="Choose one that `selftune concern list --all` shows."
    )


def _keep_ending(project: Project, doubt: Statement, said: Statement, ask: Ask) -> Statement:
    """Keep what ends a doubt; what would not end it is refused before it is kept."""
    hearing = hear_project(project)
    signed = speak(hearing, said, ask)
    place = project.store.last_sequence() + 1
    # The machine signs last; all else must be right before.
    against = against_ending(replace(hearing, public_key=None), doubt, signed, place)
    if against:
        raise WaitingForPersonError(
            f"it still stands: {against}.", next_step=f"Know that {who_may_end(hearing, doubt)}."
        )
    return put_on_record(project, signed, event=f"{doubt.kind.value} {said.kind.value}")


def _look(doubt: Statement) -> str:
    return f"Read it with `selftune concern show {doubt.id[:18]}`."
