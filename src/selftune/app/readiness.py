"""`selftune readiness`: everything that is looked at before something is deployed, and what speaks against it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from selftune.app.alarms import DRAWN, answers_of, look_at_manner, samples_of
from selftune.app.cli.exit_codes import ExitCode
from selftune.errors import SelftuneError
from selftune.governance.alarms.of_releases import look_at_promotion
from selftune.governance.alarms.of_sessions import look_at_sessions
from selftune.governance.archive.finding import find_programme
from selftune.governance.archive.phases import phases_of
from selftune.governance.doubts import doubts_about
from selftune.governance.matters import if_kept, of_programme
from selftune.governance.samples import draw_samples, look_at_cited
from selftune.governance.signing.looking import (
    assessments,
    find_alarms,
    find_broken_off,
    find_chain,
    find_claims,
    find_doubts,
    find_kin,
    find_kin_audits,
    find_projections,
    find_retirements,
    find_verdict,
    looks_on_record,
)
from selftune.governance.signing.reasons import Finding, Reason, Weight, in_order
from selftune.governance.signing.subject import find_subject
from selftune.ledger.verify import Damage, verify
from selftune.loop.hearing import hear_project
from selftune.loop.signatures import charter_of, sessions_of, signatures_of
from selftune.records import Bundle, CheckStatus, Decision, Record, Session, Statement

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from selftune.governance.alarms.base import Look
    from selftune.governance.archive.phases import Phases
    from selftune.governance.doubts import Doubt, Hearing
    from selftune.governance.samples import Draw, Sample
    from selftune.governance.signing.subject import Subject
    from selftune.loop.project import Project
    from selftune.loop.signatures import Signatures
    from selftune.store.sessions import SessionFacts


@dataclass(frozen=True, kw_only=True)
class CheckHistory:
    """A check of the gate as it came out now, and how it came out in the decisions before (E4).

    Attributes:
        now: Status and detail in the decision that is looked at.
        before: How often each status came out before, by word.
        near: Of the passes before, how many lay nearer to their threshold than this one.
    """

    name: str
    now: CheckStatus
    detail: str
    before: tuple[tuple[str, int], ...]
    near: int


@dataclass(frozen=True, kw_only=True)
class Readiness:
    """What was looked at, and every reason for which something is not ready.

    Attributes:
        sessions: How many the programme has, and how many of them were tried again until they were kept.
        looks: Every look of the alarms, the quiet ones too.
        assessed: What people and models said to bear it out.
        phases: Of the programme, by its flags; None without sessions.
    """

    subject: Subject
    signatures: Signatures
    findings: tuple[Finding, ...]
    doubts: tuple[Doubt, ...]
    looks: tuple[Look, ...]
    checks: tuple[CheckHistory, ...]
    assessed: tuple[Statement, ...]
    phases: Phases | None
    sessions: int
    retried: int
    hearing: Hearing

    @property
    def is_ready(self) -> bool:
        """Whether nothing speaks against it and nothing is missing."""
        return not self.findings

    @property
    def exit_code(self) -> ExitCode:
        """What the command ends with: the gravest reason decides."""
        weights = {finding.weight for finding in self.findings}
        if Weight.INVALID in weights:
            return ExitCode.INVALID
        if Weight.AGAINST in weights:
            return ExitCode.REJECTED
        return ExitCode.WAITING if weights else ExitCode.OK


def look_at_readiness(project: Project, name: str = "", *, whole: bool = False, examiner: str = "") -> Readiness:
    """Look at everything about what is to be deployed; nothing is written.

    Args:
        project: Whose.
        name: A decision, build, version, or a model of the registry; without one the newest promotion.
        whole: Read every session and the whole ledger too, instead of the columns beside them.
        examiner: An archived programme whose answers show the manner of who audits or judges.

    Raises:
        UsageError: nothing is meant by the name, or nothing is there to deploy.
        UnknownNameError: nothing is called that.
    """
    store, hearing = project.store, hear_project(project)
    subject = find_subject(store, name)
    sessions = sessions_of(project, subject)
    signatures = signatures_of(project, hearing, subject, charter_of(project, hearing), sessions)
    doubts = doubts_about(hearing, subject.id, subject.programme)
    said = [one for _, one in hearing.said]
    assessed = assessments(hearing, _meant(project, subject))
    looks = (*_looks(project, subject, sessions, examiner), *_cited(project, subject, sessions, assessed))
    found = (
        *(_damages(project, sessions) if whole else ()),
        *(_unnamed(project, signatures, sessions) if whole else ()),
        *find_verdict(subject),
        *find_doubts(hearing, doubts),
        *find_alarms(looks, looks_on_record(hearing, doubts), subject.id),
        *find_projections(signatures.projections),
        *find_claims(
            assessed,
            sorted({name for row in sessions for name in row.scores}),
            subject.id,
            projected=signatures.case.projected,
            signed=[one.statement for one in signatures.chain.counted],
            independent=signatures.chain.independent,
        ),
        *find_broken_off(hearing, lambda one: _is_about(hearing, one, subject, doubts)),
        *find_kin(store, said, subject),
        *find_kin_audits(store, subject),
        *find_retirements(store, lambda one: if_kept(store, one, Record) is not None, subject),
        *find_chain(signatures.chain),
    )
    return Readiness(
        subject=subject,
        signatures=signatures,
        findings=in_order(found),
        doubts=doubts,
        looks=looks,
        checks=tuple(_checks(project, subject)),
        assessed=assessed,
        phases=phases_of(sessions) if sessions else None,
        sessions=len(sessions),
        retried=sum(row.attempts > 1 for row in sessions),
        hearing=hearing,
    )


def _meant(project: Project, subject: Subject) -> frozenset[str]:
    """Ids under which somebody may have spoken of the subject as a whole."""
    bundles = (bundle.id for _, bundle in project.store.each(Bundle) if bundle.subject == subject.id)
    build = () if subject.decision is None or subject.decision.build_id is None else (subject.decision.build_id,)
    programme = () if subject.programme is None else (of_programme(subject.programme),)
    return frozenset((subject.id, *build, *bundles, *programme))


def _is_about(hearing: Hearing, statement: Statement, subject: Subject, doubts: Sequence[Doubt]) -> bool:
    """Whether a statement is a doubt about the subject, or about it or a session of its programme."""
    wanted = {doubt.statement.id for doubt in doubts}
    session = statement.subject.startswith(f"{Session.KIND}:") and subject.programme is not None
    known = session and hearing.within.get(statement.subject) in {None, of_programme(subject.programme or "")}
    return statement.id in wanted or statement.subject == subject.id or known


def _looks(project: Project, subject: Subject, sessions: Sequence[SessionFacts], examiner: str) -> Iterator[Look]:
    if subject.decision is not None:
        yield from look_at_promotion(project.store, subject.decision)
    if sessions:
        yield from look_at_sessions(sessions)
    if sessions and examiner:
        theirs = list(project.store.sessions.facts(find_programme(project.store, examiner)))
        yield from look_at_manner(project, list(sessions), examiner, answers_of(project, theirs))


def _cited(
    project: Project, subject: Subject, sessions: Sequence[SessionFacts], assessed: Sequence[Statement]
) -> Iterator[Look]:
    """Whether the sessions that people show as evidence were drawn (E3); one look for each who shows some."""
    ids = {row.session_id for row in sessions}
    shown = [cited for one in assessed if (cited := [name for name in one.evidence if name in ids])]
    if not shown:
        return
    samples = samples_of(sessions)
    draws = tuple(_draws(project, subject, samples))
    yield from (look_at_cited(cited, samples, draws) for cited in shown)


def _draws(project: Project, subject: Subject, samples: Sequence[Sample]) -> Iterator[Draw]:
    """The draws on record, drawn again from the sessions that there were then."""
    for _, told in project.store.noted(DRAWN):
        if told.get("programme") == subject.programme:
            again = draw_samples(samples[: int(told["of"])], drawn=int(told["drawn"]), worst=int(told["worst"]))
            if again.digest == told["digest"]:
                yield again


def _checks(project: Project, subject: Subject) -> Iterator[CheckHistory]:
    """Each check of the decision with the same check in the decisions before it."""
    if subject.decision is None:
        return
    earlier: list[Decision] = []
    for _, decision in project.store.each(Decision):
        if decision.id == subject.id:
            break
        earlier.append(decision)
    for check in subject.decision.checks:
        before = [one for decision in earlier for one in decision.checks if one.name == check.name]
        margin = _margin(check.measured, check.threshold)
        passes = [_margin(one.measured, one.threshold) for one in before if one.status is CheckStatus.PASS]
        counted = Counter(one.status.value for one in before)
        yield CheckHistory(
            name=check.name,
            now=check.status,
            detail=check.detail,
            before=tuple(sorted(counted.items())),
            near=sum(one is not None and margin is not None and one < margin for one in passes),
        )


def _margin(measured: float | None, threshold: float | None) -> float | None:
    """How far a check lay from where it would have come out otherwise."""
    return None if measured is None or threshold is None else abs(measured - threshold)


def _damages(project: Project, sessions: Sequence[SessionFacts]) -> Iterator[Finding]:
    """What is on disk and is not what was recorded: the ledger, and the columns that alarms and queries read."""
    try:
        verify(project.hidden / "ledger")
    except Damage as damage:
        yield Finding(reason=Reason.LEDGER_BROKEN, told=f"the ledger does not verify: {damage}")
    try:
        kept = dict(_as_recorded(project, sessions))
    except SelftuneError as error:
        yield Finding(reason=Reason.RECORD_DAMAGED, told=str(error))
        return
    erased = project.store.sessions.erased([row.session_id for row in sessions if row.session_id not in kept])
    for row in sessions:
        if row.session_id in erased:
            continue
        if kept.get(row.session_id) != (row.number, row.flags, dict(row.scores), row.attempts):
            told = f"what the columns tell of session {row.number} is not what its record says"
            yield Finding(reason=Reason.COLUMNS_DIFFER, told=told, about=row.session_id)


def who_led(project: Project, sessions: Sequence[SessionFacts]) -> tuple[str, ...]:
    """Pseudonyms of those who led these sessions, each once; reads every record."""
    kept = project.store.kept_records((row.session_id for row in sessions), Session)
    return tuple(sorted({session.author for session in kept if session.author is not None}))


def _unnamed(project: Project, signatures: Signatures, sessions: Sequence[SessionFacts]) -> Iterator[Finding]:
    """Whoever put the bundle together may not leave out who led its sessions: they would pass for strangers."""
    bundle = signatures.chain.bundle
    if bundle is not None and signatures.chain.is_current and bundle.behind != who_led(project, sessions):
        told = "the bundle does not name everybody who led its sessions"
        yield Finding(reason=Reason.OUTDATED_BUNDLE, told=told, about=bundle.id)


def _as_recorded(
    project: Project, sessions: Sequence[SessionFacts]
) -> Iterator[tuple[str, tuple[int, tuple[str, ...], dict[str, float], int]]]:
    """Number, flags, scores and attempts of each session as its record, checked by its id, has them."""
    ids = (row.session_id for row in sessions)
    for one in project.store.kept_records(ids, Session):
        yield one.id, (one.number, one.flags, dict(one.scores), one.attempts)
