"""`selftune sign`: the bundle that is signed, each signature over it, and the handoff that the last of them cites."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from selftune.app.doubting import speaker
from selftune.app.readiness import look_at_readiness, who_led
from selftune.app.reporting.handoff import handoff_page
from selftune.app.reporting.pages.markdown import as_markdown
from selftune.app.reporting.post_training import post_training_page
from selftune.app.reporting.readiness import readiness_page
from selftune.app.signing import speak
from selftune.errors import UsageError, WaitingForPersonError
from selftune.governance.alarms.base import Verdict
from selftune.governance.signing.chain import judge_signature
from selftune.governance.signing.charter import EVALUATION, HANDOFF, READINESS
from selftune.governance.signing.looking import ALARMS, find_claims, looks_on_record
from selftune.governance.signing.queries import bears_out, put_query
from selftune.governance.signing.reasons import OF_THE_CHAIN, Reason, Weight
from selftune.governance.statements import hold, say
from selftune.loop.hearing import put_on_record
from selftune.loop.incoming.privacy import door_of
from selftune.loop.signatures import sessions_of
from selftune.records import Bundle, Fact, Statement, StatementKind

if TYPE_CHECKING:
    from collections.abc import Sequence

    from selftune.app.readiness import Readiness
    from selftune.app.reporting.pages.parts import Page
    from selftune.governance.alarms.base import Look
    from selftune.governance.people.keys import Ask
    from selftune.governance.signing.charter import Link
    from selftune.governance.signing.queries import Claim
    from selftune.loop.project import Project

BUNDLED: Final = "bundle made"
SIGNED: Final = "signed off"
HELD: Final = "held by an alarm"
_MACHINE: Final = "selftune"


@dataclass(frozen=True, kw_only=True)
class Signing:
    """What somebody is about to sign.

    Attributes:
        subject: A decision, build, version, or a model of the registry; empty: the newest promotion.
        role: In which they sign, as the charter calls it.
        text: Their words, kept verbatim.
        claims: What they state as facts; each is worked out before it is kept.
        author: Who signs; empty: who is logged in.
    """

    subject: str
    role: str
    text: str
    claims: tuple[Claim, ...] = ()
    author: str = ""


def make_bundle(project: Project, name: str = "") -> Bundle:
    """Put together what is to be signed, with its documents; what an alarm holds is put on hold first.

    Every session and the ledger are read before: nobody signs what does not verify.

    Raises:
        UsageError: nothing is meant by the name, or nobody has to sign here.
        WaitingForPersonError: what is on disk is not what was recorded.
    """
    readiness = look_at_readiness(project, name, whole=True)
    _require_chain(readiness)
    _require_sound(readiness)
    if _hold_looks(project, readiness):
        readiness = look_at_readiness(project, name)
    documents = tuple(
        (what, _keep(project, page))
        for what, page in (
            (EVALUATION, post_training_page(project, readiness)),
            (READINESS, readiness_page(before_signatures(readiness), signed_later=True)),
        )
        if what in readiness.signatures.chain.charter.documents
    )
    covered, charter = readiness.signatures.covered, readiness.signatures.chain.charter
    checkpoint = project.store.checkpoint()
    bundle = Bundle(
        salt=project.context().draw_salt(),
        subject=readiness.subject.id,
        evidence=covered.evidence,
        documents=documents,
        charter=charter.name,
        charter_digest=charter.digest,
        ledger_size=checkpoint.size,
        ledger_root=checkpoint.root,
        programme=readiness.subject.programme,
        sessions=covered.sessions,
        concerns=tuple(doubt.statement.id for doubt in readiness.doubts if doubt.stands),
        behind=who_led(project, sessions_of(project, readiness.subject)),
        codex_digest=covered.codex_digest,
    )
    project.store.save([bundle], event=BUNDLED)
    return bundle


def sign_off(project: Project, signing: Signing, ask: Ask) -> Statement:
    """Sign the bundle of today, in a role; what would not count is refused before anything is kept.

    Raises:
        UsageError: nobody has to sign here, the role is none of the charter's, or a fact can't be worked out.
        WaitingForPersonError: a fact comes out otherwise, or the signature would not count; the message says why.
    """
    readiness = look_at_readiness(project, signing.subject, whole=True)
    link = _link_of(readiness, signing.role)
    bundle = _bundle_of(readiness)
    _require_sound(readiness)
    facts = tuple(_proved(readiness, claim) for claim in signing.claims)
    cited: tuple[str, ...] = ()
    if link.document:
        _require_nothing_against(readiness)
        cited = (_keep(project, handoff_page(readiness, bundle)),)
    said = say(
        StatementKind.SIGN_OFF,
        bundle.id,
        speaker(project, signing.author),
        signing.text,
        project.context(),
        door_of(project),
    )
    said = replace(said, role=signing.role, facts=facts, evidence=cited)
    _refuse_lone_figures(readiness, said)
    signed = speak(readiness.hearing, said, ask)
    _require_counting(project, readiness, signed)
    return put_on_record(project, signed, event=SIGNED)


def revoke_signature(project: Project, name: str, because: str, *, author: str = "") -> Statement:
    """Take a signature back; nobody needs a key for it, for it takes nothing but trust away.

    Raises:
        UsageError: what is named is no sign-off, or no reason is given.
        UnknownNameError: nothing begins like that.
    """
    record = project.store.any_record(name)
    if not isinstance(record, Statement) or record.kind is not StatementKind.SIGN_OFF:
        raise UsageError(f"{name} is no sign-off.", next_step="Choose one that `selftune readiness` shows.")
    who = speaker(project, author)
    said = say(StatementKind.REVOCATION, record.id, who, because, project.context(), door_of(project))
    return put_on_record(project, said, event="signature revoked")


def make_handoff(project: Project, name: str = "") -> Page:
    """The document of what is handed over, once everybody before has signed and nothing speaks against it.

    Raises:
        UsageError: nobody has to sign here.
        WaitingForPersonError: a signature before it is missing, or something speaks against it.
    """
    readiness = look_at_readiness(project, name)
    bundle = _bundle_of(readiness)
    last = next((link for link in readiness.signatures.chain.charter.chain if link.document == HANDOFF), None)
    counted = {one.role for one in readiness.signatures.chain.counted}
    waits = [role for role in (() if last is None else last.after) if role not in counted]
    if waits:
        raise WaitingForPersonError(
            f"the handoff waits for the sign-off of {', '.join(waits)}.",
            next_step="See what is missing with `selftune readiness`.",
        )
    _require_nothing_against(readiness)
    return handoff_page(readiness, bundle)


# --- What must hold before --------------------------------------------------------------------------------------------


def _require_chain(readiness: Readiness) -> None:
    hearing = readiness.hearing
    if not hearing.alone and not hearing.roster.members:
        raise UsageError(
            "this is a team by its config, and nobody is on the roster.",
            next_step="Enter its people with `selftune key new` and `selftune people add`.",
        )
    if not readiness.signatures.chain.charter.chain:
        raise UsageError(
            "one person works here, and nobody has to sign.",
            next_step="Look with `selftune readiness`; your yes is `selftune approve`.",
        )


def _require_sound(readiness: Readiness) -> None:
    """Nobody signs what is not as it was recorded."""
    broken = [finding.told for finding in readiness.findings if finding.weight is Weight.INVALID]
    if broken:
        raise WaitingForPersonError(
            f"what is on disk is not what was recorded: {broken[0]}.", next_step="Look with `selftune doctor`."
        )


def _bundle_of(readiness: Readiness) -> Bundle:
    _require_chain(readiness)
    chain = readiness.signatures.chain
    unnamed = any(one.reason is Reason.OUTDATED_BUNDLE for one in readiness.findings)
    if chain.bundle is None or unnamed or chain.lacks:
        raise WaitingForPersonError(
            "there is no bundle of what is on record now.", next_step="Make one with `selftune sign bundle`."
        )
    return chain.bundle


def _link_of(readiness: Readiness, role: str) -> Link:
    _require_chain(readiness)
    charter = readiness.signatures.chain.charter
    link = charter.link(role)
    if link is None:
        known = ", ".join(one.role for one in charter.chain)
        raise UsageError(f"nobody signs here as {role!r}.", next_step=f"Give --role, one of {known}.")
    return link


def _require_nothing_against(readiness: Readiness) -> None:
    """Whoever deploys signs last, and not while anything but their own signature is missing."""
    left = [finding for finding in readiness.findings if finding.reason not in OF_THE_CHAIN]
    if left:
        told = "; ".join(f"{finding.reason.value}: {finding.told}" for finding in left)
        raise WaitingForPersonError(
            f"nothing is handed over while this stands: {told}.", next_step="Read it with `selftune readiness`."
        )


def _proved(readiness: Readiness, claim: Claim) -> Fact:
    """The fact behind a claim, worked out now."""
    fact = put_query(readiness.signatures.case.material, claim.query, claim.arguments)
    if not bears_out(fact, claim.value):
        raise WaitingForPersonError(
            f"{claim.in_words} is not so: {fact.value} comes out, of {fact.n}.",
            next_step="State what comes out, or leave it out.",
        )
    return fact


def _refuse_lone_figures(readiness: Readiness, said: Statement) -> None:
    """A share or an index is signed with the query that it comes from, so that its interval and n stand beside it."""
    for finding in find_claims((said,), (), said.id, projected=readiness.signatures.case.projected):
        raise WaitingForPersonError(
            f"{finding.told}.", next_step='Give it with --fact, as "mean(category=tone) = 0.9".'
        )


def _require_counting(project: Project, readiness: Readiness, signed: Statement) -> None:
    chain, hearing = readiness.signatures.chain, readiness.hearing
    if any(one.role == signed.role for one in chain.counted):
        raise UsageError(f"{signed.role} has signed already.", next_step="See who has with `selftune readiness`.")
    # The machine signs last; all else must be right before.
    case = replace(readiness.signatures.case, hearing=replace(hearing, public_key=None))
    against = judge_signature(signed, project.store.last_sequence() + 1, case, chain.counted)
    if against is not None:
        raise WaitingForPersonError(
            f"this would not count ({against.reason.value}): {against.told}.",
            next_step="See who may sign with `selftune people list`, and when with `selftune readiness`.",
        )


def before_signatures(readiness: Readiness) -> Readiness:
    """What speaks against it whoever signs: the bundle's own page is made before anybody can."""
    return replace(readiness, findings=tuple(one for one in readiness.findings if one.reason not in OF_THE_CHAIN))


# --- What is kept -----------------------------------------------------------------------------------------------------


def _keep(project: Project, page: Page) -> str:
    return project.blobs.put_bytes(as_markdown(page).encode())


def _hold_looks(project: Project, readiness: Readiness) -> tuple[Statement, ...]:
    """A hold for each alarm that nobody has put on hold yet; a person lifts it with a reason."""
    known = looks_on_record(readiness.hearing, readiness.doubts)
    fresh = [
        look
        for look in readiness.looks
        if look.verdict is Verdict.HOLD and (look.alarm.value, look.about, look.told) not in known
    ]
    alarms = dict.fromkeys(look.alarm for look in fresh)
    return tuple(
        put_on_record(project, _hold(project, readiness, [one for one in fresh if one.alarm is alarm]), event=HELD)
        for alarm in alarms
    )


def _hold(project: Project, readiness: Readiness, looks: Sequence[Look]) -> Statement:
    told = "; ".join(f"{look.about}: {look.told}" for look in looks)
    said = hold(
        readiness.subject.id,
        author=_MACHINE,
        author_is_model=True,
        text=f"{looks[0].alarm.value}: {told}.",
        context=project.context(),
        door=door_of(project),
    )
    read = dict(readiness.signatures.covered.evidence).get("sessions", readiness.subject.id)
    facts = tuple(
        Fact(
            query=ALARMS,
            arguments=(("about", look.about), ("alarm", look.alarm.value), ("subject", readiness.subject.id)),
            value=look.told,
            n=look.n,
            read_digest=read,
        )
        for look in looks
    )
    return replace(said, facts=facts)
