"""A team, a bundle and sign-offs over it, short enough to read a test in one breath; the keys are fake ones."""

from __future__ import annotations

from dataclasses import replace

from governance_makers import heard, say
from people_makers import entry, fake_person_key, first, signed

from selftune.governance.signing.chain import Case, look_at_chain
from selftune.governance.signing.charter import load_charter
from selftune.governance.signing.queries import Material
from selftune.records import Bundle
from selftune.store.sessions import SessionFacts

NOW = "2026-01-02T00:00:00+00:00"
CHARTER = load_charter("team", team=True)
SUBJECT = f"model:{'a' * 64}"

KEEPER, TRAINER, EXAMINER, DEPLOYER = (fake_person_key(name) for name in ("kim", "ada", "ben", "cleo"))
TEAM = (
    first(KEEPER),
    entry(TRAINER, KEEPER, roles=("training",)),
    entry(EXAMINER, KEEPER, roles=("evaluation_committee",)),
    entry(DEPLOYER, KEEPER, roles=("deployment",)),
)

BUNDLE = Bundle(
    salt="00",
    subject=SUBJECT,
    evidence=(("model", SUBJECT),),
    documents=(("post_training_evaluation", "sha256:1"), ("readiness", "sha256:2")),
    charter="team",
    charter_digest=CHARTER.digest,
    ledger_size=1,
    ledger_root="0" * 64,
)


def sign_off(key, role, *, bundle=BUNDLE, author=None, text="I have read it.", **more):
    """A signature over the bundle."""
    return signed(say("sign_off", bundle.id, author or key.name, role=role, text=text, **more), key)


TRAINED = sign_off(TRAINER, "training")
EXAMINED = sign_off(EXAMINER, "evaluation_committee")
DEPLOYED = sign_off(DEPLOYER, "deployment", evidence=("sha256:handoff",))
ALL = (TRAINED, EXAMINED, DEPLOYED)


def sessions(count, flagged=()):
    """So many sessions; those of these numbers are flagged."""
    return tuple(
        SessionFacts(
            sequence=number,
            session_id=f"session:{number}",
            programme="tides",
            number=number,
            happened_at=None,
            flags=("rude",) if number in flagged else (),
            scores={"tone": number % 10 / 10, "help": 0.5},
            reward=None,
            attempts=1,
            words=None,
            distinct_pairs=None,
            repeated=None,
            opening=None,
            ending=None,
            stock=None,
        )
        for number in range(1, count + 1)
    )


def case(*records, bundle=BUNDLE, team=TEAM, runner="runner", **more):
    """All that is needed to judge signatures after these records."""
    told = " ".join((bundle.id, *(one.id for one in records if hasattr(one, "kind"))))
    whole = Case(
        bundle=bundle,
        is_current=True,
        charter=CHARTER,
        hearing=heard(*team, *records, runner=runner),
        material=Material(sessions=sessions(100, flagged=(3, 50))),
        lacks=(),
        # A handoff that tells of everything: a fake one.
        document=lambda digest: told if digest == "sha256:handoff" else None,
        projected=None,
        now=NOW,
    )
    return replace(whole, **more)


def chain(*records, bundles=(BUNDLE,), **more):
    """The chain after these records."""
    return look_at_chain(case(*records, **more), {bundle.id: bundle for bundle in bundles})


def refusals(*records, **more):
    """The reasons for which signatures do not count, in their order."""
    return [finding.reason.value for _, finding in chain(*records, **more).refused]
