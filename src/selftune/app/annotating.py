"""Remarks on records: kept word for word, never changed; a later one may take the place of an earlier one beside it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from selftune.app.doubting import speaker, subject_of, write_and_keep
from selftune.app.doubts_page import headline, lateness
from selftune.app.reporting.pages.plain import one_line, quoted
from selftune.errors import UsageError
from selftune.governance.people.roster import fold
from selftune.governance.shredded import as_left
from selftune.governance.statements import Remark, annotate, escalate
from selftune.loop.drafts import About
from selftune.loop.hearing import put_on_record
from selftune.loop.incoming.privacy import door_of
from selftune.records import Statement, StatementKind

if TYPE_CHECKING:
    from collections.abc import Iterator

    from selftune.app.doubting import Wish, Write
    from selftune.loop.project import Project


def put_remark(project: Project, wish: Wish, remark: Remark, *, write: Write) -> Statement:
    """Put a remark on record.

    Raises:
        UsageError: there are no words, or it would take the place of what is no remark of the same author.
    """
    subject, author = subject_of(project, wish.subject), speaker(project, wish.author)
    found = replace(
        remark,
        supersedes=None if remark.supersedes is None else _earlier(project, remark.supersedes, author).id,
        links=tuple(project.store.find(one) for one in remark.links),
    )
    about = About(
        kind=StatementKind.ANNOTATION, subject=subject, author=author, topic=remark.topic, category=remark.category
    )

    def said(words: str) -> Statement:
        return annotate(subject, found, author=author, text=words, context=project.context(), door=door_of(project))

    return write_and_keep(project, about, wish.text, said, write, event="annotated")


def put_escalation(project: Project, wish: Wish, authorised_by: str) -> Statement:
    """Put on record that something was corrected harder than usual, and who allowed it.

    Raises:
        UsageError: there are no words, or nobody is named who allowed it.
    """
    said = escalate(
        subject_of(project, wish.subject),
        author=speaker(project, wish.author),
        authorised_by=authorised_by,
        text=wish.text or "",
        context=project.context(),
        door=door_of(project),
    )
    return put_on_record(project, said, event="escalated")


def remarks(project: Project, *, subject: str = "", author: str = "") -> tuple[Statement, ...]:
    """The remarks on a record, or by an author, or all, in the order they were made; superseded ones are among them."""
    about = subject_of(project, subject) if subject else ""
    return tuple(
        one
        for _, one in as_left(project.store)
        if one.kind is StatementKind.ANNOTATION
        and (not about or one.subject == about)
        and (not author or fold(one.author) == fold(author))
    )


def tell_remarks(project: Project, found: tuple[Statement, ...]) -> Iterator[str]:
    """Each remark with its words, what it corrected, and which one takes its place."""
    later = {one.supersedes: one for _, one in project.store.each(Statement) if one.supersedes is not None}
    for one in found:
        labels = [label for label in (one.category, one.topic and f"on {one.topic}") if label]
        yield one_line(f"{headline(one)}, about {one.subject[:26]}{', ' if labels else ''}{', '.join(labels)}")
        yield from quoted(one.text)
        for name, words in (("before", one.before), ("after", one.after)):
            if words is not None:
                yield f"  {name}:"
                yield from quoted(words, "    ")
        yield from (f"  {line}" for line in lateness(project, one))
        if one.supersedes is not None:
            yield f"  takes the place of {one.supersedes[:18]}"
        if one.id in later:
            yield f"  {later[one.id].id[:18]} takes its place"
    if not found:
        yield "No annotation is on record there."


def _earlier(project: Project, name: str, author: str) -> Statement:
    found = project.store.record(name, Statement)
    if found.kind is not StatementKind.ANNOTATION or found.author != author:
        raise UsageError(
            f"{name} is no annotation of {author}'s.", next_step="Supersede only your own; answer others with one more."
        )
    return found
