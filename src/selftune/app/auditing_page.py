"""What an audit puts before a reader: records word for word, made harmless for a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from selftune.app.doubts_page import headline
from selftune.app.reporting.pages.plain import one_line, plain, quoted
from selftune.app.tracing import lines_about
from selftune.governance.shredded import what_is_left
from selftune.records import Interaction, Session, Statement

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from selftune.app.auditing import Begun, Served
    from selftune.governance.audit.coverage import AuditView
    from selftune.loop.project import Project
    from selftune.records import Message, Record


def begun_lines(begun: Begun) -> Iterator[str]:
    """What was begun, and what there is to read."""
    view = begun.view
    kind = "a model" if view.audit.auditor_is_model else "a person"
    yield plain(f"Begun: {begun.id}, of {view.audit.subject}, by {view.audit.auditor}, {kind}")
    if begun.against is not None:
        yield plain(f"This is no independent audit: {begun.against.refusal} ({begun.against.told}).")
    yield from coverage_lines(view)
    yield f"Read on: selftune audit next {begun.id[:18]}"


def coverage_lines(view: AuditView) -> Iterator[str]:
    """Each section with how much of it was read."""
    for one in view.sections:
        left = "" if one.left is None else f"; left unread, as {one.left.author} says: {one.left.text}"
        erased = f"; {len(one.erased)} erased" if one.erased else ""
        yield f"  {one_line(f'{one.section.name}: {one.read} of {len(one.ids)} read{erased}{left}')}"


def served_lines(project: Project, served: Served) -> Iterator[str]:
    """Records one after the other, and what is left."""
    for record in served.records:
        yield from record_lines(project, record)
    if served.records:
        yield plain(f"{len(served.records)} of {served.section!r} read; {served.left} of it are unread")
    else:
        yield plain(f"nothing is unread in {served.section!r}" if served.section else "nothing is unread")


def record_lines(project: Project, record: Record) -> Iterator[str]:
    """One record for somebody who reads it."""
    match record:
        case Session():
            told = f"session {record.number} of {record.programme}, {record.happened_at or 'no time on record'}"
            yield one_line(f"{record.id[:24]}: {told}; flags: {', '.join(record.flags) or 'none'}")
            scores = ", ".join(f"{name} {score:g}" for name, score in record.scores)
            yield f"  {one_line(f'scores: {scores}' if scores else 'no scores')}"
            yield from _talk(record.messages)
        case Interaction():
            yield one_line(f"{record.id[:28]}: {record.source} {record.position}")
            yield from _talk(record.messages)
        case Statement():
            left = what_is_left(project.store, record)
            yield f"{record.id[:26]}: {headline(left)}, about {one_line(record.subject[:30])}"
            yield from quoted(left.text)
        case _:
            yield from (line for told in lines_about(project, record) for line in map(plain, told.split("\n")))


def _talk(messages: Iterable[Message]) -> Iterator[str]:
    for message in messages:
        yield f"  {one_line(message.role)}:"
        yield from quoted(message.content, "    ")
