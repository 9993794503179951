"""How many units it would take to settle what a check could not show, and how long that lasts."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from selftune.gate.comparison import Comparison, compare, unit_scores_of
from selftune.gate.rules.further import NoWorseShown, held_against
from selftune.gate.rules.gain import Gain
from selftune.gate.rules.harm import Guarded
from selftune.gate.statistics.means import spread_for_gain
from selftune.gate.statistics.paired import spread_of
from selftune.gate.statistics.power import items_needed, items_needed_to_hold
from selftune.records import CheckStatus

if TYPE_CHECKING:
    from selftune.gate.base import Evidence
    from selftune.gate.config import Policy
    from selftune.records import Check


def units_needed(check: Check, evidence: Evidence, policy: Policy) -> int | None:
    """Units with which this check could be settled, at the policy's power; None where more units would not help.

    For a gain: what shows the measured one, or the least gain where less was measured. For a guarded category or suite:
    what lifts its interval above the cap if its mean stays where it is.
    """
    family, _, place = check.name.partition(":")
    if check.status is not CheckStatus.NOT_SHOWN:
        return None
    if family == Gain.family:
        return _for_gain(compare(evidence), policy)
    if family == Guarded.family:
        return _for_bound(compare(evidence).of_category(place), policy.guarded_cap, policy)
    compared = held_against(place, evidence, policy) if family == NoWorseShown.family else None
    return None if compared is None else _for_bound(compared, policy.demand_on(place).margin, policy)


def _for_gain(comparison: Comparison, policy: Policy) -> int | None:
    differences = comparison.differences
    gain = max(math.fsum(differences) / len(differences), policy.least_gain)
    return (
        items_needed(
            spread_for_gain(differences, width=comparison.widest), gain, alpha=policy.alpha, power=policy.power
        )
        if gain
        else None
    )


def _for_bound(comparison: Comparison, cap: float, policy: Policy) -> int | None:
    shares = [difference / comparison.widest for difference in comparison.differences]
    return items_needed_to_hold(
        math.fsum(shares) / len(shares),
        spread_of(shares),
        cap / comparison.widest,
        n=len(shares),
        alpha=(1 - policy.level) / 2,
        power=policy.power,
    )


def minutes_of_a_round(evidence: Evidence, *, training: bool) -> int:
    """Minutes that the next try takes at this one's pace: both arms, and the training where it is done again."""
    trained = evidence.run.whole_seconds if training and evidence.run is not None else 0.0
    return max(1, math.ceil((trained + _evaluation_seconds(evidence)) / 60))


def minutes_for(more: int, evidence: Evidence) -> int:
    """Minutes to evaluate both arms on the suite and so many units more, at the pace of this evaluation; at least 1."""
    units = len(unit_scores_of(evidence.champion, evidence))
    return max(1, math.ceil(_evaluation_seconds(evidence) * (units + more) / units / 60))


def _evaluation_seconds(evidence: Evidence) -> float:
    beside = [arm for one in evidence.further for arm in (one.champion, one.candidate)]
    return sum(arm.wall_seconds for arm in (evidence.champion, evidence.candidate, *beside) if arm is not None)
