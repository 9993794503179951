"""Before a promotion is carried out: does it lie outside what this project ever saw? Then the loop puts it on hold.

A hold of the loop's own is a person's to lift, with a reason; it is raised once for a decision and never again.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from selftune.gate.statistics.jumps import least_values
from selftune.governance.alarms.base import Verdict
from selftune.governance.alarms.of_releases import look_at_promotion
from selftune.governance.breaker import is_promotion
from selftune.governance.keys import sign_statement
from selftune.governance.statements import hold
from selftune.ledger.keys import load_machine_key
from selftune.loop.incoming.privacy import door_of
from selftune.records import Fact, Release, Statement, StatementKind, digest_of

if TYPE_CHECKING:
    from selftune.governance.alarms.base import Look
    from selftune.loop.project import Project
    from selftune.records import Decision

AUTHOR: Final = "selftune"
EVENT: Final = "held by an alarm"


def hold_if_suspicious(project: Project, decision: Decision) -> tuple[Statement, ...]:
    """Put a promotion on hold that lies outside its history; the holds that were raised, none where all is usual.

    One hold for each alarm, with what it found. Nothing is raised about a decision that was held so before, whatever
    became of it, and nothing where too few promotions lie behind it.
    """
    releases = [release for _, release in project.store.each(Release)]
    before = sum(is_promotion(release, releases) for release in releases)
    if before + 1 < least_values() or _held_before(project, decision):
        return ()
    looks = [look for look in look_at_promotion(project.store, decision) if look.verdict is Verdict.HOLD]
    key = load_machine_key(project.hidden / "keys")
    holds = tuple(
        sign_statement(_hold(project, decision, [look for look in looks if look.alarm is alarm]), key)
        for alarm in dict.fromkeys(look.alarm for look in looks)
    )
    if holds:
        project.store.save(holds, event=EVENT)
    return holds


def _held_before(project: Project, decision: Decision) -> bool:
    return any(
        said.kind is StatementKind.HOLD
        and said.author_is_model
        and (said.author, said.subject) == (AUTHOR, decision.id)
        for _, said in project.store.each(Statement)
    )


def _hold(project: Project, decision: Decision, looks: list[Look]) -> Statement:
    """One alarm's hold, with a fact for each series that it rests on."""
    told = "; ".join(f"{look.about}: {look.told}" for look in looks)
    said = hold(
        decision.id,
        author=AUTHOR,
        author_is_model=True,
        text=f"{looks[0].alarm.value}: {told}.",
        context=project.context(),
        door=door_of(project),
    )
    read_digest = digest_of([name for _, name in decision.arms])
    facts = tuple(
        Fact(
            query="alarms",
            arguments=(("decision", decision.id), ("alarm", look.alarm.value), ("about", look.about)),
            value=look.told,
            n=look.n,
            read_digest=read_digest,
        )
        for look in looks
    )
    return replace(said, facts=facts)
