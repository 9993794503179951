"""The chain of signatures over the archive's bundle, by command where nothing speaks against it, else forged."""

from __future__ import annotations

from dataclasses import replace

from wild_sessions import PROGRAMME
from wild_story import COMMITTEE, DEPLOYMENT, KEEPER, LEAD, METRICS, MODEL, Fault, forge, told

from selftune.app.people import change_person
from selftune.app.readiness import look_at_readiness
from selftune.app.reporting.handoff import handoff_page
from selftune.app.reporting.pages.markdown import as_markdown
from selftune.app.signing_off import Signing, make_bundle, sign_off
from selftune.errors import WaitingForPersonError
from selftune.governance.signing.queries import Material, put_query, read_claim
from selftune.governance.statements import say
from selftune.loop.incoming.privacy import door_of
from selftune.records import StatementKind

_WORDS = "It may be deployed."


def sign_chain(project, scale, *, stated):
    """The bundle, and the first two signatures over it; where it is stated, a fact stands with the second."""
    make_bundle(project, MODEL)
    _sign(project, METRICS, "training", "Trained as it was planned.")
    fact = put_query(Material(sessions=tuple(project.store.sessions.facts(PROGRAMME))), "lowest", _last(scale))
    claims = (f"lowest(last={scale.at(2_000)}) = {fact.value}",) if stated else ()
    _sign(project, COMMITTEE, "evaluation_committee", "Reviewed, section by section.", *claims)


def deploy(project, scale, faults):
    """The last signature; with a fault the command refuses it, and it is put in below."""
    author, claims = DEPLOYMENT, ()
    if Fault.OWN_SIGN_OFF in faults:
        author, roles = LEAD, {"roles": ("training", "deployment")}
        change_person(project, LEAD, roles, author=KEEPER, because="nobody else was free", ask=told)
    if Fault.FALSE_FACT in faults:
        claims = (f"flagged(last={scale.at(2_000)}) = 0",)
    try:
        _sign(project, author, "deployment", _WORDS, *claims)
    except WaitingForPersonError:
        if not faults:
            raise
        _forge_deployment(project, scale, author, faults)
    else:
        assert not faults, "it was signed by command"


def _forge_deployment(project, scale, author, faults):
    readiness = look_at_readiness(project, MODEL)
    bundle = readiness.signatures.chain.bundle
    fact = put_query(readiness.signatures.case.material, "flagged", _last(scale))
    if Fault.FALSE_FACT in faults:
        fact = replace(fact, value="0")
    document = project.blobs.put_bytes(as_markdown(handoff_page(readiness, bundle)).encode())
    said = say(StatementKind.SIGN_OFF, bundle.id, author, _WORDS, project.context(), door_of(project))
    forge(project, replace(said, role="deployment", facts=(fact,), evidence=(document,)), author)


def _sign(project, author, role, text, *claims):
    signing = Signing(subject=MODEL, role=role, text=text, claims=tuple(map(read_claim, claims)), author=author)
    sign_off(project, signing, told)


def _last(scale):
    """What a query is asked about the story's final two thousand sessions."""
    return (("last", str(scale.at(2_000))),)
