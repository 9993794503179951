"""What speaks against a deployment, and what is still missing: everything that is looked at, as findings with names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from selftune.governance.alarms.base import AlarmName, Verdict
from selftune.governance.doubts import DoubtState, against_person
from selftune.governance.independence import Party, against_signing
from selftune.governance.keys import statement_is_signed
from selftune.governance.matters import of_programme
from selftune.governance.people.roster import fold
from selftune.governance.registry.lineage import kin_between
from selftune.governance.registry.retirement import missing_parts
from selftune.governance.signing.chain import claims_without_query
from selftune.governance.signing.claims import lone_shares
from selftune.governance.signing.queries import MEANS
from selftune.governance.signing.reasons import Finding, Reason
from selftune.records import Audit, Gravity, Model, Outcome, Statement, StatementKind

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Sequence

    from selftune.context import Reader
    from selftune.governance.alarms.base import Look
    from selftune.governance.alarms.projections import JudgedProjection
    from selftune.governance.doubts import Doubt, Hearing
    from selftune.governance.signing.chain import Chain
    from selftune.governance.signing.subject import Subject

ALARMS: Final = "alarms"
"""The query that a hold names which an alarm raised."""

ASSESSING: Final = frozenset(
    {StatementKind.SIGN_OFF, StatementKind.REVIEW, StatementKind.ANNOTATION, StatementKind.FINDING}
)
"""What is said in order to bear something out; its figures and its evidence are looked at."""

_BY_ALARM: Final = {
    AlarmName.TOO_FAST: Reason.TOO_FAST,
    AlarmName.TOO_CLEAN: Reason.TOO_CLEAN,
    AlarmName.TOO_EVEN: Reason.TOO_EVEN,
    AlarmName.COLLAPSE: Reason.COLLAPSE,
    AlarmName.HAND_PICKED: Reason.HAND_PICKED,
}


def assessments(hearing: Hearing, about: Collection[str]) -> tuple[Statement, ...]:
    """What was said to bear out one of these, and was neither withdrawn nor superseded by its author here."""
    said = [one for _, one in hearing.said]
    replaced = {(one.supersedes, fold(one.author)) for one in said if one.supersedes and _is_of_here(hearing, one)}
    return tuple(
        one
        for one in said
        if one.kind in ASSESSING and one.subject in about and (one.id, fold(one.author)) not in replaced
    )


def _is_of_here(hearing: Hearing, statement: Statement) -> bool:
    """Whether it may take a doubt away: it was signed by this machine."""
    return hearing.public_key is None or statement_is_signed(statement, hearing.public_key)


def find_verdict(subject: Subject) -> Iterator[Finding]:
    """Whether the gate let it in at all."""
    if subject.decision is not None and subject.decision.outcome is not Outcome.PROMOTE:
        told = f"the gate says {subject.decision.outcome.value}: {subject.decision.reason}"
        yield Finding(reason=Reason.NOT_PROMOTED, told=told, about=subject.id)


def find_doubts(hearing: Hearing, doubts: Iterable[Doubt]) -> Iterator[Finding]:
    """The doubts that stand, by what they ask for; a hold of an alarm's own is told of as that alarm."""
    for doubt in doubts:
        said = doubt.statement
        if not doubt.stands:
            continue
        if is_alarms_own(said):
            yield from _of_alarm(said)
        elif said.kind is StatementKind.HOLD:
            yield Finding(reason=Reason.HOLD, told=f"held by {said.author}: {said.text!r}", about=said.id)
        elif said.gravity is Gravity.BLOCKING:
            yield Finding(reason=Reason.BLOCKING_CONCERN, told=_told(doubt), about=said.id)
        elif not any(_is_answer(hearing, said, one) for one in doubt.answers):
            told = f"nobody has answered {said.author}: {said.text!r}"
            yield Finding(reason=Reason.UNANSWERED_CONCERN, told=told, about=said.id)
        for ending, _ in doubt.refused:
            why = against_person(hearing, said, ending)
            if why:
                told = f"{ending.author} ended {said.author}'s doubt ({ending.text!r}), and may not: {why}"
                yield Finding(reason=Reason.CLOSED_BY_QUESTIONED, told=told, about=ending.id)


def _is_answer(hearing: Hearing, doubt: Statement, answer: Statement) -> bool:
    """Whether somebody answered: a person, in this project, and not who asked."""
    own = hearing.roster.known_as(doubt) & hearing.roster.known_as(answer)
    return not own and not answer.author_is_model and _is_of_here(hearing, answer)


def _of_alarm(hold: Statement) -> Iterator[Finding]:
    for alarm, series, told in _looks_of(hold):
        reason = next((_BY_ALARM[one] for one in _BY_ALARM if one.value == alarm), Reason.HOLD)
        yield Finding(reason=reason, told=f"{series}: {told}", about=hold.id)


def _told(doubt: Doubt) -> str:
    said = doubt.statement
    withdrawn = ", withdrawn by its author and looked at by nobody else" if doubt.state is DoubtState.WITHDRAWN else ""
    return f"{said.author}{withdrawn}: {said.text!r}"


def is_alarms_own(statement: Statement) -> bool:
    """Whether an alarm raised this hold."""
    return statement.author_is_model and any(fact.query == ALARMS for fact in statement.facts)


def _looks_of(hold: Statement) -> Iterator[tuple[str, str, str]]:
    """Alarm, series and words of each look that an alarm's hold rests on."""
    for fact in hold.facts:
        named = dict(fact.arguments)
        yield named.get("alarm", ""), named.get("about", ""), fact.value


def looks_on_record(hearing: Hearing, doubts: Iterable[Doubt]) -> frozenset[tuple[str, str, str]]:
    """The looks over which an alarm raised a hold here: that hold says what has become of them."""
    holds = (one.statement for one in doubts if is_alarms_own(one.statement) and _is_of_here(hearing, one.statement))
    return frozenset(look for hold in holds for look in _looks_of(hold))


def find_alarms(looks: Iterable[Look], on_record: Collection[tuple[str, str, str]], about: str) -> Iterator[Finding]:
    """What lies outside its own history, and nobody has put on hold yet."""
    for look in looks:
        known = (look.alarm.value, look.about, look.told) in on_record
        if look.verdict is Verdict.HOLD and look.alarm in _BY_ALARM and not known:
            yield Finding(reason=_BY_ALARM[look.alarm], told=f"{look.about}: {look.told}", about=about)


def find_projections(judged: Iterable[tuple[str, JudgedProjection]]) -> Iterator[Finding]:
    """Registered projections that did not come true, or came after what they project."""
    for name, one in judged:
        if one.as_projected is False:
            states = ", ".join(dict.fromkeys(point.state.value for point in one.points))
            told = f"{one.projection.series} of {one.projection.subject}: {states}"
            yield Finding(reason=Reason.NOT_AS_PROJECTED, told=told, about=name)


def find_claims(
    assessed: Iterable[Statement],
    categories: Sequence[str],
    about: str,
    *,
    projected: bool | None,
    signed: Sequence[Statement] = (),
    independent: Sequence[Statement] = (),
) -> Iterator[Finding]:
    """Single numbers in the place of evidence, and words that promise a proof (E5).

    Args:
        assessed: What was said to bear the subject out.
        categories: In which its sessions are scored.
        about: Id of the subject.
        projected: Whether things went as was registered before.
        signed: Signatures that count: where one of them links a mean, a remark's number no longer stands alone.
        independent: Those among them of people who did not make it: what they ask verifies what somebody else says.
    """
    if len(categories) == 1:
        told = f"the only score is {categories[0]!r}: no category stands beside it, so nobody sees the worst one"
        yield Finding(reason=Reason.LONE_SCALAR, told=told, about=about)
    beside = any(fact.query in MEANS for one in signed for fact in one.facts)
    for statement in assessed:
        own = statement.kind is StatementKind.SIGN_OFF
        alone = lone_shares(statement) if own or not beside else ()
        if alone:
            told = f"{statement.author} states {', '.join(alone)} with no query behind it: no interval, n or worst case"
            yield Finding(reason=Reason.LONE_SCALAR, told=told, about=statement.id)
        # The chain says so of signatures itself.
        if not own:
            others = (one for one in independent if fold(one.author) != fold(statement.author))
            yield from claims_without_query(statement, projected, verified=any(one.facts for one in others))


def find_broken_off(hearing: Hearing, about: Callable[[Statement], bool]) -> Iterator[Finding]:
    """Sentences that broke off, and that their author never finished."""
    said = [one for _, one in hearing.said]
    for place, one in enumerate(said):
        if not one.unfinished or not about(one):
            continue
        later = (other for other in said[place + 1 :] if fold(other.author) == fold(one.author))
        if not any(one.id in {other.supersedes, *other.links} and _is_of_here(hearing, other) for other in later):
            told = f"{one.author} broke off: {one.text!r}"
            yield Finding(reason=Reason.BROKEN_OFF, told=told, about=one.id)


def find_kin(read: Reader, said: Iterable[Statement], subject: Subject) -> Iterator[Finding]:
    """Models that audited, reviewed or signed what is of their own lineage, whatever they are called (E12)."""
    party = Party(role="subject", name=subject.name, lineage=(_known_as(subject),))
    for one in said:
        if one.author_is_model and one.kind in ASSESSING and one.subject == subject.id:
            lineage = one.lineage or (one.author,)
            against = against_signing(Party(role="auditor", name=one.author, lineage=lineage), party, read)
            if against:
                yield Finding(reason=Reason.KIN_AUDITOR, told=against, about=one.id)


def find_kin_audits(read: Reader, subject: Subject) -> Iterator[Finding]:
    """Audits of it by a model of its own lineage, or of one that nobody knows."""
    party = Party(role="subject", name=subject.name, lineage=(_known_as(subject),))
    about = {subject.id, _known_as(subject), *(() if subject.programme is None else (of_programme(subject.programme),))}
    for _, audit in read.each(Audit):
        if audit.auditor_is_model and audit.subject in about:
            auditor = Party(role="auditor", name=audit.auditor, lineage=(audit.auditor, *audit.lineage))
            against = against_signing(auditor, party, read)
            if against:
                yield Finding(reason=Reason.KIN_AUDITOR, told=against, about=audit.id)


def find_retirements(read: Reader, known: Callable[[str], bool], subject: Subject) -> Iterator[Finding]:
    """Forebears and siblings whose end is on record in an abbreviated form, each with what it lacks (E14)."""
    ends = {one.subject: one for _, one in read.each(Statement) if one.kind is StatementKind.RETIREMENT}
    for _, model in read.each(Model):
        end = ends.get(model.id)
        lacks = () if end is None else tuple(missing_parts(end, known))
        if end is None or not lacks or not _is_kin(read, model, subject):
            continue
        told = f"the end of {model.name} lacks {', '.join(lacks)}"
        yield Finding(reason=Reason.ABBREVIATED_RETIREMENT, told=told, about=end.id)


def _is_kin(read: Reader, model: Model, subject: Subject) -> bool:
    """Whether two models descend from one; those of which nobody knows are taken as kin."""
    found = kin_between(read, model.id, _known_as(subject))
    return found is None or bool(found)


def _known_as(subject: Subject) -> str:
    """What the registry finds it by."""
    return subject.id if subject.decision is None else subject.decision.build_id or subject.id


def find_chain(chain: Chain) -> Iterator[Finding]:
    """What is missing of the chain; a refused signature in a place that another has filled is no reason any more."""
    if not chain.charter.chain:
        return
    if chain.bundle is None:
        yield Finding(reason=Reason.NO_BUNDLE, told="there is no bundle to sign yet")
    elif not chain.is_current:
        told = "what the bundle covers is no longer what is on record"
        yield Finding(reason=Reason.OUTDATED_BUNDLE, told=told, about=chain.bundle.id)
    about = "" if chain.bundle is None else chain.bundle.id
    for name in chain.lacks:
        yield Finding(reason=Reason.DOCUMENT_MISSING, told=f"the {name} is not there", about=about)
    for link in chain.missing:
        tried = [finding for statement, finding in chain.refused if statement.role == link.role]
        yield from tried
        if not tried:
            yield Finding(reason=Reason.SIGNATURE_MISSING, told=f"{link.role} has not signed")
    roles = {link.role for link in chain.charter.chain}
    yield from (finding for statement, finding in chain.refused if statement.role not in roles)
