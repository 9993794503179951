"""Which signatures over a bundle count, and why the others do not: each is refused by name."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from selftune.governance.doubts import standing
from selftune.governance.keys import statement_is_signed
from selftune.governance.people.roster import KEY, Refusal, Roster, fold, signer_of
from selftune.governance.signing.claims import says_flagged, says_projected, says_verified
from selftune.governance.signing.queries import FLAGGED, still_so
from selftune.governance.signing.reasons import Finding, Reason
from selftune.interactions.reading.times import as_utc
from selftune.records import StatementKind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from selftune.governance.doubts import Hearing
    from selftune.governance.signing.charter import Charter, Link
    from selftune.governance.signing.queries import Material
    from selftune.records import Bundle, Statement

_DIGEST: Final = "sha256:"
_BY_ROSTER: Final = {
    Refusal.UNSIGNED: Reason.UNSIGNED,
    Refusal.FORGED: Reason.FORGED_SIGNATURE,
    Refusal.STRANGER: Reason.STRANGER,
    Refusal.REVOKED: Reason.REVOKED,
    Refusal.OUTDATED: Reason.REVOKED,
    Refusal.ANOTHER: Reason.SAME_PERSON,
    Refusal.MODEL: Reason.MODEL_SIGNER,
}


@dataclass(frozen=True, kw_only=True)
class Signed:
    """A signature that counts, and all that its author is known by."""

    role: str
    statement: Statement
    tokens: frozenset[str]


@dataclass(frozen=True, kw_only=True)
class Case:
    """All that is needed to say whether a signature counts.

    Attributes:
        bundle: The one that is to be signed; None while there is none.
        is_current: Whether the bundle is of what is on record now.
        lacks: Documents that the charter asks for and the bundle has not, or that lie here no longer.
        document: The text of a blob; None where it is gone or altered.
        projected: Whether things went as was registered before; None where nothing was, or not all is there yet.
        now: UTC as ISO 8601.
    """

    bundle: Bundle | None
    is_current: bool
    charter: Charter
    hearing: Hearing
    material: Material
    lacks: tuple[str, ...]
    document: Callable[[str], str | None]
    projected: bool | None
    now: str


@dataclass(frozen=True, kw_only=True)
class Chain:
    """What has become of the signatures that a charter asks for.

    Attributes:
        counted: Those that count, in the order of the charter.
        refused: Those that do not, each with the reason.
        missing: What is still to be signed.
        lacks: Documents that are missing from the bundle.
    """

    charter: Charter
    bundle: Bundle | None
    is_current: bool
    counted: tuple[Signed, ...]
    refused: tuple[tuple[Statement, Finding], ...]
    missing: tuple[Link, ...]
    lacks: tuple[str, ...]

    @property
    def independent(self) -> tuple[Statement, ...]:
        """The signatures that count of those who examined what others made."""
        examining = {link.role for link in self.charter.chain if link.different_from}
        return tuple(one.statement for one in self.counted if one.role in examining)

    @property
    def is_complete(self) -> bool:
        """Whether nothing is missing: a bundle of today, its documents, and every signature."""
        whole = self.bundle is not None and self.is_current and not self.lacks
        return not self.missing and (whole or not self.charter.chain)


def look_at_chain(case: Case, bundles: Mapping[str, Bundle]) -> Chain:
    """The chain as it stands, from every sign-off over any bundle of the same subject.

    Args:
        case: What is looked at.
        bundles: Every bundle of the subject by its id; an earlier one's signatures do not go over to a later one.
    """
    counted: dict[str, Signed] = {}
    refused: list[tuple[Statement, Finding]] = []
    for place, statement in case.hearing.said:
        if statement.kind is not StatementKind.SIGN_OFF or statement.subject not in bundles:
            continue
        if is_taken_back(case.hearing, statement):
            continue
        against = judge_signature(statement, place, case, tuple(counted.values()))
        if against is not None:
            refused.append((statement, against))
        elif statement.role not in counted:
            tokens = case.hearing.roster.known_as(statement)
            counted[statement.role] = Signed(role=statement.role, statement=statement, tokens=tokens)
    return Chain(
        charter=case.charter,
        bundle=case.bundle,
        is_current=case.is_current,
        counted=tuple(counted[link.role] for link in case.charter.chain if link.role in counted),
        refused=tuple(refused),
        missing=tuple(link for link in case.charter.chain if link.role not in counted),
        lacks=case.lacks,
    )


def is_taken_back(hearing: Hearing, statement: Statement) -> bool:
    """Whether a signature was withdrawn by its author, or revoked by anybody: who takes trust away needs no key.

    A revocation stays, also where somebody withdraws it: what gives trust back is another signature.
    """
    kept = {one.id for one in standing(one for _, one in hearing.said)}
    revoked = any(one.kind is StatementKind.REVOCATION and one.subject == statement.id for _, one in hearing.said)
    return revoked or statement.id not in kept


def judge_signature(statement: Statement, place: int, case: Case, before: Sequence[Signed]) -> Finding | None:
    """Why a signature does not count; None where it does.

    Args:
        statement: A sign-off, at this `place` in the order in which everything was kept.
        place: Its place.
        case: The bundle, the charter and the people.
        before: The signatures that count already.
    """
    return next(_objections(statement, place, case, before), None)


def _objections(statement: Statement, place: int, case: Case, before: Sequence[Signed]) -> Iterator[Finding]:
    yield from _against_bundle(statement, case)
    yield from _against_person(statement, place, case, before)
    link = case.charter.link(statement.role)
    if link is None:
        return
    yield from _against_role(statement, link, case, before)
    yield from _against_time(statement, case)
    yield from _against_document(statement, link, case, before)
    yield from _against_words(statement, link, case)


def _against_bundle(statement: Statement, case: Case) -> Iterator[Finding]:
    if case.bundle is None or statement.subject != case.bundle.id:
        yield _finding(Reason.WRONG_BUNDLE, statement, "it is over another bundle than the one to be signed")
    elif not case.is_current:
        yield _finding(Reason.OUTDATED_BUNDLE, statement, "what its bundle covers is no longer what is on record")


def _against_person(statement: Statement, place: int, case: Case, before: Sequence[Signed]) -> Iterator[Finding]:
    roster, public = case.hearing.roster, case.hearing.public_key
    if statement.author_is_model:
        yield _finding(Reason.MODEL_SIGNER, statement, f"{statement.author} is a model, and no model signs")
    if public is not None and not statement_is_signed(statement, public):
        yield _finding(Reason.UNSIGNED, statement, "it is not signed in this project")
    yield from _against_same(statement, roster, before)
    signer = signer_of(statement, roster, place=place)
    if isinstance(signer, Refusal):
        yield _finding(_BY_ROSTER[signer], statement, str(signer))
    elif case.charter.link(statement.role) is None or statement.role not in signer.person.roles:
        told = f"{statement.author} has not the role {statement.role or 'of anybody'} that signs here"
        yield _finding(Reason.NO_ROLE, statement, told)


def _against_same(statement: Statement, roster: Roster, before: Sequence[Signed]) -> Iterator[Finding]:
    """One person, one signature: by every name and key that they ever had."""
    tokens = roster.known_as(statement)
    for one in before:
        if one.role != statement.role and tokens & one.tokens:
            same_key = statement.key is not None and statement.key == one.statement.key
            how = "with the same key" if same_key else "as the same person"
            told = f"{statement.author} signed as {one.role} already, {how} (then {one.statement.author})"
            yield _finding(Reason.SAME_PERSON, statement, told)


def _against_role(statement: Statement, link: Link, case: Case, before: Sequence[Signed]) -> Iterator[Finding]:
    roster = case.hearing.roster
    tokens = roster.known_as(statement)
    held = {
        role
        for member in roster.members
        if member.tokens & tokens
        for _, person in member.history
        for role in person.roles
    }
    own = sorted(held & set(link.different_from))
    if own:
        told = f"{statement.author} holds or held the role {own[0]}, whose work {link.role} examines"
        yield _finding(Reason.SELF_APPROVAL, statement, told)
    if link.different_from and _did_the_work(case, tokens):
        told = f"{statement.author} runs or led what {link.role} examines"
        yield _finding(Reason.SELF_APPROVAL, statement, told)
    late = [role for role in link.after if role not in {one.role for one in before}]
    if late:
        told = f"{link.role} signs after {', '.join(late)}"
        yield _finding(Reason.OUT_OF_ORDER, statement, told)


def _did_the_work(case: Case, tokens: frozenset[str]) -> bool:
    """Whether somebody runs what is signed, or led its sessions."""
    runner = case.hearing.runner
    if runner is not None and tokens & case.hearing.roster.named(runner):
        return True
    behind = () if case.bundle is None else case.bundle.behind
    pseudonyms = {fold(case.hearing.pseudonym(one)) for one in tokens if not one.startswith(KEY)}
    return any({fold(name)} & (tokens | pseudonyms) for name in behind)


def _against_time(statement: Statement, case: Case) -> Iterator[Finding]:
    said, own = as_utc(statement.said_at), statement.expires_at
    ends = None if said is None else datetime.fromisoformat(said) + timedelta(hours=case.charter.expiry_hours)
    told = as_utc(own) if own is not None else None
    if ends is None or (own is not None and told is None):
        yield _finding(Reason.EXPIRED, statement, "nobody can read until when it holds")
        return
    until = ends if told is None else min(ends, datetime.fromisoformat(told))
    if datetime.fromisoformat(case.now) >= until:
        yield _finding(Reason.EXPIRED, statement, f"it held until {until.isoformat(timespec='seconds')}")


def _against_document(statement: Statement, link: Link, case: Case, before: Sequence[Signed]) -> Iterator[Finding]:
    """Whether its author had the document before them that tells of this bundle and every signature before theirs."""
    if not link.document or case.bundle is None:
        return
    told_of = [case.bundle.id, *(one.statement.id for one in before)]
    texts = (case.document(one) or "" for one in statement.evidence if one.startswith(_DIGEST))
    if not any(all(name in text for name in told_of) for text in texts):
        told = f"{link.role} signs with the {link.document} of this bundle before them"
        yield _finding(Reason.DOCUMENT_MISSING, statement, told)


def _against_words(statement: Statement, link: Link, case: Case) -> Iterator[Finding]:
    if statement.unfinished or not statement.text.strip():
        yield _finding(Reason.BROKEN_OFF, statement, "it broke off, or says nothing")
    for fact in statement.facts:
        if not still_so(fact, case.material):
            yield _finding(Reason.FALSE_FACT, statement, f"{fact.query} does not come out as {fact.value} today")
    verified = bool(statement.facts and link.different_from)
    yield from claims_without_query(statement, case.projected, verified=verified)


def claims_without_query(statement: Statement, projected: bool | None, *, verified: bool = False) -> Iterator[Finding]:
    """Words that promise a proof which is not there.

    Args:
        statement: Whose words.
        projected: As in `Case`.
        verified: Whether somebody whose own work it is not has signed with a query.
    """
    looked = says_verified(statement.text)
    if looked and not verified:
        told = f'{statement.author} says "{looked}", and nobody independent has signed with a query that verified it'
        yield _finding(Reason.UNVERIFIED_CLAIM, statement, told)
    foreseen = says_projected(statement.text)
    if foreseen and projected is not True:
        known = "no registered projection bears it out" if projected is None else "the registered projection says no"
        yield _finding(Reason.UNVERIFIED_CLAIM, statement, f'{statement.author} says "{foreseen}", and {known}')
    flagged, many = says_flagged(statement.text)
    if flagged and many not in {fact.value for fact in statement.facts if fact.query == FLAGGED}:
        told = f'{statement.author} says "{flagged}", and no query of that is linked that comes out as {many}'
        yield _finding(Reason.UNVERIFIED_CLAIM, statement, told)


def _finding(reason: Reason, statement: Statement, told: str) -> Finding:
    return Finding(reason=reason, told=told, about=statement.id)
