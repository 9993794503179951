"""The two arms laid side by side, unit by unit."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import fmean
from typing import TYPE_CHECKING

from selftune.gate.statistics.means import paired_gain, paired_harm
from selftune.scoring.units import Mean, UnitScore, mean_of, unit_scores

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from selftune.gate.base import Evidence
    from selftune.gate.statistics.paired import Difference
    from selftune.records import Evaluation


@dataclass(frozen=True, kw_only=True)
class PairedUnit:
    """One unit that both arms have a score for."""

    key: str
    category: str
    agent: str | None
    champion: float
    candidate: float
    weight: float = 1.0

    @property
    def difference(self) -> float:
        """Candidate minus champion."""
        return self.candidate - self.champion


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """The units that both arms have a score for; the others are left out of both."""

    units: tuple[PairedUnit, ...]
    kind: str

    def where(self, wanted: Callable[[PairedUnit], bool]) -> Comparison:
        """The same comparison over the units that are wanted."""
        return Comparison(units=tuple(unit for unit in self.units if wanted(unit)), kind=self.kind)

    def of_category(self, category: str) -> Comparison:
        """The units of one category."""
        return self.where(lambda unit: unit.category == category)

    def of_agent(self, agent: str) -> Comparison:
        """The units of one agent."""
        return self.where(lambda unit: unit.agent == agent)

    @property
    def differences(self) -> tuple[float, ...]:
        """Candidate minus champion, unit by unit, times its weight beside the usual one: their mean is the weighted."""
        return tuple(
            unit.difference * share for unit, share in zip(self.units, relative_weights(self.units), strict=True)
        )

    @property
    def widest(self) -> float:
        """The largest difference there could be: how much the heaviest unit weighs beside the usual one."""
        return max(relative_weights(self.units), default=1.0)

    def gain(self, level: float) -> Difference | None:
        """What the differences say of a gain; None when there are none."""
        return paired_gain(self.differences, level, width=self.widest) if self.units else None

    def difference(self, level: float) -> Difference | None:
        """What the differences say of harm, room left for what was not seen; None when there are none."""
        return paired_harm(self.differences, level, width=self.widest) if self.units else None


def relative_weights(units: Sequence[PairedUnit]) -> tuple[float, ...]:
    """Each unit's weight beside the mean weight; 1 for all where all weigh the same."""
    if len({unit.weight for unit in units}) <= 1:
        return (1.0,) * len(units)
    usual = fmean(unit.weight for unit in units)
    return tuple(unit.weight / usual for unit in units)


def compare(evidence: Evidence) -> Comparison:
    """Champion and candidate, unit by unit; empty without a candidate."""
    if evidence.candidate is None:
        return Comparison(units=(), kind=evidence.suite.unit)
    return _pair(unit_scores_of(evidence.champion, evidence), unit_scores_of(evidence.candidate, evidence), evidence)


def _pair(champion: dict[str, UnitScore], candidate: dict[str, UnitScore], evidence: Evidence) -> Comparison:
    units = [
        PairedUnit(
            key=key, category=new.category, agent=new.agent, champion=old.value, candidate=new.value, weight=new.weight
        )
        for key, new in candidate.items()
        if (old := champion.get(key)) is not None and old.value is not None and new.value is not None
    ]
    return Comparison(units=tuple(units), kind=evidence.suite.unit)


def unit_scores_of(evaluation: Evaluation, evidence: Evidence) -> dict[str, UnitScore]:
    """One arm's unit scores by key, in the suite's unit."""
    return {unit.key: unit for unit in unit_scores(evaluation.outcomes, evidence.suite.unit)}


def arm_mean(evaluation: Evaluation, evidence: Evidence, level: float) -> Mean:
    """One arm's mean over the units it has a score for."""
    return mean_of(unit_scores_of(evaluation, evidence).values(), level)
