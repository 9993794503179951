"""Decide where several builds compete: the simplest that may be released and is not inferior."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from selftune.gate.comparison import unit_scores_of
from selftune.gate.ladder.climb import Rung, climb
from selftune.gate.stage import decide as decide_one
from selftune.records import Outcome

if TYPE_CHECKING:
    from selftune.context import Context
    from selftune.gate.base import Evidence
    from selftune.gate.config import Policy
    from selftune.records import Decision

STAGE_VERSION: Final = 1


@dataclass(frozen=True, kw_only=True)
class Competitor:
    """A build that could be released, by the name of its rung, and what is known of it."""

    name: str
    evidence: Evidence


@dataclass(frozen=True, kw_only=True)
class Ladder:
    """Builds that compete in one night, from the simplest to the dearest; the last is what a night without one makes.

    Attributes:
        run_id: The night's training; the builds that needed none compete with it.
    """

    competitors: tuple[Competitor, ...]
    run_id: str


def decide(inputs: Ladder, policy: Policy, context: Context) -> Decision:
    """The decision about the simplest build that would be promoted and is not inferior; else about the last one.

    Each is held against the champion at its share of alpha (Bonferroni), for each is another chance to be promoted by
    luck. That the chosen one is not inferior by the least gain is shown at the policy's alpha.
    """
    shared = replace(policy, alpha=policy.alpha / len(inputs.competitors))
    decisions = {one.name: decide_one(one.evidence, shared, context) for one in inputs.competitors}
    found = climb(
        [_rung(one, decisions[one.name]) for one in inputs.competitors], alpha=policy.alpha, margin=policy.least_gain
    )
    name = found.chosen or inputs.competitors[-1].name
    decision = decisions[name]
    said = f"{decision.reason} {found.reason}" if found.chosen else decision.reason
    return replace(decision, reason=said, policy_digest=policy.digest, run_id=inputs.run_id)


def _rung(competitor: Competitor, decision: Decision) -> Rung:
    evidence = competitor.evidence
    scores = {} if evidence.candidate is None else unit_scores_of(evidence.candidate, evidence)
    return Rung(
        name=competitor.name,
        scores={key: unit.value for key, unit in scores.items() if unit.value is not None},
        refused=None if decision.outcome is Outcome.PROMOTE else decision.outcome.value,
    )
