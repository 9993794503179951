"""Night after night: how much of a policy's alpha tonight's test may spend."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from selftune.gate.config import AlphaOverNights
from selftune.gate.statistics.many import LordPlan, alpha_for
from selftune.records import Outcome

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from selftune.gate.config import Policy
    from selftune.records import Decision


def nights_of(decisions: Iterable[Decision]) -> tuple[bool, ...]:
    """Of each earlier night that tested a gain, whether it promoted; what was invalid tested nothing.

    A decision that was made again by picks is no second test of the gain, and no find of the first.
    """
    tested = (
        one for one in decisions if one.outcome is not Outcome.INVALID and one.p_value is not None and not one.picks
    )
    return tuple(one.outcome is Outcome.PROMOTE for one in tested)


def tonight(policy: Policy, nights: Sequence[bool]) -> Policy:
    """The policy with what these nights left of its alpha; the policy itself where every night tests at alpha."""
    if policy.alpha_over_nights is AlphaOverNights.EACH_NIGHT:
        return policy
    plan = LordPlan(alpha=policy.alpha, wealth=policy.alpha / 2)
    return replace(policy, alpha=alpha_for(nights, most=policy.alpha, plan=plan))


def alpha_in_words(policy: Policy, nights: Sequence[bool]) -> str:
    """How tonight's alpha came about; nothing where every night tests at alpha."""
    if policy.alpha_over_nights is AlphaOverNights.EACH_NIGHT:
        return ""
    season = LordPlan().season
    number = len(nights) % season + 1
    return f"; alpha {policy.alpha:.4f}, test {number} of a season of {season} by LORD++"
