"""Rules on the tiers of a suite: what is known by heart shows on items nobody ever worked on (mission C20, C21)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

from selftune.gate.comparison import compare
from selftune.gate.config import Against
from selftune.gate.rules.enforced import HARM_SHOWN, EnforcedRule, in_words
from selftune.gate.rules.harm import FALL_IN_WORDS, fall_status
from selftune.gate.rules.validity import NO_CANDIDATE
from selftune.records import Arm, Check

if TYPE_CHECKING:
    from collections.abc import Iterator

    from selftune.gate.base import Evidence
    from selftune.gate.config import Policy
    from selftune.records import Evaluation, Suite

EXTENDED = "extended"
HELD_OUT = "held_out"


def has_tier(suite: Suite, *tiers: str) -> bool:
    """Whether a suite has items of one of these tiers."""
    return any(item.tier in tiers for item in suite.items)


@dataclass(frozen=True)
class _Tier(EnforcedRule):
    """A rule on the items of one tier in one suite, against one arm."""

    suite: str
    against: Against

    family: ClassVar[str]
    margin: ClassVar[str]
    consequence = HARM_SHOWN

    @property
    def name(self) -> str:
        """Tier, suite and whom the candidate is held against."""
        return f"{self.family}:{self.suite}/{self.against}"

    @classmethod
    def places(cls, evidence: Evidence) -> Iterator[Evidence]:
        """The suites that have items of this tier."""
        return (each for each in evidence.on_each_suite() if has_tier(each.suite, cls.family))

    def check(self, evidence: Evidence, policy: Policy) -> Check:
        """Fails when the candidate fell behind on these items by more than the margin, clear of noise."""
        if evidence.candidate is None:
            return self.unmeasured(NO_CANDIDATE)
        seen = evidence.on_suite(self.suite)
        if seen is not None and self.against is Against.BASE:
            seen = seen.against_base()
        if seen is None or seen.candidate is None:
            return self.unmeasured(f"the {self.against} was not asked the {self.family} items of {self.suite}")
        compared = compare(_only(seen, self.family))
        found = compared.difference(policy.level)
        if found is None or found.n < policy.min_units:
            return self.unmeasured(
                f"only {len(compared.units)} {self.family} {compared.kind}s of {self.suite} were scored, "
                f"{policy.min_units} are needed"
            )
        margin: float = getattr(policy, self.margin)
        status = fall_status(found.mean, found.interval, margin)
        told = FALL_IN_WORDS[status].format(margin)
        detail = f"{self.family} items of {self.suite} {in_words(found)} against the {self.against}: {told}"
        return self.measured(status, detail, found, -margin)


class Extended(_Tier):
    """On extended items the candidate is not shown to fall behind the base by more than the margin."""

    family = EXTENDED
    margin = "extended_margin"
    settings = ("extended_margin",)

    @classmethod
    def needed(cls, policy: Policy, evidence: Evidence) -> tuple[EnforcedRule, ...]:
        """One for each suite that has such items."""
        del policy
        return tuple(cls(each.suite.name, Against.BASE) for each in cls.places(evidence))


class HeldOut(_Tier):
    """On held-out items the candidate is not shown to fall behind the champion, nor the base, by the margin."""

    family = HELD_OUT
    margin = "held_out_margin"
    settings = ("held_out_margin",)

    @classmethod
    def needed(cls, policy: Policy, evidence: Evidence) -> tuple[EnforcedRule, ...]:
        """Two for each suite that has such items; one where the base was not asked it."""
        del policy
        return tuple(
            cls(each.suite.name, against)
            for each in cls.places(evidence)
            for against in Against
            if against is Against.CHAMPION or Arm.BASE in dict(each.others)
        )


def _only(evidence: Evidence, tier: str) -> Evidence:
    """The same evidence on the items of one tier."""
    candidate = None if evidence.candidate is None else _of_tier(evidence.candidate, tier)
    return replace(evidence, champion=_of_tier(evidence.champion, tier), candidate=candidate)


def _of_tier(evaluation: Evaluation, tier: str) -> Evaluation:
    return replace(evaluation, outcomes=tuple(one for one in evaluation.outcomes if one.tier == tier))
