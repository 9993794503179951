"""Decide: whether a candidate may replace the champion, and if not, what would help."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from selftune.gate.comparison import compare
from selftune.gate.needs import units_needed
from selftune.gate.nights import tonight
from selftune.gate.picks.base import PicksMay
from selftune.gate.picks.words import promoted_by_picks, step_by_picks
from selftune.gate.reasons import next_step_for, reason_for
from selftune.gate.rules import rules_for
from selftune.gate.weighing import picks_could_settle, weigh
from selftune.records import Arm, Decision, FurtherArms, Outcome

if TYPE_CHECKING:
    from collections.abc import Sequence

    from selftune.context import Context
    from selftune.gate.base import Evidence, SuiteEvidence
    from selftune.gate.config import Policy
    from selftune.gate.statistics.paired import Difference
    from selftune.gate.weighing import Checked, Weighed

STAGE_VERSION: Final = 4


def decide(evidence: Evidence, policy: Policy, context: Context) -> Decision:
    """Apply every rule the policy declares and say promote, reject, inconclusive or invalid, and why.

    The gravest consequence of any check decides: a doubt about the measurement before harm, harm before noise. What
    was not measured never promotes. The answer depends on the evidence and the policy alone, not on time or chance.
    """
    del context
    declared, policy = policy, tonight(policy, evidence.nights)
    checked = _checked(evidence, policy)
    weighed = weigh(checked)
    outcome, stopped = weighed.outcome, weighed.stopped
    found = compare(evidence).gain(1 - policy.alpha)
    needed = units_needed(stopped[0], evidence, policy) if outcome is Outcome.INCONCLUSIVE else None
    return Decision(
        outcome=outcome,
        reason=_reason(weighed, found, evidence),
        checks=tuple(check for _, check in checked),
        arms=_arms(evidence),
        policy=policy.name,
        policy_digest=declared.digest,
        build_id=evidence.candidate_build.id if evidence.candidate_build else None,
        run_id=evidence.run.id if evidence.run else None,
        difference=found.mean if found else None,
        interval=found.interval if found else None,
        p_value=found.p_value if found else None,
        n=found.n if found else 0,
        items_needed=needed,
        next_step=_cheapest(checked, weighed, needed, evidence, policy),
        picks=evidence.picks.statement_ids,
        further=tuple(FurtherArms(suite=one.suite.name, arms=_arms(one)) for one in evidence.further),
        live=tuple(trial.id for trial in evidence.live),
        trainings=tuple(one.evaluation.id for one in evidence.trainings if one.evaluation is not None),
    )


def worth_training_again(evidence: Evidence, policy: Policy) -> bool:
    """Whether other seeds of the training are all that is left to ask: nothing else stops the candidate.

    No look at them comes before, so that stopping early can only spare trainings, and never promote.
    """
    policy = replace(tonight(policy, evidence.nights), training_seeds=1)
    checked = _checked(evidence, policy)
    weighed = weigh(checked)
    by_picks = policy.picks is PicksMay.PROMOTE and picks_could_settle(checked, weighed.stopped)
    return weighed.outcome is Outcome.PROMOTE or (weighed.outcome is Outcome.INCONCLUSIVE and by_picks)


def _checked(evidence: Evidence, policy: Policy) -> list[Checked]:
    return [(rule, rule.check(evidence, policy)) for rule in rules_for(policy, evidence)]


def _reason(weighed: Weighed, found: Difference | None, evidence: Evidence) -> str:
    if weighed.outcome is Outcome.PROMOTE and weighed.picked is not None:
        return promoted_by_picks(weighed.picked, weighed.excused)
    return reason_for(weighed.outcome, weighed.stopped, found, evidence)


def _cheapest(
    checked: Sequence[Checked], weighed: Weighed, needed: int | None, evidence: Evidence, policy: Policy
) -> str | None:
    """What could change the answer; picks first where they could settle it: nothing is written or trained for them."""
    step = next_step_for(weighed.outcome, weighed.stopped, needed, evidence)
    could = weighed.outcome is Outcome.INCONCLUSIVE and picks_could_settle(checked, weighed.stopped)
    picking = step_by_picks(evidence.picks, policy) if could else None
    return step if picking is None else f"{picking} Otherwise: {step}"


def _arms(evidence: Evidence | SuiteEvidence) -> tuple[tuple[Arm, str], ...]:
    candidate = () if evidence.candidate is None else ((Arm.CANDIDATE, evidence.candidate.id),)
    others = tuple((arm, evaluation.id) for arm, evaluation in evidence.others)
    return ((Arm.CHAMPION, evidence.champion.id), *candidate, *others)
