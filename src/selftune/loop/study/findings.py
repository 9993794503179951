"""What the registered rule makes of a study's nights, in the registered order; nothing before the last night."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from statistics import harmonic_mean
from typing import TYPE_CHECKING, Final

from selftune.gate.statistics.permutation import (
    BlockTrend,
    blocks_needed,
    lag_one,
    smallest_step,
    spread_of_nights,
    trend_against_control,
    trend_over_generations,
)
from selftune.loop.study.plan import StudyArm

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from selftune.loop.study.plan import StudyPlan
    from selftune.records import StudyNight


class Verdict(StrEnum):
    """What came of one question of the rule."""

    SHOWN = "shown"
    NOT_SHOWN = "not shown"
    NOT_TESTED = "not tested"
    NOT_YET = "not concluded yet"


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One question of the rule, its answer, and the test behind it where there was one."""

    question: str
    verdict: Verdict
    reason: str
    trend: BlockTrend | None = None


@dataclass(frozen=True, kw_only=True)
class Findings:
    """All of the rule.

    Attributes:
        primary: Whether the golden score rises over the generations of the learning arm.
        controls: Against each control, in the registered order.
        follow: How much a night's distance from its generation's mean is like that of the night before.
        spread: Standard deviation of a night's score about its generation's mean.
        smallest: The least step from generation to generation that so many generations show; None where none can.
        needed: Generations that would show the step that was seen; None where the step is no rise.
    """

    primary: Finding
    controls: tuple[Finding, ...]
    follow: float | None = None
    spread: float | None = None
    smallest: float | None = None
    needed: int | None = None

    @property
    def all(self) -> tuple[Finding, ...]:
        """Every question in the registered order."""
        return (self.primary, *self.controls)


_PRIMARY: Final = "Does the golden score rise over the generations of the learning arm?"


def conclude(plan: StudyPlan, nights: Mapping[StudyArm, Sequence[StudyNight]]) -> Findings:
    """The rule, applied once all arms have lived through all nights; before, every answer is that it is too early."""
    complete = min(len(each) for each in nights.values())
    controls = (StudyArm.NEVER_TRAINS, StudyArm.SHUFFLED)
    if complete < plan.nights:
        early = f"{complete} of {plan.nights} nights are complete; the rule looks once, at the end"
        return Findings(
            primary=_early(_PRIMARY, early), controls=tuple(_early(_against(control), early) for control in controls)
        )
    learning = [night for night in nights[StudyArm.LEARNING] if night.score is not None]
    primary = _over_generations(plan, learning)
    found, shown = list[Finding](), primary.verdict is Verdict.SHOWN
    for control in controls:
        found.append(_against_control(plan, nights, control, tested=shown))
        shown = found[-1].verdict is Verdict.SHOWN
    scores, generations = _scores(learning), [night.generation for night in learning]
    spread = spread_of_nights(scores, generations)
    of_mean = _spread_of_mean(spread, generations)
    trend = primary.trend
    can_show = trend is not None and trend.least_p <= plan.alpha
    return Findings(
        primary=primary,
        controls=tuple(found),
        follow=lag_one(_apart(scores, generations)),
        spread=spread,
        smallest=smallest_step(of_mean, trend.blocks, alpha=plan.alpha, power=plan.power)
        if can_show and trend is not None and of_mean
        else None,
        needed=None
        if trend is None or not of_mean
        else blocks_needed(trend.step, of_mean, alpha=plan.alpha, power=plan.power),
    )


def _early(question: str, reason: str) -> Finding:
    return Finding(question=question, verdict=Verdict.NOT_YET, reason=reason)


def _against(control: StudyArm) -> str:
    return f"Does the learning arm rise above the arm {control.value!r}?"


def _scores(nights: Sequence[StudyNight]) -> list[float]:
    return [night.score for night in nights if night.score is not None]


def _over_generations(plan: StudyPlan, learning: Sequence[StudyNight]) -> Finding:
    count = len({night.generation for night in learning})
    if count < 2:  # noqa: PLR2004 - one generation follows none
        reason = "one generation served all through: there is no trend to look for"
        return Finding(question=_PRIMARY, verdict=Verdict.NOT_SHOWN, reason=reason)
    trend = trend_over_generations(
        _scores(learning), [night.generation for night in learning], gap=plan.gap, seed=plan.seed
    )
    reason = f"{trend.blocks} generations, {trend.step:+.3f} a generation, p {trend.p_value:.4f} over {trend.n} nights"
    if trend.least_p > plan.alpha:
        reason += f"; so few can show nothing: the smallest p that they could have given is {trend.least_p:.3f}"
    return _judged(_PRIMARY, reason, trend, plan)


def _against_control(
    plan: StudyPlan, nights: Mapping[StudyArm, Sequence[StudyNight]], control: StudyArm, *, tested: bool
) -> Finding:
    pairs = [
        (night.score, other.score)
        for night, other in zip(nights[StudyArm.LEARNING], nights[control], strict=True)
        if night.score is not None and other.score is not None
    ]
    question = _against(control)
    if len(pairs) < 2 * plan.block:
        reason = f"{len(pairs)} nights that both have a score for are fewer than two blocks of {plan.block}"
        return Finding(question=question, verdict=Verdict.NOT_TESTED, reason=reason)
    trend = trend_against_control(
        [ours for ours, _ in pairs], [theirs for _, theirs in pairs], block=plan.block, gap=plan.gap, seed=plan.seed
    )
    reason = f"{trend.step:+.4f} a night more, p {trend.p_value:.4f} over {trend.n} nights in {trend.blocks} blocks"
    if not tested:
        reason += "; what stands before it in the rule is not shown, so this decides nothing"
        return Finding(question=question, verdict=Verdict.NOT_TESTED, reason=reason, trend=trend)
    return _judged(question, reason, trend, plan)


def _judged(question: str, reason: str, trend: BlockTrend, plan: StudyPlan) -> Finding:
    shown = trend.step > 0 and trend.p_value <= plan.alpha
    verdict = Verdict.SHOWN if shown else Verdict.NOT_SHOWN
    return Finding(question=question, verdict=verdict, reason=reason, trend=trend)


def _apart(scores: Sequence[float], generations: Sequence[int]) -> list[float]:
    """Each night's distance from the mean of its generation."""
    served = {one: [s for s, g in zip(scores, generations, strict=True) if g == one] for one in set(generations)}
    means = {one: sum(own) / len(own) for one, own in served.items()}
    return [score - means[one] for score, one in zip(scores, generations, strict=True)]


def _spread_of_mean(spread: float | None, generations: Sequence[int]) -> float | None:
    """Of a generation's mean, by how many nights the generations had."""
    if not spread or not generations:
        return None
    lengths = [generations.count(one) for one in set(generations)]
    return spread / math.sqrt(harmonic_mean(lengths))
