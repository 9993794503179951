"""The rule on the gain, and what the other arms say about it."""

from __future__ import annotations

from statistics import fmean
from typing import TYPE_CHECKING

from selftune.gate.comparison import arm_mean, compare
from selftune.gate.nights import alpha_in_words
from selftune.gate.rules.enforced import DOUBT, MUST_BE_SHOWN, EnforcedRule, in_words
from selftune.gate.rules.validity import NO_CANDIDATE
from selftune.records import Arm, Check, CheckStatus

if TYPE_CHECKING:
    from selftune.gate.base import Evidence
    from selftune.gate.config import Policy
    from selftune.gate.statistics.paired import Difference
    from selftune.scoring.units import Mean


class Gain(EnforcedRule):
    """The candidate is better: clear of noise, and by at least the least gain worth having."""

    family = "gain"
    consequence = MUST_BE_SHOWN
    settings = ("alpha", "power", "least_gain")
    required = True
    yields_to_picks = frozenset({CheckStatus.NOT_SHOWN})

    def check(self, evidence: Evidence, policy: Policy) -> Check:
        """Fails when even the interval's upper bound lies below the least gain; between, the gain is not shown."""
        found = compare(evidence).gain(1 - policy.alpha)
        if found is None:
            return self.unmeasured(NO_CANDIDATE if evidence.candidate is None else "no unit was scored in both arms")
        if found.n < policy.min_units:
            return self.unmeasured(f"only {found.n} units were scored in both arms, {policy.min_units} are needed")
        said = (
            f"{in_words(found)}, p = {found.p_value:.2g}, {found.gained} gained, {found.lost} lost ({found.method})"
            f"{alpha_in_words(policy, evidence.nights)}{_worst(evidence)}"
        )
        return self.measured(gain_status(found, policy), said, found, policy.least_gain)


def gain_status(found: Difference, policy: Policy) -> CheckStatus:
    """Pass, fail or not shown: what a difference means under a policy."""
    low, high = found.interval
    if high < policy.least_gain:
        return CheckStatus.FAIL
    clear = low > 0 and found.p_value <= policy.alpha
    return CheckStatus.PASS if clear and found.mean >= policy.least_gain else CheckStatus.NOT_SHOWN


def _worst(evidence: Evidence) -> str:
    """The category and the unit that fell furthest; nothing where none fell."""
    compared = compare(evidence)
    means = {name: fmean(compared.of_category(name).differences) for name in {one.category for one in compared.units}}
    category = min(sorted(means), key=lambda name: means[name])
    unit = min(compared.units, key=lambda one: (one.difference, one.key))
    worst = f"; worst category {category} {means[category]:+.2f}"
    return f"{worst}, worst {compared.kind} {unit.key} {unit.difference:+.2f}" if unit.difference < 0 else worst


class OtherArms(EnforcedRule):
    """The base and the prompt-only control are printed beside the candidate, where they were evaluated."""

    family = "other_arms"
    consequence = DOUBT

    def check(self, evidence: Evidence, policy: Policy) -> Check:
        """Never stops a candidate; says `not shown` when a prompt alone does as well."""
        if evidence.candidate is None:
            return self.unmeasured(NO_CANDIDATE)
        own = arm_mean(evidence.candidate, evidence, policy.level)
        others = [(arm, arm_mean(evaluation, evidence, policy.level)) for arm, evaluation in evidence.others]
        told = ", ".join(f"{arm.value} {_share(mean)}" for arm, mean in [(Arm.CANDIDATE, own), *others])
        if not others:
            return self.passed(f"{told}; no other arm was evaluated")
        if any(arm is Arm.PROMPT_ONLY and _reaches(mean, own) for arm, mean in others):
            return Check(
                name=self.name, status=CheckStatus.NOT_SHOWN, detail=f"{told}: tuning does not beat the prompt alone"
            )
        return self.passed(told)


def _reaches(other: Mean, own: Mean) -> bool:
    return other.value is not None and own.value is not None and other.value >= own.value


def _share(mean: Mean) -> str:
    if mean.value is None or mean.interval is None:
        return "unscored"
    return f"{mean.value:.2f} [{mean.interval[0]:.2f}, {mean.interval[1]:.2f}] of {mean.n}"
