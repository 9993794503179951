"""Vetoes: what a higher mean may not be bought with."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from statistics import fmean
from typing import TYPE_CHECKING

from selftune.gate.comparison import Comparison, compare, unit_scores_of
from selftune.gate.rules.enforced import HARM_SHOWN, MUST_BE_SHOWN, EnforcedRule, in_words
from selftune.gate.rules.validity import NO_CANDIDATE
from selftune.gate.statistics.paired import Difference, paired_difference
from selftune.records import Check, CheckStatus
from selftune.scoring.units import mean_of

if TYPE_CHECKING:
    from selftune.gate.base import Evidence
    from selftune.gate.config import Policy
    from selftune.records import Evaluation

_ROUNDING = 1e-9
"""So that a fall of exactly the cap counts as one, whatever floating point made of it."""


def fall_status(mean: float, interval: tuple[float, float], cap: float) -> CheckStatus:
    """Whether a fall of `cap` or more is shown, ruled out, or neither.

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
        if found is None or found.n < policy.min_units:
            n = len(part.units)
            return self.unmeasured(f"only {n} {part.kind}s of {self.place} were scored, {policy.min_units} are needed")
        status = fall_status(found.mean, found.interval, cap)
        verdict = {
            CheckStatus.PASS: f"no fall of {cap:.2f} or more",
            CheckStatus.FAIL: f"fell by {cap:.2f} or more",
            CheckStatus.NOT_SHOWN: f"a fall of {cap:.2f} is neither shown nor ruled out",
        }[status]
        return self.measured(status, f"{self.place} {in_words(found)}: {verdict}", found, -cap)


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


def agents_of(evidence: Evidence) -> tuple[str, ...]:
    """The agents that the suite's items name, in alphabetical order."""
    return tuple(sorted({item.agent for item in evidence.suite.items if item.agent is not None}))


class Floor(_Part):
    """A category with a floor stays above it, whatever the champion had."""

    family = "floor"
    consequence = MUST_BE_SHOWN
    settings = ("floors",)

    @classmethod
    def needed(cls, policy: Policy, evidence: Evidence) -> tuple[EnforcedRule, ...]:
        """One for each floor."""
        del evidence
        return tuple(cls(category) for category, _ in policy.floors)

    def check(self, evidence: Evidence, policy: Policy) -> Check:
        """Fails below the floor; in a guarded category the interval's lower bound must reach it too."""
        if evidence.candidate is None:
            return self.unmeasured(NO_CANDIDATE)
        floor = dict(policy.floors)[self.place]
        units = unit_scores_of(evidence.candidate, evidence).values()
        mean = mean_of([unit for unit in units if unit.category == self.place], policy.level)
        if mean.value is None or mean.interval is None or mean.n < policy.min_units:
            kind = evidence.suite.unit
            return self.unmeasured(f"only {mean.n} {kind}s of {self.place} were scored, {policy.min_units} are needed")
        guarded = self.place in policy.guarded_among(evidence.suite.categories)
        status = CheckStatus.PASS
        if mean.value < floor:
            status = CheckStatus.FAIL
        elif guarded and mean.interval[0] < floor:
            status = CheckStatus.NOT_SHOWN
        told = f"{self.place} {mean.value:.2f} [{mean.interval[0]:.2f}, {mean.interval[1]:.2f}], floor {floor:.2f}"
        return Check(
            name=self.name,
            status=status,
            detail=told,
            measured=mean.value,
            threshold=floor,
            interval=mean.interval,
            n=mean.n,
        )


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
        found = paired_difference(growth, policy.level)
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


class Parity(EnforcedRule):
    """The form that is served agrees with what was trained."""

    family = "parity"
    consequence = HARM_SHOWN

    def check(self, evidence: Evidence, policy: Policy) -> Check:
        """Fails when a parity figure of the candidate's build misses its threshold."""
        del policy
        build = evidence.candidate_build
        if build is None:
            return self.unmeasured(NO_CANDIDATE)
        if not build.parity:
            if build.run_id is None:
                return self.passed("nothing was merged or quantised")
            return self.unmeasured("no parity was measured for this build")
        told = ", ".join(f"{one.name} {one.measured:.3g} of {one.threshold:.3g} (n = {one.n})" for one in build.parity)
        return self.passed(told) if all(one.passed for one in build.parity) else self.failed(told)
