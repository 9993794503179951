"""What a screen says of a try: worth a look by the gate, or not. It reads the gate's own rules, less strictly.

A screen promotes nothing, so that its errors cost other things than the gate's. A null that is let through costs one
evaluation, and the gate refuses it at its own alpha; a gain that is overlooked is lost. So every question is asked at
one level, `SURE`, one-sided: a gain as well as a fall counts when an equal arm would show it once in five times. Of
pairs that are right or wrong that is two more won than lost.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from statistics import fmean
from typing import TYPE_CHECKING, Final

from selftune.gate.base import Evidence
from selftune.gate.comparison import compare, relative_weights
from selftune.gate.rules.behaviour import OutputCollapse
from selftune.gate.rules.enforced import in_words
from selftune.gate.rules.harm import AgentCap, CategoryCap, CriticalFailures, Floor, Guarded
from selftune.gate.rules.validity import ArmsDiffer, EvaluationsComplete, ProofsMatch, SameConditions
from selftune.records import CheckStatus, Effect, ExperimentResult, PartScore
from selftune.scoring.units import RIGHT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from selftune.gate.comparison import Comparison, PairedUnit
    from selftune.gate.config import Policy
    from selftune.gate.rules.enforced import EnforcedRule
    from selftune.records import Build, Check, Evaluation, Run, Suite

SURE: Final = 0.8
"""One-sided; the two-sided level of the same interval is `2 * SURE - 1`."""

_SOUND: Final = (EvaluationsComplete, SameConditions, ArmsDiffer, ProofsMatch)
_HARM: Final = (Guarded, CategoryCap, AgentCap, Floor, CriticalFailures, OutputCollapse)


@dataclass(frozen=True, kw_only=True)
class Arm:
    """One of the two that a screen compares."""

    run: Run
    build: Build
    evaluation: Evaluation


@dataclass(frozen=True, kw_only=True)
class Demand:
    """What a try must show on the screen, and what it may not lose there.

    Attributes:
        policy: The gate's, whose caps, floors and limits hold here too.
        guarded: Categories that may not fall, beside those that the policy guards.
        least_gain: The least mean difference worth a look by the gate.
        level: Of the interval that the record keeps, two-sided.
    """

    policy: Policy
    guarded: tuple[str, ...] = ()
    least_gain: float = 0.02
    level: float = 0.95

    def on(self, suite: Suite) -> Policy:
        """The policy as a screen is read by it: surer of less, and of parts as small as a screen's are."""
        names = (*self.policy.guarded_among(suite.categories), *self.guarded)
        return replace(
            self.policy,
            level=2 * SURE - 1,
            guarded=tuple(dict.fromkeys(names)),
            min_part_units=1,
            floors=tuple((name, floor) for name, floor in self.policy.floors if name in suite.categories),
        )


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What was found; `score` and `baseline` are means over the units that both have a score for."""

    result: ExperimentResult
    why: str
    score: float | None = None
    baseline: float | None = None
    effect: Effect | None = None
    parts: tuple[PartScore, ...] = ()


def read_screen(baseline: Arm, tried: Arm, suite: Suite, demand: Demand) -> Verdict:
    """Kept, reverted, or failed where the two can't be compared: then one server answered as both, or not alike."""
    evidence, policy = as_evidence(baseline, tried, suite), demand.on(suite)
    for rule in _SOUND:
        check = rule().check(evidence, policy)
        if check.status is not CheckStatus.PASS:
            return Verdict(result=ExperimentResult.FAILED, why=f"not comparable: {check.detail}.")
    compared = compare(evidence)
    effect = effect_of(compared, demand.level)
    if effect is None:
        return Verdict(result=ExperimentResult.FAILED, why=f"not comparable: no {suite.unit} was scored in both arms.")
    against = [*_lost(evidence, policy), *_not_gained(compared, demand)]
    result = ExperimentResult.REVERTED if against else ExperimentResult.KEPT
    told = f"{effect.mean:+.3f} [{effect.interval[0]:+.3f}, {effect.interval[1]:+.3f}] on {effect.n} {suite.unit}s"
    return Verdict(
        result=result,
        why=f"{told}: {'; '.join(against) or 'a gain, and no fall that is shown'}.",
        score=_mean(compared.units, lambda unit: unit.candidate),
        baseline=_mean(compared.units, lambda unit: unit.champion),
        effect=effect,
        parts=tuple(_parts(compared)),
    )


def as_evidence(baseline: Arm, tried: Arm, suite: Suite) -> Evidence:
    """Baseline and try as the gate's rules look at two arms."""
    return Evidence(
        champion=baseline.evaluation,
        candidate=tried.evaluation,
        others=(),
        suite=suite,
        run=tried.run,
        candidate_build=tried.build,
        champion_build=baseline.build,
        champion_run=baseline.run,
        judge=None,
    )


def effect_of(compared: Comparison, level: float) -> Effect | None:
    """The mean paired difference with its interval; None where no unit has two scores."""
    found = compared.gain(level)
    return None if found is None else Effect(mean=found.mean, interval=found.interval, level=level, n=found.n)


def _lost(evidence: Evidence, policy: Policy) -> Iterator[str]:
    """What the gate's rules on harm find shown; of what is guarded also what nobody could measure."""
    for family in _HARM:
        if family.family not in policy.rules and family is not Guarded:
            continue
        for rule in family.needed(policy, evidence):
            check = rule.check(evidence, policy)
            if _stops(rule, check):
                yield check.detail


def _stops(rule: EnforcedRule, check: Check) -> bool:
    unseen = isinstance(rule, Guarded) and check.status is CheckStatus.NOT_MEASURED
    return check.status is CheckStatus.FAIL or unseen


def leaves_room(compared: Comparison, demand: Demand) -> bool:
    """Whether a try that is right wherever the baseline is not would show a gain: else the screen is too easy."""
    perfect = tuple(replace(unit, candidate=max(RIGHT, unit.champion)) for unit in compared.units)
    return _shortfall(replace(compared, units=perfect), demand) is None


def _not_gained(compared: Comparison, demand: Demand) -> Iterator[str]:
    """Why the gain is not worth a look, if it is not; and whether any could have been."""
    short = _shortfall(compared, demand)
    if short is None:
        return
    yield short
    if not leaves_room(compared, demand):
        yield "the baseline leaves no room on this screen: no try could show a gain, ask more or harder items"


def _shortfall(compared: Comparison, demand: Demand) -> str | None:
    found = compared.gain(2 * SURE - 1)
    if found is None or found.mean < demand.least_gain:
        return f"less than the least gain of {demand.least_gain:g}"
    if found.interval[0] <= 0:
        return f"an equal arm shows as much more often than once in five times ({in_words(found)} at {SURE:.0%})"
    return None


def _parts(compared: Comparison) -> Iterator[PartScore]:
    """Each category, and each agent where there are any."""
    for category in dict.fromkeys(unit.category for unit in compared.units):
        yield _part(category, compared.of_category(category))
    for agent in dict.fromkeys(unit.agent for unit in compared.units if unit.agent is not None):
        yield _part(agent, compared.of_agent(agent))


def _part(name: str, part: Comparison) -> PartScore:
    return PartScore(
        name=name,
        baseline=_mean(part.units, lambda unit: unit.champion),
        score=_mean(part.units, lambda unit: unit.candidate),
        n=len(part.units),
    )


def _mean(units: Sequence[PairedUnit], score: Callable[[PairedUnit], float]) -> float:
    return fmean(score(unit) * share for unit, share in zip(units, relative_weights(units), strict=True))
