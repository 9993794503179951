"""The rule on sets of categories that a policy names: some losses show only together, as of reasoning (mission C21)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from selftune.gate.comparison import compare
from selftune.gate.config import Against
from selftune.gate.rules.enforced import HARM_SHOWN, EnforcedRule, in_words
from selftune.gate.rules.harm import FALL_IN_WORDS, fall_status
from selftune.gate.rules.validity import NO_CANDIDATE

if TYPE_CHECKING:
    from selftune.gate.base import Evidence
    from selftune.gate.config import Policy
    from selftune.records import Check


@dataclass(frozen=True)
class SetCap(EnforcedRule):
    """On each set of categories that the policy names the candidate is not shown to fall behind by the set's margin."""

    suite: str
    place: str

    family = "set_cap"
    consequence = HARM_SHOWN

    @property
    def name(self) -> str:
        """Family, suite and set."""
        return f"{self.family}:{self.suite}/{self.place}"

    @classmethod
    def needed(cls, policy: Policy, evidence: Evidence) -> tuple[EnforcedRule, ...]:
        """One for each set of each suite that was asked."""
        names = (seen.suite.name for seen in evidence.on_each_suite())
        return tuple(cls(name, place) for name in names for place, _ in policy.demand_on(name).sets)

    def check(self, evidence: Evidence, policy: Policy) -> Check:
        """Fails when the candidate fell behind on the set by its margin or more, clear of noise."""
        demand = dict(policy.demand_on(self.suite).sets)[self.place]
        seen = evidence.on_suite(self.suite)
        if seen is not None and demand.against is Against.BASE:
            seen = seen.against_base()
        if evidence.candidate is None:
            return self.unmeasured(NO_CANDIDATE)
        if seen is None or seen.candidate is None:
            return self.unmeasured(f"{self.suite} was not asked of the candidate and the {demand.against}")
        compared = compare(seen).where(lambda unit: unit.category in demand.categories)
        found = compared.difference(policy.level)
        if found is None or found.n < policy.min_units:
            n, kind = len(compared.units), compared.kind
            return self.unmeasured(f"only {n} {kind}s of {self.place} were scored, {policy.min_units} are needed")
        status = fall_status(found.mean, found.interval, demand.margin)
        told = FALL_IN_WORDS[status].format(demand.margin)
        detail = f"{self.place} of {self.suite} {in_words(found)} against the {demand.against}: {told}"
        return self.measured(status, detail, found, -demand.margin)
