"""Gains on items that lessons were made for, apart from gains on all others.

Lessons written for the weakest items of a suite lift these items first. Reported as one number, that reads as progress;
it may be no more than the exam learnt by heart (mission F3).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from selftune.gate.statistics.means import paired_gain
from selftune.scoring.units import unit_scores

if TYPE_CHECKING:
    from collections.abc import Set as AbstractSet

    from selftune.gate.statistics.paired import Difference
    from selftune.records import Evaluation


@dataclass(frozen=True, kw_only=True)
class TargetedGain:
    """Candidate minus champion on the units with a targeted item, and on those without; None where there are none."""

    targeted: Difference | None
    others: Difference | None


def split_gain(
    champion: Evaluation, candidate: Evaluation, targeted: AbstractSet[str], *, unit: str, level: float = 0.95
) -> TargetedGain:
    """The paired difference on both sides of the line; a pair counts as targeted when one of its items is.

    `targeted` holds ids of items that lessons were made for, or lie close to; `unit` is `pair` or `item`, as the suite
    counts.
    """
    before = {each.key: each.value for each in unit_scores(champion.outcomes, unit)}
    marked = {
        outcome.pair if unit == "pair" and outcome.pair is not None else outcome.item_id
        for outcome in candidate.outcomes
        if outcome.item_id in targeted
    }
    sides: dict[bool, list[float]] = {True: [], False: []}
    for each in unit_scores(candidate.outcomes, unit):
        old = before.get(each.key)
        if old is not None and each.value is not None:
            sides[each.key in marked].append(each.value - old)
    return TargetedGain(targeted=_difference(sides[True], level), others=_difference(sides[False], level))


def _difference(differences: list[float], level: float) -> Difference | None:
    return paired_gain(differences, level) if differences else None
