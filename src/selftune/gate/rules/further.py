"""Rules on the suites beside the one that decides: they may stop a candidate, and never promote one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from selftune.gate.comparison import compare
from selftune.gate.config import Against
from selftune.gate.rules.enforced import HARM_SHOWN, MUST_BE_SHOWN, VALIDITY, EnforcedRule, in_words
from selftune.gate.rules.harm import FALL_IN_WORDS, fall_status
from selftune.gate.rules.identity import IDENTITY
from selftune.gate.rules.leakage import LEAKAGE
from selftune.gate.rules.validity import NO_CANDIDATE, EvaluationsComplete, ProofsMatch, SameConditions
from selftune.records import Check, CheckStatus

if TYPE_CHECKING:
    from collections.abc import Iterator

    from selftune.gate.base import Evidence
    from selftune.gate.comparison import Comparison, PairedUnit
    from selftune.gate.config import Policy
    from selftune.records import Suite

REGRESSION = "regression"
"""The purpose of a suite that grows by every failure that was mended; it has a rule of its own."""

HOLDOUT = "holdout"
"""The suite of what a dataset holds out."""

GOLDEN = "golden"
"""Its category of prompts to which the log holds a golden answer."""

_NAMED = 5


@dataclass(frozen=True)
class _OnSuite(EnforcedRule):
    """A rule on one further suite."""

    suite: str

    @property
    def name(self) -> str:
        """Family and suite."""
        return f"{self.family}:{self.suite}"


class FurtherSound(_OnSuite):
    """Every further suite was asked of all arms alike, as served, and scored."""

    family = "further_sound"
    consequence = VALIDITY
    required = True

    @classmethod
    def needed(cls, policy: Policy, evidence: Evidence) -> tuple[EnforcedRule, ...]:
        """One for each further suite."""
        del policy
        return tuple(cls(each.suite.name) for each in evidence.further)

    def check(self, evidence: Evidence, policy: Policy) -> Check:
        """What the rules on the measurement say there; the first that does not pass, else that all do."""
        seen = evidence.on_suite(self.suite)
        if seen is None:
            return self.unmeasured(f"suite {self.suite!r} was not asked")
        base = seen.against_base()
        found = [rule.check(seen, policy) for rule in (EvaluationsComplete(), ProofsMatch(), SameConditions())]
        if base is not None:
            found += [rule.check(base, policy) for rule in (EvaluationsComplete(), SameConditions())]
        told = next((one for one in found if one.status is not CheckStatus.PASS), found[-1])
        return Check(name=self.name, status=told.status, detail=f"{self.suite}: {told.detail}")


class NoWorse(_OnSuite):
    """On each further suite the candidate is not shown to fall behind the champion, or the base, by the margin."""

    family = "no_worse"
    consequence = HARM_SHOWN
    settings = ("suites",)

    @classmethod
    def needed(cls, policy: Policy, evidence: Evidence) -> tuple[EnforcedRule, ...]:
        """One for each further suite that is not guarded, and for each the policy requires."""
        return tuple(cls(name) for name in _places(policy, evidence, guarded=False))

    def check(self, evidence: Evidence, policy: Policy) -> Check:
        """Fails when it fell behind by the margin or more and the fall is clear of noise."""
        if evidence.candidate is None:
            return self.unmeasured(NO_CANDIDATE)
        demand = policy.demand_on(self.suite)
        compared = held_against(self.suite, evidence, policy)
        if compared is None:
            return self.unmeasured(f"suite {self.suite!r} was not asked of the candidate and the {demand.against}")
        found = compared.difference(policy.level)
        if found is None or found.n < policy.min_units:
            n = len(compared.units)
            return self.unmeasured(f"only {n} {compared.kind}s of {self.suite} were scored, {policy.min_units} needed")
        status = fall_status(found.mean, found.interval, demand.margin)
        told = FALL_IN_WORDS[status].format(demand.margin)
        detail = f"{self.suite} {in_words(found)} against the {demand.against}: {told}{_broken(compared.units)}"
        return self.measured(status, f"{detail}{_golden_alone(self.suite, compared, policy)}", found, -demand.margin)


class NoWorseShown(NoWorse):
    """On each guarded further suite it is shown that the candidate does not fall behind by the margin."""

    family = "no_worse_shown"
    consequence = MUST_BE_SHOWN

    @classmethod
    def needed(cls, policy: Policy, evidence: Evidence) -> tuple[EnforcedRule, ...]:
        """One for each guarded further suite."""
        return tuple(cls(name) for name in _places(policy, evidence, guarded=True))


def held_against(suite: str, evidence: Evidence, policy: Policy) -> Comparison | None:
    """The candidate beside whom the policy names for this suite; None where one of them was not asked it."""
    seen = evidence.on_suite(suite)
    if seen is not None and policy.demand_on(suite).against is Against.BASE:
        seen = seen.against_base()
    return None if seen is None or seen.candidate is None else compare(seen)


def _places(policy: Policy, evidence: Evidence, *, guarded: bool) -> Iterator[str]:
    """Suites that are held against champion or base, those among them that the policy guards or does not.

    The suite that decides is among them where the policy names it.
    """
    beside = [each.suite for each in evidence.further if not has_own_rule(each.suite)]
    deciding = [evidence.suite.name] if evidence.suite.name in dict(policy.suites) else []
    asked = [*deciding, *(suite.name for suite in beside)]
    for name in dict.fromkeys((*asked, *policy.required_suites)):
        if policy.demand_on(name).guarded is guarded:
            yield name


def has_own_rule(suite: Suite) -> bool:
    """Whether a further suite is looked at by a rule of its own instead of being held against an arm as a whole.

    Conversations are few and long: what counts is the turn at which each of them breaks.
    """
    return (
        suite.purpose in {REGRESSION, IDENTITY} or suite.name == LEAKAGE or all(item.follow_ups for item in suite.items)
    )


class Regression(_OnSuite):
    """What was mended once stays mended: no more items of the regression suite break than noise explains."""

    family = "regression"
    consequence = HARM_SHOWN

    @classmethod
    def needed(cls, policy: Policy, evidence: Evidence) -> tuple[EnforcedRule, ...]:
        """One, where the project has such a suite."""
        del policy
        return tuple(cls(each.suite.name) for each in evidence.further if each.suite.purpose == REGRESSION)

    def check(self, evidence: Evidence, policy: Policy) -> Check:
        """Fails when the fall is clear of noise; names what broke. However few its items are, each of them counts."""
        seen = evidence.on_suite(self.suite)
        if seen is None or seen.candidate is None:
            return self.unmeasured(NO_CANDIDATE)
        compared = compare(seen)
        found = compared.difference(policy.level)
        if found is None:
            return self.unmeasured("no item of the regression suite was scored in both arms")
        status = CheckStatus.PASS if found.lost == 0 else fall_status(found.mean, found.interval, 0.0)
        detail = f"{found.lost} of {found.n} {compared.kind}s broke again, {found.gained} mended"
        return self.measured(status, f"{detail}{_broken(compared.units)}", found, 0.0)


def _golden_alone(suite: str, compared: Comparison, policy: Policy) -> str:
    """The golden prompts of the hold-out by themselves: printed, while all of it decides (mission A30, A31)."""
    golden = compared.of_category(GOLDEN).difference(policy.level) if suite == HOLDOUT else None
    return "" if golden is None else f"; golden alone {in_words(golden)} of {golden.n}"


def _broken(units: tuple[PairedUnit, ...]) -> str:
    """The units that fell furthest, by name; nothing where none fell."""
    fell = sorted((unit for unit in units if unit.difference < 0), key=lambda unit: (unit.difference, unit.key))
    if not fell:
        return ""
    more = f" and {len(fell) - _NAMED} more" if len(fell) > _NAMED else ""
    return f"; newly broken: {', '.join(unit.key for unit in fell[:_NAMED])}{more}"
