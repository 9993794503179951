"""What came of a candidate on real requests, as the gate looks at it; and a decision made again by it.

Live evidence may stop a promotion and never makes one: a decision that was not for the candidate is not turned by it,
unless all that was missing is the trial that the policy itself asks for.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from selftune.gate.picks.words import promoted_by_picks
from selftune.gate.reasons import NEXT_BY_FAMILY
from selftune.gate.rules import enforced_rules
from selftune.gate.rules.live import LiveKept, live_checks
from selftune.gate.weighing import weigh
from selftune.records import Outcome

if TYPE_CHECKING:
    from collections.abc import Sequence

    from selftune.context import Context
    from selftune.gate.config import Policy
    from selftune.gate.weighing import Checked, Weighed
    from selftune.records import Check, Decision, LiveTrial

STAGE_VERSION: Final = 1


@dataclass(frozen=True, kw_only=True)
class Lived:
    """A decision, and the trials of its candidate beside its champion, in the order in which they ended."""

    decision: Decision
    trials: tuple[LiveTrial, ...]


def decide_live(inputs: Lived, policy: Policy, context: Context) -> Decision:
    """The decision with its candidate's trials among its checks; under the policy it was made under, nothing else anew.

    So no veto is lost: every check of before is weighed again as it was measured.
    """
    del context
    decision = inputs.decision
    others = [check for check in decision.checks if _family(check) != LiveKept.family]
    lived = live_checks(inputs.trials, policy)
    rules = enforced_rules()
    checked: list[Checked] = [(rules[_family(check)], check) for check in (*others, *lived)]
    weighed = weigh(checked)
    return replace(
        decision,
        outcome=weighed.outcome,
        reason=_reason(decision, weighed),
        checks=(*others, *lived),
        items_needed=decision.items_needed if weighed.outcome is decision.outcome else None,
        next_step=_next_step(decision, weighed),
        live=tuple(trial.id for trial in inputs.trials),
    )


def _family(check: Check) -> str:
    return check.name.partition(":")[0]


def _reason(decision: Decision, weighed: Weighed) -> str:
    stopped = [check for check in weighed.stopped if _family(check) == LiveKept.family]
    if stopped:
        return f"On real requests: {stopped[0].detail}."
    if weighed.outcome is Outcome.PROMOTE and weighed.picked is not None:
        return promoted_by_picks(weighed.picked, weighed.excused)
    if weighed.outcome is decision.outcome:
        return decision.reason
    return f"{_in_words(decision)}On real requests no harm was shown."


def _in_words(decision: Decision) -> str:
    if decision.difference is None or decision.interval is None:
        return ""
    low, high = decision.interval
    return f"Better by {decision.difference:+.2f} [{low:+.2f}, {high:+.2f}] on {decision.n}. "


def _next_step(decision: Decision, weighed: Weighed) -> str | None:
    if weighed.outcome is Outcome.PROMOTE:
        return None
    if weighed.outcome is decision.outcome and decision.next_step is not None:
        return decision.next_step
    return _first_step(weighed.stopped)


def _first_step(stopped: Sequence[Check]) -> str:
    return NEXT_BY_FAMILY[_family(stopped[0])]
