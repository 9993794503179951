"""What is printed of doubts: word for word, made harmless for a terminal, and never as if a review had been passed."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from selftune.app.reporting.pages.plain import one_line, plain, quoted
from selftune.governance.brake.file import is_braked
from selftune.governance.brake.stays import KINDS, ever_said, named, project_stays
from selftune.governance.doubts import doubts, doubts_of_decision, questioned
from selftune.governance.matters import if_kept
from selftune.governance.statements import STAYS
from selftune.loop.hearing import hear_project
from selftune.records import Decision, Interaction, Record, Release, Session, Statement, StatementKind

if TYPE_CHECKING:
    from collections.abc import Iterator

    from selftune.governance.doubts import Doubt, Hearing
    from selftune.loop.project import Project

_REMARKS = frozenset({StatementKind.CONCERN, StatementKind.ANNOTATION, StatementKind.REVIEW, StatementKind.HOLD})


def headline(said: Statement) -> str:
    """Kind, gravity, id, author and time of a statement in one line."""
    gravity = "" if said.gravity is None else f"{said.gravity.value} "
    marks = [name for name, marked in (("unfinished", said.unfinished), ("secrets taken out", said.redacted)) if marked]
    told = f", {', '.join(marks)}" if marks else ""
    model = " (a model)" if said.author_is_model else ""
    return one_line(f"{gravity}{said.kind.value} {said.id[:18]} by {said.author}{model}, {said.said_at}{told}")


def list_doubts(project: Project, *, everything: bool = False) -> Iterator[str]:
    """Each doubt that stands, word for word; with `everything` those too that no longer do."""
    found = [doubt for doubt in doubts(hear_project(project)) if everything or doubt.stands]
    for doubt in found:
        yield f"{doubt.state.value}: {headline(doubt.statement)}, about {plain(doubt.statement.subject[:26])}"
        yield from quoted(doubt.statement.text)
    if not found:
        yield "No concern is on record." if everything else "No concern is open."


def standing_lines(project: Project, decision: Decision) -> tuple[str, ...]:
    """The doubts about a decision that stand, word for word; nothing where there is none."""
    found = [doubt for doubt in doubts_of_decision(hear_project(project), decision) if doubt.stands]
    lines = [f"{len(found)} open concern{'s' if len(found) > 1 else ''}:"] if found else []
    for doubt in found:
        lines += [f"  {headline(doubt.statement)}", *quoted(doubt.statement.text, "    ")]
    return tuple(lines)


def standing_in_words(project: Project) -> str | None:
    """All doubts that stand, for a status: number, gravity, author and words; None where there is none."""
    stand = [doubt.statement for doubt in doubts(hear_project(project)) if doubt.stands]
    if not stand:
        return None
    told = "; ".join(
        f"{'' if one.gravity is None else one.gravity.value + ' '}{one.kind.value} by {one.author}: {one.text!r}"
        for one in stand
    )
    return plain(f"{len(stand)} open: {told}")


def stays_in_words(project: Project) -> Iterator[str]:
    """What stops, holds or freezes the whole project now, with the way out, one after the other."""
    ever = [kind for kind in KINDS.values() if ever_said(project.store, kind)]
    hearing = hear_project(project) if ever else None
    stands = [] if hearing is None else [doubt.statement for kind in ever for doubt in project_stays(hearing, kind)]
    if is_braked(project.hidden) and all(said.kind is not StatementKind.STOP for said in stands):
        yield "stop: the brake is on, and its file can't be read (lift: selftune lift stop)"
    for word, kind in KINDS.items():
        for said in stands:
            if said.kind is kind:
                yield f"{word}: {said.text!r} ({named(said.author)}, {said.said_at}; lift: selftune lift {word})"


def who_may_end(hearing: Hearing, doubt: Statement) -> str:
    """Who can close or lift it, in a sentence."""
    not_these = [] if doubt.kind in STAYS else [f"{doubt.author} (raised it)"]
    not_these += [f"{name} ({why})" for name, why in questioned(hearing, doubt)]
    what = "lifted, with --because," if doubt.kind in STAYS else "closed, with --because and --evidence,"
    if hearing.alone and doubt.kind in STAYS and doubt.author_is_model:
        return f"it can be {what} by any person"
    by = f"; not {', '.join(not_these)}" if not_these else ""
    key = ", who signs with their key" if hearing.roster.is_team else ""
    own = f", or by {doubt.author}" if doubt.kind in STAYS and not doubt.author_is_model else ""
    return f"it can be {what} by a person whom it does not question{own}{key}{by}"


def show_doubt(project: Project, doubt: Doubt) -> Iterator[str]:
    """A doubt whole: what was said, late or not, whom it questions, what belongs to it and what became of it."""
    said, hearing = doubt.statement, hear_project(project)
    yield f"{doubt.state.value}: {headline(said)}"
    yield f"about {plain(said.subject)}; kept {project.store.saved_at(said.id)}"
    yield from quoted(said.text)
    yield from (f"cites {one}" for one in said.evidence)
    yield from lateness(project, said)
    for one in doubt.answers:
        yield f"answered by {headline(one)}"
        yield from quoted(one.text)
    for one, why in doubt.refused:
        yield f"not ended by {headline(one)}: {plain(why)}"
        yield from quoted(one.text)
    yield from _ending(doubt)
    if doubt.stands:
        yield plain(who_may_end(hearing, said))
    yield from _belonging(hearing, said)


def as_data(doubt: Doubt) -> dict[str, Any]:
    """A doubt for `--json`."""
    said = doubt.statement
    return {
        "id": said.id,
        "kind": said.kind.value,
        "state": doubt.state.value,
        "stands": doubt.stands,
        "blocks": doubt.blocks,
        "gravity": None if said.gravity is None else said.gravity.value,
        "author": said.author,
        "author_is_model": said.author_is_model,
        "subject": said.subject,
        "text": said.text,
        "topic": said.topic,
        "said_at": said.said_at,
        "unfinished": said.unfinished,
        "settled_by": None if doubt.settled_by is None else doubt.settled_by.id,
        "answers": [one.id for one in doubt.answers],
        "refused": [{"id": one.id, "why": why} for one, why in doubt.refused],
    }


def lateness(project: Project, said: Statement) -> Iterator[str]:
    """Whether it was said after what it is about was let into service, or long after it happened, with both times."""
    place = project.store.sequence_of(said.id)
    about = [one.records for one in hear_project(project).matters if said.subject in one.records]
    for sequence, release in project.store.each(Release):
        rests = any(release.decision_id in one for one in about) and release.id != said.subject
        if sequence < place and rests:
            at = project.store.saved_at(release.id)
            yield f"late: said {said.said_at}, after {plain(release.version)} went into service at {at}"
            break
    about_talk = if_kept(project.store, said.subject, Record)
    if isinstance(about_talk, Interaction | Session):
        happened = about_talk.happened_at
        days = _days_between(happened, said.said_at)
        if days:
            yield f"said {days} days after what it is about, which happened {plain(happened or '')}"


def _ending(doubt: Doubt) -> Iterator[str]:
    by = doubt.settled_by
    if by is None:
        return
    how = {StatementKind.CLOSING: "closed", StatementKind.LIFT: "lifted"}.get(by.kind, "withdrawn")
    yield f"{how} by {headline(by)}; that is no review of what it was about"
    yield from quoted(by.text)
    yield from (f"evidence {one}" for one in by.evidence)


def _belonging(hearing: Hearing, said: Statement) -> Iterator[str]:
    """Remarks of the same author on the same topic, and those that one names of the other."""
    tokens = hearing.roster.known_as(said)
    for _, one in hearing.said:
        linked = one.id in said.links or said.id in one.links
        akin = said.topic and one.topic == said.topic and bool(hearing.roster.known_as(one) & tokens)
        if one.id != said.id and (linked or akin) and one.kind in _REMARKS:
            yield f"belongs to it: {headline(one)}, about {plain(one.subject[:26])}"
            yield from quoted(one.text)


def _days_between(earlier: str | None, later: str) -> int:
    try:
        return (datetime.fromisoformat(later) - datetime.fromisoformat(earlier or "")).days
    except (ValueError, TypeError):
        return 0
