"""A decision made again when a person has picked: what was measured stands, and the picks are laid beside it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from selftune.gate.picks.words import promoted_by_picks, step_by_picks
from selftune.gate.reasons import NEXT_BY_FAMILY
from selftune.gate.rules import enforced_rules
from selftune.gate.rules.picks import PersonsPicks, check_picks
from selftune.gate.weighing import picks_could_settle, weigh
from selftune.records import Outcome

if TYPE_CHECKING:
    from collections.abc import Sequence

    from selftune.context import Context
    from selftune.gate.config import Policy
    from selftune.gate.picks.base import Picks
    from selftune.gate.weighing import Checked, Weighed
    from selftune.records import Check, Decision

STAGE_VERSION: Final = 1


@dataclass(frozen=True, kw_only=True)
class Reopened:
    """A decision and what was picked about its two builds."""

    decision: Decision
    picks: Picks


def decide_again(inputs: Reopened, policy: Policy, context: Context) -> Decision:
    """The decision with the picks among its checks; under the policy it was made under, nothing else is asked anew.

    So no veto is lost: every check of before is weighed again as it was measured.
    """
    del context
    return weigh_again(inputs, policy)


def weigh_again(inputs: Reopened, policy: Policy) -> Decision:
    """`decide_again` as a function of what it looks at alone."""
    decision, picks = inputs.decision, inputs.picks
    others = [check for check in decision.checks if _family(check) != PersonsPicks.family]
    picked = check_picks(picks, policy)
    rules = enforced_rules()
    checked: list[Checked] = [(rules[_family(check)], check) for check in (*others, picked)]
    weighed = weigh(checked)
    return replace(
        decision,
        outcome=weighed.outcome,
        reason=_reason(decision, weighed, picked),
        checks=(*others, picked),
        items_needed=decision.items_needed if weighed.outcome is decision.outcome else None,
        next_step=_next_step(checked, weighed, picks, policy),
        picks=picks.statement_ids,
    )


def _family(check: Check) -> str:
    return check.name.partition(":")[0]


def _reason(decision: Decision, weighed: Weighed, picked: Check) -> str:
    if weighed.picked is not None and weighed.outcome is Outcome.PROMOTE:
        return promoted_by_picks(weighed.picked, weighed.excused)
    if weighed.picked is not None:
        return f"A person's picks speak for the candidate, but {weighed.stopped[0].detail}."
    if picked in weighed.stopped:
        return f"A person who picked blind prefers the champion: {picked.detail}."
    return decision.reason


def _next_step(checked: Sequence[Checked], weighed: Weighed, picks: Picks, policy: Policy) -> str | None:
    if weighed.outcome is Outcome.PROMOTE:
        return None
    step = step_by_picks(picks, policy) if picks_could_settle(checked, weighed.stopped) else None
    return step or NEXT_BY_FAMILY[_family(weighed.stopped[0])]
