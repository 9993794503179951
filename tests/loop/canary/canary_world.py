"""A project in which a candidate was evaluated and decided about."""

from __future__ import annotations

from dataclasses import dataclass, replace

from selftune.gate.policies import load_policy
from selftune.governance.keys import seal_build
from selftune.ledger.keys import load_machine_key
from selftune.records import (
    Arm,
    Build,
    Check,
    CheckStatus,
    Decision,
    Evaluation,
    GenerationParameters,
    Outcome,
    Release,
)
from selftune.release.live import LiveStatus
from selftune.testing import fake_build, fake_proof


@dataclass
class World:
    """The project, who serves, who might, and what the gate said."""

    project: object
    champion: Build
    candidate: Build
    decision: Decision

    @property
    def hidden(self):
        return self.project.hidden

    def events(self, event):
        with_record = self.project.store.noted(event)
        return [detail for _, detail in with_record]


class FakeChampion:
    """A live server that is none: the champion answers, as far as it says."""

    status_now = LiveStatus(
        address="http://127.0.0.1:9/v1", port=9, pid=0, version="v1.0", build_digest=None, proof=None,
        started_at="2026-11-22T00:00:00+00:00", problem=None,
    )  # fmt: skip

    def __init__(self, target) -> None:
        self.target = target

    def status(self):
        return self.status_now


def evaluation_of(build) -> Evaluation:
    return Evaluation(
        build_id=build.id, build_digest=build.digest, proof=fake_proof(build), suite="made up", suite_digest="sha256:s",
        scorer="made up", scorer_lineage=(), generation=GenerationParameters(), seeds=(0,), outcomes=(),
    )  # fmt: skip


def world_of(project, outcome: Outcome, *, policy=None) -> World:
    """A candidate beside its champion, about which the gate said this."""
    key = load_machine_key(project.hidden / "keys")
    champion, candidate = (seal_build(fake_build(name), key) for name in ("champion", "candidate"))
    old, new = evaluation_of(champion), evaluation_of(candidate)
    decision = Decision(
        outcome=outcome, reason="It was made up.",
        checks=(Check(name="gain", status=CheckStatus.PASS, detail="made up"),),
        arms=((Arm.CHAMPION, old.id), (Arm.CANDIDATE, new.id)), policy="small",
        policy_digest=(policy or load_policy("small")).digest, build_id=candidate.id, run_id=None,
    )  # fmt: skip
    release = Release(
        version="v1.0", generation=0, alias="selftune", build_id=champion.id, build_digest=champion.digest,
        model_file="made_up.gguf", decision_id=None, replaced=None, reason="made up", config_edit=(), approvals=(),
        health=(), proof=None,
    )  # fmt: skip
    project.store.save([champion, candidate, old, new, release, decision], event="made up")
    return World(project=project, champion=champion, candidate=candidate, decision=decision)


def in_team(project):
    """The same project, in which several people work."""
    section = replace(project.config.project, profile="team")
    return replace(project, config=replace(project.config, project=section))
