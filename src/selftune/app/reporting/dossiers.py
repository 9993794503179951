"""Everything on record about one subject, gathered once for the reports on it: what speaks against it first of all."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from selftune.app.alarms import look_at_all
from selftune.app.auditing import subject_id
from selftune.app.registering import list_models
from selftune.governance.alarms.base import Verdict
from selftune.governance.audit.coverage import view_audit
from selftune.governance.audit.queries import Scope
from selftune.governance.audit.subjects import PROGRAMME, subject_of
from selftune.governance.doubts import DOUBTS, doubts
from selftune.governance.registry.lineage import trace_lineage
from selftune.governance.statements import PROJECT, STAYS
from selftune.loop.hearing import hear_project
from selftune.records import Audit, CheckStatus, Decision, Release, StatementKind

if TYPE_CHECKING:
    from collections.abc import Iterator

    from selftune.app.alarms import LookedAt
    from selftune.governance.alarms.base import Look
    from selftune.governance.audit.coverage import AuditView
    from selftune.governance.audit.subjects import Subject
    from selftune.governance.doubts import Doubt
    from selftune.governance.registry.entries import Entry
    from selftune.governance.registry.lineage import Lineage
    from selftune.loop.project import Project
    from selftune.records import Check, Statement
    from selftune.store.sessions import Programme

NOT_WORDS: Final = frozenset({StatementKind.PICK, StatementKind.ROSTER})
"""Kinds that hold no remark of anybody: which of two answers was taken, and who is on the roster."""


@dataclass(frozen=True, kw_only=True)
class Dossier:
    """What is on record about a subject.

    Attributes:
        name: What it is called today.
        said: Every statement about it, or about anything that it rests on, oldest first.
        doubts: Those of them that are doubts, with what became of each.
        audits: Of this very subject, oldest first.
        decisions: That were about it, or that it rests on.
        entries: Of the registry: itself, and those that share its lineage or its programmes.
        looks: What the alarms saw of its programmes, and of the newest promotion where that is its own.
        programmes: The archived ones that trained it, each with how many of its sessions are flagged.
        lineages: Of each model whose work it is; None for one that nobody entered.
    """

    subject: Subject
    name: str
    said: tuple[Statement, ...]
    doubts: tuple[Doubt, ...]
    audits: tuple[AuditView, ...]
    decisions: tuple[Decision, ...]
    entries: tuple[Entry, ...]
    looks: tuple[LookedAt, ...]
    programmes: tuple[tuple[Programme, int], ...]
    lineages: tuple[tuple[str, Lineage | None], ...]

    @property
    def words(self) -> tuple[Statement, ...]:
        """What people, and models, had to say of it, the ends of its kin among it."""
        ends = [one.end.retirement for one in self.entries if one.end is not None]
        return tuple({one.id: one for one in (*self.said, *ends) if one.kind not in NOT_WORDS}.values())

    @property
    def against(self) -> tuple[tuple[Decision, Check], ...]:
        """Every check that its decisions did not pass."""
        return tuple(
            (decision, check)
            for decision in self.decisions
            for check in decision.checks
            if check.status is not CheckStatus.PASS
        )

    @property
    def suspicions(self) -> tuple[tuple[str, Look], ...]:
        """What the alarms hold or advise against."""
        seen = frozenset({Verdict.HOLD, Verdict.ADVISE})
        return tuple((one.subject, look) for one in self.looks for look in one.looks if look.verdict in seen)

    @property
    def abbreviated(self) -> tuple[Entry, ...]:
        """Models whose end is on record without all its parts."""
        return tuple(one for one in self.entries if one.end is not None and one.end.lacks)


def gather_dossier(project: Project, name: str) -> Dossier:
    """What is on record about what a person calls this.

    Raises:
        UnknownNameError: there is no such record, model or programme.
    """
    store, hearing = project.store, hear_project(project)
    subject = subject_of(store, subject_id(project, name))
    scope = Scope(store, subject)
    said = scope.said
    ids = {one.id for one in said}
    found = [doubt for doubt in doubts(hearing, DOUBTS | STAYS) if doubt.statement.id in ids]
    entries = list_models(project)
    return Dossier(
        subject=subject,
        name=_name_of(project, subject, entries),
        said=said,
        doubts=tuple(found),
        audits=tuple(view_audit(store, hearing, one) for _, one in store.each(Audit) if one.subject == subject.id),
        decisions=tuple(one for _, one in store.each(Decision) if one.id in scope.reached),
        entries=tuple(_akin(project, subject, entries)),
        looks=tuple(_looks(project, subject)),
        programmes=tuple(
            (one, sum(bool(row.flags) for row in store.sessions.facts(one.name)))
            for one in store.sessions.programmes()
            if one.name in subject.programmes
        ),
        lineages=tuple((one, trace_lineage(store, one)) for one in subject.models),
    )


def _name_of(project: Project, subject: Subject, entries: tuple[Entry, ...]) -> str:
    if subject.id == PROJECT:
        return project.config.project.name
    if subject.id.startswith(PROGRAMME):
        return subject.id.removeprefix(PROGRAMME)
    versions = (one.version for _, one in project.store.each(Release) if subject.id in {one.id, one.build_id})
    models = (one.name for one in entries if one.model.id == subject.id)
    return next(iter((*models, *versions)), subject.id[:24])


def _akin(project: Project, subject: Subject, entries: tuple[Entry, ...]) -> Iterator[Entry]:
    """Entries of the same lineage or programme; for the whole project all of them."""
    if subject.id == PROJECT:
        yield from entries
        return
    marks = {mark for one in subject.models for mark in _marks(project, one)}
    for entry in entries:
        if entry.model.programme in subject.programmes or marks & set(_marks(project, entry.model.id)):
            yield entry


def _marks(project: Project, name: str) -> tuple[str, ...]:
    lineage = trace_lineage(project.store, name)
    return () if lineage is None else lineage.marks


def _looks(project: Project, subject: Subject) -> Iterator[LookedAt]:
    for name in subject.programmes:
        yield from look_at_all(project, programme=name)
