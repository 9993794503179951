"""What a project's people have signed for, and what is still to be signed: the charter in force, and its chain."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from selftune.errors import DamagedFileError
from selftune.governance.alarms.on_record import RELEASES, judge_on_record
from selftune.governance.doubts import doubts_about
from selftune.governance.signing.chain import Case, look_at_chain
from selftune.governance.signing.charter import SOLO, TEAM, load_charter
from selftune.governance.signing.queries import Material
from selftune.governance.signing.subject import evidence_of, of_decision, outcomes_of
from selftune.loop.ejected import codex_of, find_text
from selftune.records import Arm, Bundle

if TYPE_CHECKING:
    from collections.abc import Sequence

    from selftune.governance.alarms.projections import JudgedProjection
    from selftune.governance.doubts import Hearing
    from selftune.governance.signing.chain import Chain
    from selftune.governance.signing.charter import Charter
    from selftune.governance.signing.subject import Subject
    from selftune.loop.opened import Project
    from selftune.records import Decision
    from selftune.store.sessions import SessionFacts


@dataclass(frozen=True, kw_only=True)
class Covered:
    """What a bundle of today would cover."""

    evidence: tuple[tuple[str, str], ...]
    sessions: tuple[int, int] | None
    codex_digest: str | None


@dataclass(frozen=True, kw_only=True)
class Signatures:
    """The chain of a subject with all that was read for it."""

    case: Case
    chain: Chain
    covered: Covered
    projections: tuple[tuple[str, JudgedProjection], ...]


def charter_of(project: Project, hearing: Hearing) -> Charter:
    """The charter in force: that of one person alone, or of a team, by config or roster, the stricter of both.

    Raises:
        ConfigError: the project's own text is no sound charter, or lets one person of several sign alone.
    """
    name = SOLO if hearing.alone else TEAM
    return load_charter(name, team=not hearing.alone, place=find_text(project.folder, "charter", name))


def sessions_of(project: Project, subject: Subject) -> tuple[SessionFacts, ...]:
    """What is told of the sessions of a subject's programme; nothing where it has none."""
    return () if subject.programme is None else tuple(project.store.sessions.facts(subject.programme))


def covered_by(project: Project, subject: Subject, sessions: Sequence[SessionFacts]) -> Covered:
    """What there is to cover now."""
    return Covered(
        evidence=evidence_of(project.store, subject, sessions),
        sessions=(sessions[0].number, sessions[-1].number) if sessions else None,
        codex_digest=codex_of(project.folder, project.config).id,
    )


def signatures_of(
    project: Project, hearing: Hearing, subject: Subject, charter: Charter, sessions: Sequence[SessionFacts]
) -> Signatures:
    """The chain of sign-offs as it stands; every fact in it is worked out again."""
    store = project.store
    bundles = {bundle.id: bundle for _, bundle in store.each(Bundle) if bundle.subject == subject.id}
    newest = next(reversed(bundles.values()), None)
    covered = covered_by(project, subject, sessions)
    wanted = RELEASES if subject.decision is not None else subject.programme
    projections = tuple(one for one in judge_on_record(store) if one[1].projection.subject == wanted)
    case = Case(
        bundle=newest,
        is_current=newest is not None and is_of_now(newest, covered, charter),
        charter=charter,
        hearing=hearing,
        material=Material(
            sessions=sessions,
            outcomes=outcomes_of(store, subject.decision, Arm.CANDIDATE),
            champion=outcomes_of(store, subject.decision, Arm.CHAMPION),
            doubts=doubts_about(hearing, subject.id, subject.programme),
        ),
        lacks=() if newest is None else missing_documents(project, newest, charter),
        document=lambda digest: document_text(project, digest),
        projected=went_as_projected(projections),
        now=project.now(),
    )
    return Signatures(case=case, chain=look_at_chain(case, bundles), covered=covered, projections=projections)


def chain_of_promotion(project: Project, hearing: Hearing, decision: Decision) -> Chain | None:
    """The signatures that a promotion needs; None where one person works alone, and none is asked for.

    Raises:
        ConfigError: as `charter_of`.
    """
    charter = charter_of(project, hearing)
    if not charter.chain:
        return None
    return signatures_of(project, hearing, of_decision(decision), charter, ()).chain


def is_of_now(bundle: Bundle, covered: Covered, charter: Charter) -> bool:
    """Whether a bundle covers what is on record now; doubts that came after it are told of beside it."""
    now = (covered.evidence, covered.sessions, covered.codex_digest, charter.digest)
    return (bundle.evidence, bundle.sessions, bundle.codex_digest, bundle.charter_digest) == now


def went_as_projected(judged: Sequence[tuple[str, JudgedProjection]]) -> bool | None:
    """Whether all that was registered came true; None where nothing was, or not all is there yet."""
    states = {one.as_projected for _, one in judged}
    if False in states:
        return False
    return True if states == {True} else None


def missing_documents(project: Project, bundle: Bundle, charter: Charter) -> tuple[str, ...]:
    """What the charter asks for and the bundle has not; what a signer cites beside it comes with their signature."""
    cited = {link.document for link in charter.chain}
    held = {name for name, digest in bundle.documents if document_text(project, digest) is not None}
    return tuple(name for name in charter.documents if name not in held | cited)


def document_text(project: Project, digest: str) -> str | None:
    """A document as it was kept; None where it is gone or altered."""
    try:
        return project.blobs.path(digest, verify=True).read_text(encoding="utf-8")
    except (DamagedFileError, UnicodeDecodeError):
        return None
