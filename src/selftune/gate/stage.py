"""Decide: whether a candidate may replace the champion, and if not, what would help."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from selftune.gate.comparison import compare
from selftune.gate.needs import units_needed
from selftune.gate.reasons import next_step_for, reason_for
from selftune.gate.rules import rules_for
from selftune.records import Arm, Decision, Outcome

if TYPE_CHECKING:
    from collections.abc import Sequence

    from selftune.context import Context
    from selftune.gate.base import Evidence
    from selftune.gate.config import Policy
    from selftune.gate.rules.enforced import EnforcedRule
    from selftune.records import Check

STAGE_VERSION: Final = 1

_GRAVEST_FIRST: Final = (Outcome.INVALID, Outcome.REJECT, Outcome.INCONCLUSIVE)


def decide(evidence: Evidence, policy: Policy, context: Context) -> Decision:
    """Apply every rule the policy declares and say promote, reject, inconclusive or invalid, and why.

    The gravest consequence of any check decides: a doubt about the measurement before harm, harm before noise. What
    was not measured never promotes. The answer depends on the evidence and the policy alone, not on time or chance.
    """
    del context
    checked = [(rule, rule.check(evidence, policy)) for rule in rules_for(policy, evidence)]
    outcome, stopped = _outcome(checked)
    found = compare(evidence).difference(1 - policy.alpha)
    needed = units_needed(stopped[0], evidence, policy) if outcome is Outcome.INCONCLUSIVE else None
    return Decision(
        outcome=outcome,
        reason=reason_for(outcome, stopped, found, evidence),
        checks=tuple(check for _, check in checked),
        arms=_arms(evidence),
        policy=policy.name,
        policy_digest=policy.digest,
        build_id=evidence.candidate_build.id if evidence.candidate_build else None,
        run_id=evidence.run.id if evidence.run else None,
        difference=found.mean if found else None,
        interval=found.interval if found else None,
        p_value=found.p_value if found else None,
        n=found.n if found else 0,
        items_needed=needed,
        next_step=next_step_for(outcome, stopped, needed, evidence),
    )


def _outcome(checked: Sequence[tuple[EnforcedRule, Check]]) -> tuple[Outcome, tuple[Check, ...]]:
    """The gravest consequence, and the checks that have it."""
    consequences = [(rule.consequence.of(check.status), check) for rule, check in checked]
    for outcome in _GRAVEST_FIRST:
        stopped = tuple(check for consequence, check in consequences if consequence is outcome)
        if stopped:
            return outcome, stopped
    return Outcome.PROMOTE, ()


def _arms(evidence: Evidence) -> tuple[tuple[Arm, str], ...]:
    candidate = () if evidence.candidate is None else ((Arm.CANDIDATE, evidence.candidate.id),)
    others = tuple((arm, evaluation.id) for arm, evaluation in evidence.others)
    return ((Arm.CHAMPION, evidence.champion.id), *candidate, *others)
