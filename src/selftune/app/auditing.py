"""`selftune audit`: begun by somebody who may, read piece by piece, and concluded over nothing that was not read."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from selftune.app.doubting import speaker, subject_of
from selftune.app.signing import speak
from selftune.errors import UnknownNameError, UsageError, WaitingForPersonError
from selftune.failpoints import reach
from selftune.governance.audit.auditor import against_auditor, auditor_named, subject_lineage
from selftune.governance.audit.coverage import (
    CONCLUSION,
    LEFT_UNREAD,
    AuditState,
    against_ending_audit,
    view_audit,
)
from selftune.governance.audit.queries import Scope, ids_of, usual_sections
from selftune.governance.audit.subjects import PROGRAMME
from selftune.governance.audit.subjects import subject_of as audited
from selftune.governance.registry.names import find_model
from selftune.governance.statements import say
from selftune.loop.hearing import hear_project, put_on_record
from selftune.loop.incoming.privacy import door_of
from selftune.records import Audit, AuditSection, Reading, Record, StatementKind

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from selftune.governance.audit.auditor import Against, Auditor
    from selftune.governance.audit.coverage import AuditView, Covered
    from selftune.governance.audit.subjects import Subject
    from selftune.governance.doubts import Hearing
    from selftune.governance.people.keys import Ask
    from selftune.loop.project import Project
    from selftune.records import Statement

    Show = Callable[["Served"], None]

BEGUN: Final = "audit begun"
READ: Final = "audit read"
FOUND: Final = "audit finding"
CONCLUDED: Final = "audit concluded"
_SECTION: Final = re.compile(r"(?P<name>[^=]+)=(?P<query>[a-z_]+)(?::(?P<arguments>.*))?")


@dataclass(frozen=True, kw_only=True)
class Begun:
    """An audit that was begun, and what is to be known of its auditor: a person alone audits their own work."""

    id: str
    view: AuditView
    against: Against | None


@dataclass(frozen=True, kw_only=True)
class Served:
    """What was put before a reader; `records` in their order, `left` how many of the section are unread after them."""

    section: str
    records: tuple[Record, ...]
    left: int
    state: AuditState


def start(project: Project, name: str, *, author: str, model: str, sections: Sequence[str]) -> Begun:
    """Begin an audit of a record, a model, a programme (`programme:NAME`) or of the whole `project`.

    Args:
        project: Where.
        name: What is audited, as a person calls it.
        author: The person who audits; empty: who is logged in.
        model: The model that audits, by any name that it has or had; empty: a person does.
        sections: `NAME=QUERY:ARGUMENT=VALUE;ARGUMENT=VALUE`; empty: the usual ones.

    Raises:
        UnknownNameError: there is no such record, query or kind.
        UsageError: a section can't be read, or two have one name.
        WaitingForPersonError: this auditor may not; the message says why.
    """
    hearing, context = hear_project(project), project.context()
    subject = audited(project.store, subject_id(project, name))
    who = _auditor(project, hearing, author=author, model=model)
    against = against_auditor(project.store, hearing, subject, who)
    if against is not None and (who.is_model or not hearing.alone):
        raise WaitingForPersonError(
            f"{who.name} can't audit this: {against.refusal} ({against.told}).",
            next_step="Begin it as somebody else with --author, or with --model as a model of another lineage.",
        )
    wanted = tuple(map(_read_section, sections)) or usual_sections(subject)
    _refuse_bad(project, subject, wanted)
    audit = Audit(
        salt=context.draw_salt(),
        subject=subject.id,
        sections=wanted,
        auditor=who.name,
        auditor_is_model=who.is_model,
        started_at=context.now(),
        lineage=who.lineage,
        subject_lineage=subject_lineage(project.store, subject),
    )
    (audit_id,) = project.store.save([audit], event=BEGUN)
    return Begun(id=audit_id, view=view_audit(project.store, hearing, audit), against=against)


def audit_named(project: Project, name: str) -> Audit:
    """The audit of this id, or its beginning; without a name the newest one.

    Raises:
        UsageError: none was begun, or what is named is none.
        UnknownNameError: no record begins like that.
    """
    if name:
        found = project.store.any_record(name)
        if not isinstance(found, Audit):
            raise UsageError(f"{name} is a {found.KIND}, and no audit.", next_step="Name one by its id, audit:...")
        return found
    last = project.store.last(Audit)
    if last is None:
        raise UsageError("no audit was begun yet.", next_step="Begin one with `selftune audit start SUBJECT`.")
    return last


def look(project: Project, name: str) -> AuditView:
    """How far an audit has come."""
    return view_audit(project.store, hear_project(project), audit_named(project, name))


def read_next(project: Project, name: str, *, show: Show, section: str = "", many: int = 20, by: str = "") -> Served:
    """Put the next records of an audit that nobody read before somebody, and then keep that they were.

    Who is cut off while they are shown has read none of them.

    Args:
        project: Where.
        name: The audit's.
        show: Puts them before the reader.
        section: From this one; empty: the first in which something is unread.
        many: How many at most.
        by: Who reads; empty: the auditor.

    Raises:
        UsageError: the audit is concluded, or has no such section.
        WaitingForPersonError: this reader is a model that may not audit.
    """
    view, hearing = look(project, name), hear_project(project)
    audit = view.audit
    if view.state is AuditState.CONCLUDED:
        raise UsageError("this audit is concluded.", next_step="Begin another one with `selftune audit start`.")
    who = auditor_named(project.store, hearing, by or audit.auditor, is_model=not by and audit.auditor_is_model)
    against = against_auditor(project.store, hearing, audited(project.store, audit.subject), who)
    if who.is_model and against is not None:
        raise WaitingForPersonError(
            f"{who.name} can't read for this audit: {against.refusal} ({against.told}).",
            next_step="Have somebody else read it.",
        )
    part = _section_named(view, section) if section else next((one for one in view.sections if one.unread), None)
    ids = () if part is None else part.unread[:many]
    served = Served(
        section="" if part is None else part.section.name,
        records=tuple(project.store.kept_records(ids, Record)),
        left=0 if part is None else len(part.unread) - len(ids),
        state=_state_after(view, part, ids),
    )
    show(served)
    reach("audit-shown")
    if part is not None and ids:
        project.store.save([_reading(project, audit, part.section, ids, who)], event=READ)
    return served


def _state_after(view: AuditView, part: Covered | None, ids: Sequence[str]) -> AuditState:
    """How far the audit has come once these are read."""
    if part is None or not ids:
        return view.state
    others = all(one.is_settled for one in view.sections if one is not part)
    whole = part.left is not None or len(ids) == len(part.unread)
    return AuditState.READ if others and whole else AuditState.READING


def _reading(project: Project, audit: Audit, section: AuditSection, ids: tuple[str, ...], who: Auditor) -> Reading:
    context = project.context()
    return Reading(
        salt=context.draw_salt(),
        audit_id=audit.id,
        section=section.name,
        query=section.query,
        arguments=section.arguments,
        ids=ids,
        by=who.name,
        by_is_model=who.is_model,
        read_at=context.now(),
    )


def put_finding(
    project: Project, name: str, text: str, *, section: str = "", cites: Sequence[str] = (), author: str = ""
) -> Statement:
    """Put on record what was found, word for word; it cites only what this audit has read.

    Raises:
        UsageError: the audit is concluded, has no such section, or what is cited was read by nobody in it.
    """
    view, hearing = look(project, name), hear_project(project)
    if view.state is AuditState.CONCLUDED:
        raise UsageError("this audit is concluded.", next_step="Begin another one with `selftune audit start`.")
    cited = tuple(project.store.find(one) for one in cites)
    unread = [one for one in cited if one not in view.read]
    if unread:
        raise UsageError(
            f"nobody has read {unread[0][:24]} in this audit.",
            next_step="Read it with `selftune audit next`, or leave it out.",
        )
    said = _said(project, hearing, view.audit, text, author=author)
    category = _section_named(view, section).section.name if section else ""
    return put_on_record(project, replace(said, category=category, evidence=cited), event=FOUND)


def leave_unread(project: Project, name: str, because: str, *, section: str, author: str, ask: Ask) -> Statement:
    """Say of a section that it is left unread, and why.

    Raises:
        UsageError: there is no such section.
        WaitingForPersonError: it is not the auditor who says so.
    """
    view, hearing = look(project, name), hear_project(project)
    part = _section_named(view, section).section.name
    said = _said(project, hearing, view.audit, because, author=author)
    return _keep_ending(project, hearing, view, replace(said, category=part, topic=LEFT_UNREAD), ask, event=FOUND)


def conclude(project: Project, name: str, text: str, *, author: str, ask: Ask) -> Statement:
    """Put the auditor's last word on record, with how much of each section had been read as facts.

    Raises:
        UsageError: it is concluded already.
        WaitingForPersonError: a section is unread and nobody said why, or it is not the auditor who says so.
    """
    view, hearing = look(project, name), hear_project(project)
    if view.state is AuditState.CONCLUDED:
        raise UsageError("this audit is concluded.", next_step="Read it with `selftune audit report`.")
    open_ = [one for one in view.sections if not one.is_settled]
    if open_:
        told = "; ".join(f"{one.section.name}: {len(one.unread)} of {len(one.ids)}" for one in open_)
        raise WaitingForPersonError(
            f"an audit is not complete over what nobody read. Unread are {told}.",
            next_step='Read on with `selftune audit next`, or say why not: selftune audit finding "..." --unread '
            f"--section {open_[0].section.name!r}",
        )
    said = _said(project, hearing, view.audit, text, author=author)
    facts = tuple(one.fact for one in view.sections)
    return _keep_ending(project, hearing, view, replace(said, topic=CONCLUSION, facts=facts), ask, event=CONCLUDED)


def _keep_ending(
    project: Project, hearing: Hearing, view: AuditView, said: Statement, ask: Ask, *, event: str
) -> Statement:
    signed = said if said.author_is_model else speak(hearing, said, ask)
    # The machine signs last; all else must be right before.
    unsigned, place = replace(hearing, public_key=None), project.store.last_sequence() + 1
    against = against_ending_audit(unsigned, view.audit, signed, place)
    if against:
        raise WaitingForPersonError(f"it does not count: {against}.", next_step="Have the auditor say it.")
    return put_on_record(project, signed, event=event)


def _said(project: Project, hearing: Hearing, audit: Audit, text: str, *, author: str) -> Statement:
    """A finding in the auditor's name, or in another's; what a model says is labelled so."""
    name = author or audit.auditor
    who = auditor_named(project.store, hearing, name, is_model=not author and audit.auditor_is_model)
    said = say(
        StatementKind.FINDING,
        audit.id,
        who.name,
        text,
        project.context(),
        door_of(project),
        author_is_model=who.is_model,
    )
    return replace(said, lineage=who.lineage)


def _auditor(project: Project, hearing: Hearing, *, author: str, model: str) -> Auditor:
    if author and model:
        raise UsageError("either a person audits or a model does.", next_step="Leave out --author or --model.")
    if model:
        return auditor_named(project.store, hearing, model, is_model=True)
    return auditor_named(project.store, hearing, speaker(project, author))


def subject_id(project: Project, name: str) -> str:
    """The id of what is to be audited, by whatever it is called."""
    if name.startswith(PROGRAMME):
        known = [one.name for one in project.store.sessions.programmes()]
        if name.removeprefix(PROGRAMME) not in known:
            raise UnknownNameError("programme", name.removeprefix(PROGRAMME), known)
        return name
    try:
        return find_model(project.store, name).id
    except UnknownNameError:
        return subject_of(project, name)


def _read_section(told: str) -> AuditSection:
    found = _SECTION.fullmatch(told)
    pairs = [pair.partition("=") for pair in (found["arguments"] or "").split(";") if pair] if found else []
    if found is None or any(not between for _, between, _ in pairs):
        raise UsageError(
            f"{told!r} is no section.",
            next_step="Give it as 'NAME=QUERY:ARGUMENT=VALUE;ARGUMENT=VALUE', such as "
            "'the end=sessions:programme=tides;first=12000'.",
        )
    arguments = tuple((name.strip(), value.strip()) for name, _, value in pairs)
    return AuditSection(name=found["name"].strip(), query=found["query"], arguments=arguments)


def _refuse_bad(project: Project, subject: Subject, sections: Sequence[AuditSection]) -> None:
    names = [one.name.casefold() for one in sections]
    if len(set(names)) < len(names) or not all(names):
        raise UsageError("each section has a name of its own.", next_step="Name them differently.")
    scope = Scope(project.store, subject)
    for one in sections:
        ids_of(scope, one)


def _section_named(view: AuditView, name: str) -> Covered:
    found = view.section(name)
    if found is None:
        raise UnknownNameError("section", name, [one.section.name for one in view.sections])
    return found
