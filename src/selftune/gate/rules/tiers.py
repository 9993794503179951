"""Rules on the tiers of a suite: what is known by heart shows on items nobody ever worked on (mission C20, C21)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from statistics import fmean
from typing import TYPE_CHECKING, ClassVar

from selftune.gate.comparison import compare
from selftune.gate.config import Against
from selftune.gate.rules.enforced import HARM_SHOWN, EnforcedRule, in_words
from selftune.gate.rules.harm import FALL_IN_WORDS, fall_status
from selftune.gate.rules.validity import NO_CANDIDATE
from selftune.gate.statistics.means import paired_gain
from selftune.gate.statistics.student import welch
from selftune.records import Arm, Check, CheckStatus

if TYPE_CHECKING:
    from collections.abc import Iterator

    from selftune.gate.base import Evidence
    from selftune.gate.config import Policy
    from selftune.records import Evaluation, Suite

GOLD = "gold"
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


@dataclass(frozen=True)
class ByHeart(EnforcedRule):
    """What gold items gained is not shown to be missing on held-out ones, as it is where they are known by heart."""

    suite: str

    family = "by_heart"
    consequence = HARM_SHOWN

    @classmethod
    def needed(cls, policy: Policy, evidence: Evidence) -> tuple[EnforcedRule, ...]:
        """One for each suite that has items of both tiers."""
        del policy
        return tuple(
            cls(each.suite.name)
            for each in evidence.on_each_suite()
            if all(has_tier(each.suite, t) for t in (GOLD, HELD_OUT))
        )

    @property
    def name(self) -> str:
        """The rule and the suite."""
        return f"{self.family}:{self.suite}"

    def check(self, evidence: Evidence, policy: Policy) -> Check:
        """Fails when gold items gained more than held-out ones, clear of noise, and these show no gain of their own."""
        seen = evidence.on_suite(self.suite)
        if seen is None or seen.candidate is None:
            return self.unmeasured(NO_CANDIDATE)
        compared = compare(_only(seen, HELD_OUT))
        gold, held_out = compare(_only(seen, GOLD)).differences, compared.differences
        if min(len(gold), len(held_out)) < policy.min_units:
            return self.unmeasured(
                f"{len(gold)} gold and {len(held_out)} held-out {seen.suite.unit}s of {self.suite} were scored, "
                f"{policy.min_units} of each are needed"
            )
        found = welch(held_out, gold, policy.level)
        alone = paired_gain(held_out, policy.level, width=compared.widest)
        interval = found.interval or (found.difference, found.difference)
        missing = interval[0] > 0 >= alone.interval[0]
        return Check(
            name=self.name,
            status=CheckStatus.FAIL if missing else CheckStatus.PASS,
            detail=f"gold items of {self.suite} changed by {fmean(gold):+.2f}, held-out ones by {in_words(alone)}: "
            + ("the gain is known by heart" if missing else "no gain that held-out items are shown to lack"),
            measured=found.difference,
            threshold=0.0,
            interval=interval,
            n=len(gold) + len(held_out),
        )


def _only(evidence: Evidence, tier: str) -> Evidence:
    """The same evidence on the items of one tier."""
    candidate = None if evidence.candidate is None else _of_tier(evidence.candidate, tier)
    return replace(evidence, champion=_of_tier(evidence.champion, tier), candidate=candidate)


def _of_tier(evaluation: Evaluation, tier: str) -> Evaluation:
    return replace(evaluation, outcomes=tuple(one for one in evaluation.outcomes if one.tier == tier))
