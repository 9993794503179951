"""The page of an audit: what was read, by whom and by which query, what was not, and every finding word for word."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from selftune.app.reporting.pages import figures
from selftune.app.reporting.pages.parts import Cell, Page, Points, Said, Section, Table
from selftune.app.reporting.sayings import facts_told, said_by
from selftune.governance.audit.auditor import Auditor, against_auditor
from selftune.governance.audit.coverage import AuditState, view_audit
from selftune.governance.audit.subjects import subject_of
from selftune.loop.hearing import hear_project

if TYPE_CHECKING:
    from collections.abc import Iterator

    from selftune.app.reporting.pages.parts import Part, Row
    from selftune.governance.audit.auditor import Against
    from selftune.governance.audit.coverage import AuditView, Covered
    from selftune.loop.project import Project
    from selftune.records import Audit

_NAMED: Final = 20
_ID: Final = 24


def page_of_audit(project: Project, audit: Audit) -> Page:
    """The audit as it stands today."""
    hearing = hear_project(project)
    view = view_audit(project.store, hearing, audit)
    who = Auditor(name=audit.auditor, is_model=audit.auditor_is_model, lineage=audit.lineage)
    against = against_auditor(project.store, hearing, subject_of(project.store, audit.subject), who)
    return audit_page(view, against)


def audit_page(view: AuditView, against: Against | None) -> Page:
    """The page; `against` is what speaks against the auditor by today's records."""
    return Page(
        title=f"Audit of {view.audit.subject[:_ID]}",
        outcome=_outcome(view),
        lead=tuple(_lead(view, against)),
        sections=tuple(audit_sections(view)),
        foot=f"Begun {view.audit.started_at}. What was read is worked out anew from the readings on record.",
        again=f"audit {view.audit.id}",
    )


def audit_sections(view: AuditView) -> Iterator[Section]:
    """Everything below the lead; a report on the subject carries the same."""
    yield Section(title="Coverage", parts=tuple(_coverage(view)))
    yield Section(title="Findings", parts=tuple(_findings(view)))
    if view.conclusion is not None:
        last: tuple[Part, ...] = (said_by(view.conclusion), *facts_told(view.conclusion))
        yield Section(title="The auditor's last word, and what had been read by then", parts=last)
    if view.refused:
        yield Section(title="What does not count", parts=tuple(said_by(one, why) for one, why in view.refused))
    yield Section(title="Readings", folded=True, parts=(_readings(view),))


def coverage_in_words(view: AuditView) -> str:
    """How much of an audit was read, in a sentence."""
    read, of = sum(one.read for one in view.sections), sum(len(one.ids) for one in view.sections)
    unread = sum(len(one.unread) for one in view.sections)
    erased = sum(len(one.erased) for one in view.sections)
    gone = f", {erased} erased and not to be read any more" if erased else ""
    return f"{read} of {figures.counted(of, 'record')} read, {unread} unread{gone}"


def _outcome(view: AuditView) -> str:
    return view.state.value if view.whole else f"{view.state.value}, and not whole"


def _lead(view: AuditView, against: Against | None) -> Iterator[str]:
    audit = view.audit
    yield f"{coverage_in_words(view)}."
    yield "What was put before a reader is called read; that it was understood no record can say."
    kind = f"a model, whose lineage has {figures.counted(len(audit.lineage), 'mark')}" * audit.auditor_is_model
    yield f"Auditor: {audit.auditor}, {kind or 'a person'}."
    if against is not None:
        yield f"This is no independent audit: {against.refusal} ({against.told})."
    unread = [one.section.name for one in view.sections if one.unread and one.left is None]
    if unread:
        yield f"Unread, and nobody said why: {', '.join(unread)}. An audit is not complete over what nobody read."
    if view.state is AuditState.CONCLUDED and not view.whole:
        yield "It is concluded over records that nobody read; below stands which, and why."


def _coverage(view: AuditView) -> Iterator[Part]:
    yield Table(
        caption="What each section's query finds today, and how much of that was read",
        head=("section", "read", "of", "unread", "erased", "by", "query"),
        rows=tuple(map(_row, view.sections)),
    )
    for one in view.sections:
        if one.left is not None:
            yield said_by(one.left, "why it is left unread")
        if one.unread:
            more = len(one.unread) - _NAMED
            rest = (f"and {figures.counted(more, 'record')} more: `selftune audit report --json` names all",)
            yield Said(text=f"Unread in {one.section.name}:")
            yield Points(points=(*(name[:_ID] for name in one.unread[:_NAMED]), *(rest if more > 0 else ())))
        if one.beside:
            yield Said(
                text=f"{figures.counted(len(one.beside), 'record')} read in {one.section.name} that its query does not "
                "find today."
            )


def _row(one: Covered) -> Row:
    section = one.section
    arguments = "; ".join(f"{name}={value}" for name, value in section.arguments)
    readers = ", ".join(f"{name}: {n}" for name, n in one.readers)
    return (
        section.name, str(one.read), str(len(one.ids)),
        Cell(text=str(len(one.unread)), tint="unsure" if one.unread else "good"), str(len(one.erased)),
        readers or "nobody", f"{section.query}({arguments})",
    )  # fmt: skip


def _findings(view: AuditView) -> Iterator[Part]:
    if not view.findings:
        yield Said(text="Nothing was put on record as found.")
    yield from map(said_by, view.findings)


def _readings(view: AuditView) -> Part:
    if not view.readings:
        return Said(text="Nothing was read yet.")
    rows = tuple(
        (
            one.read_at,
            f"{one.by}{' (a model)' if one.by_is_model else ''}",
            one.section,
            str(len(one.ids)),
            one.id[:_ID],
        )
        for one in view.readings
    )
    return Table(caption="Readings, oldest first", head=("when", "by", "section", "records", "reading"), rows=rows)
