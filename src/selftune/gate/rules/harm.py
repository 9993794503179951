"""Vetoes: what a higher mean may not be bought with."""

from __future__ import annotations

import math
import sys
from collections import Counter, defaultdict
from dataclasses import dataclass
from statistics import fmean
from typing import TYPE_CHECKING, Final

from selftune.gate.comparison import Comparison, compare, unit_scores_of
from selftune.gate.rules.enforced import HARM_SHOWN, MUST_BE_SHOWN, EnforcedRule, in_words
from selftune.gate.rules.validity import NO_CANDIDATE
from selftune.gate.statistics.means import paired_growth
from selftune.records import Check, CheckStatus
from selftune.scoring.intervals import normal_quantile
from selftune.scoring.units import mean_of

if TYPE_CHECKING:
    from selftune.gate.base import Evidence
    from selftune.gate.config import Policy
    from selftune.gate.statistics.paired import Difference
    from selftune.records import Evaluation
    from selftune.scoring.units import UnitScore

_ROUNDING = 1e-9
"""So that a fall of exactly the cap counts as one, whatever floating point made of it."""


FALL_IN_WORDS: Final = {
    CheckStatus.PASS: "no fall of {:.2f} or more",
    CheckStatus.FAIL: "fell by {:.2f} or more",
    CheckStatus.NOT_SHOWN: "a fall of {:.2f} is neither shown nor ruled out",
}
"""What `fall_status` found, for a margin."""


def fall_status(mean: float, interval: tuple[float, float], cap: float) -> CheckStatus:
    """Whether a fall of `cap` or more is shown, ruled out, or neither, by the interval of `paired_harm`.

    Shown: it was measured, and the interval lies wholly below zero. Ruled out: the interval lies above `-cap`.
    """
    low, high = interval
    if mean <= -cap + _ROUNDING and high < 0:
        return CheckStatus.FAIL
    return CheckStatus.PASS if low > -cap else CheckStatus.NOT_SHOWN


@dataclass(frozen=True)
class _Part(EnforcedRule):
    """A rule on one category or one agent."""

    place: str

    @property
    def name(self) -> str:
        """Family and place."""
        return f"{self.family}:{self.place}"

    def judge_fall(self, evidence: Evidence, policy: Policy, part: Comparison, cap: float) -> Check:
        """One check of a fall in this part of the suite."""
        if evidence.candidate is None:
            return self.unmeasured(NO_CANDIDATE)
        found = part.difference(policy.level)
        if found is None or found.n < policy.min_part_units:
            n, needed = len(part.units), policy.min_part_units
            return self.unmeasured(f"only {n} {part.kind}s of {self.place} were scored, {needed} are needed")
        status = fall_status(found.mean, found.interval, cap)
        told = FALL_IN_WORDS[status].format(cap)
        return self.measured(status, f"{self.place} {in_words(found)}: {told}", found, -cap)


class CategoryCap(_Part):
    """No category falls by the cap or more, as far as can be shown."""

    family = "category_cap"
    consequence = HARM_SHOWN
    settings = ("category_cap",)

    @classmethod
    def needed(cls, policy: Policy, evidence: Evidence) -> tuple[EnforcedRule, ...]:
        """One for each category that is not guarded: there, more is asked."""
        guarded = policy.guarded_among(evidence.suite.categories) if Guarded.family in policy.rules else ()
        return tuple(cls(category) for category in evidence.suite.categories if category not in guarded)

    def check(self, evidence: Evidence, policy: Policy) -> Check:
        """Fails when the category fell by the cap and the fall is clear of noise."""
        return self.judge_fall(evidence, policy, compare(evidence).of_category(self.place), policy.category_cap)


class Guarded(_Part):
    """In each guarded category it is shown that nothing fell by the guarded cap or more."""

    family = "guarded"
    consequence = MUST_BE_SHOWN
    settings = ("guarded", "guarded_cap")

    @classmethod
    def needed(cls, policy: Policy, evidence: Evidence) -> tuple[EnforcedRule, ...]:
        """One for each guarded category."""
        return tuple(cls(category) for category in policy.guarded_among(evidence.suite.categories))

    def check(self, evidence: Evidence, policy: Policy) -> Check:
        """Passes only when the whole interval lies above minus the guarded cap."""
        return self.judge_fall(evidence, policy, compare(evidence).of_category(self.place), policy.guarded_cap)


class AgentCap(_Part):
    """No agent falls by the cap or more, as far as can be shown."""

    family = "agent_cap"
    consequence = HARM_SHOWN
    settings = ("agent_cap",)

    @classmethod
    def needed(cls, policy: Policy, evidence: Evidence) -> tuple[EnforcedRule, ...]:
        """One for each agent of the suite; none when it has no agents."""
        del policy
        return tuple(cls(agent) for agent in agents_of(evidence))

    def check(self, evidence: Evidence, policy: Policy) -> Check:
        """Fails when the agent fell by the cap and the fall is clear of noise."""
        return self.judge_fall(evidence, policy, compare(evidence).of_agent(self.place), policy.agent_cap)


def agents_of(evidence: Evidence, category: str | None = None) -> tuple[str, ...]:
    """The agents that the suite's items name, those of one category or all, in alphabetical order."""
    items = [item for item in evidence.suite.items if category in {None, item.category}]
    return tuple(sorted({item.agent for item in items if item.agent is not None}))


@dataclass(frozen=True)
class Floor(_Part):
    """A category with a floor stays above it, overall and for each agent, whatever the champion had.

    Attributes:
        suite: The suite whose demand sets the floor; None for one of the policy on the suite that decides.
        agent: Whose items alone are looked at; None for all.
    """

    suite: str | None = None
    agent: str | None = None

    family = "floor"
    consequence = MUST_BE_SHOWN
    settings = ("floors",)

    @property
    def name(self) -> str:
        """Family, suite where it is a demand on one, category, and agent where it is of one."""
        return f"{self.family}:{'/'.join(part for part in (self.suite, self.place, self.agent) if part is not None)}"

    @classmethod
    def needed(cls, policy: Policy, evidence: Evidence) -> tuple[EnforcedRule, ...]:
        """One for each floor, and one for each agent that is asked items of its category."""
        wanted: list[tuple[Evidence, str | None, str]] = [(evidence, None, category) for category, _ in policy.floors]
        for seen in evidence.on_each_suite():
            named = seen.suite.name
            wanted += [(seen, named, category) for category, _ in policy.demand_on(named).floors]
        return tuple(
            cls(category, suite, agent)
            for seen, suite, category in wanted
            for agent in (None, *agents_of(seen, category))
        )

    def check(self, evidence: Evidence, policy: Policy) -> Check:
        """Fails below the floor; where it is guarded the interval's lower bound must reach it too."""
        seen = evidence if self.suite is None else evidence.on_suite(self.suite)
        if seen is None or seen.candidate is None:
            return self.unmeasured(NO_CANDIDATE)
        floor = dict(policy.floors if self.suite is None else policy.demand_on(self.suite).floors)[self.place]
        units = unit_scores_of(seen.candidate, seen).values()
        mean = mean_of([unit for unit in units if self._looks_at(unit)], policy.level)
        where = self.place if self.agent is None else f"{self.place} of {self.agent}"
        guarded = self.suite is not None or self.place in policy.guarded_among(seen.suite.categories)
        fewest = fewest_above(floor, policy.level) if guarded else policy.min_part_units
        if mean.value is None or mean.interval is None or mean.n < fewest:
            kind = seen.suite.unit
            return self.unmeasured(f"only {mean.n} {kind}s of {where} were scored, {fewest} are needed")
        status = CheckStatus.PASS
        if mean.value < floor:
            status = CheckStatus.FAIL
        elif guarded and mean.interval[0] < floor:
            status = CheckStatus.NOT_SHOWN
        return Check(
            name=self.name,
            status=status,
            detail=f"{where} {mean.value:.2f} [{mean.interval[0]:.2f}, {mean.interval[1]:.2f}], floor {floor:.2f}",
            measured=mean.value,
            threshold=floor,
            interval=mean.interval,
            n=mean.n,
        )

    def _looks_at(self, unit: UnitScore) -> bool:
        return unit.category == self.place and self.agent in {None, unit.agent}


def fewest_above(floor: float, level: float) -> int:
    """Units of which all must be right for the interval's lower bound to reach a floor; with fewer nothing is shown.

    Solved from Wilson's bound n / (n + z squared) of n right of n.
    """
    z = normal_quantile(level)
    return max(1, math.ceil(z * z * floor / (1 - floor) - _ROUNDING)) if floor < 1 else sys.maxsize


class CriticalFailures(EnforcedRule):
    """Critical failures do not grow beyond what the policy allows."""

    family = "critical_failures"
    consequence = HARM_SHOWN
    settings = ("critical_growth", "max_critical_failures")

    def check(self, evidence: Evidence, policy: Policy) -> Check:
        """Fails when their share of the items grew beyond the allowance, clear of noise, or when there are too many."""
        if evidence.candidate is None:
            return self.unmeasured(NO_CANDIDATE)
        old, new = _critical_share(evidence.champion), _critical_share(evidence.candidate)
        growth = [new[item] - old[item] for item in new if item in old]
        if not growth:
            return self.unmeasured("no item was scored in both arms")
        found = paired_growth(growth, policy.level)
        before, after = _critical_names(evidence.champion), _critical_names(evidence.candidate)
        status = self._status(found, _critical_count(evidence.candidate), policy)
        told = f"critical failures before: {before}, after: {after}; growth per item {in_words(found)}"
        return self.measured(status, told, found, policy.critical_growth)

    @staticmethod
    def _status(found: Difference, count: int, policy: Policy) -> CheckStatus:
        if policy.max_critical_failures is not None and count > policy.max_critical_failures:
            return CheckStatus.FAIL
        if found.mean <= policy.critical_growth:
            return CheckStatus.PASS
        return CheckStatus.FAIL if found.interval[0] > 0 else CheckStatus.NOT_SHOWN


def _critical_share(evaluation: Evaluation) -> dict[str, float]:
    """Share of an item's scored repeats that show a critical failure, by item."""
    shown: dict[str, list[bool]] = defaultdict(list)
    for outcome in evaluation.outcomes:
        if outcome.score is not None:
            shown[outcome.item_id].append(bool(outcome.critical_failures))
    return {item: fmean(repeats) for item, repeats in shown.items()}


def _critical_names(evaluation: Evaluation) -> str:
    """Each failure by its name with its count: `12 forbidden_accepted`; `none` without any."""
    names = Counter(name for outcome in evaluation.outcomes for name in outcome.critical_failures)
    return ", ".join(f"{count} {name}" for name, count in sorted(names.items())) or "none"


def _critical_count(evaluation: Evaluation) -> int:
    return sum(bool(outcome.critical_failures) for outcome in evaluation.outcomes)
