"""The overall score, computed in code: no judge can forget it, hide a penalty in it, or make it a zero."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

    from selftune.records import CriterionScore, Judgement, Rubric

# 0.5 of 5, on whatever scale.
_MOST_GAP: Final = 0.1


def weighted_overall(scores: Iterable[CriterionScore], rubric: Rubric) -> float | None:
    """Weighted mean of the criteria that apply; None when none with a weight does.

    A criterion without a score leaves the mean with its weight, so the rest is not diluted.
    """
    weights = {criterion.name: criterion.weight for criterion in rubric.criteria}
    counted = [(weights[item.name], item.score) for item in scores if item.score is not None]
    total = sum(weight for weight, _ in counted)
    return sum(weight * score for weight, score in counted) / total if total > 0 else None


def holistic_score(scores: Iterable[CriterionScore], rubric: Rubric) -> float | None:
    """The judge's own view of the whole: its score on the rubric's criterion of weight 0; None without one."""
    whole = {criterion.name for criterion in rubric.criteria if criterion.weight == 0}
    return next((item.score for item in scores if item.name in whole), None)


def hides_a_penalty(judgement: Judgement, rubric: Rubric) -> bool:
    """Whether our overall and the judge's own lie further apart than half a point of five; never where one is missing.

    An audit of 108 verdicts of a model found penalties that stood in no criterion, hidden in its overall.
    """
    if judgement.overall is None or judgement.judge_overall is None:
        return False
    # Rounded where binary fractions leave off: a gap of exactly half a point passes.
    return round(abs(judgement.overall - judgement.judge_overall), 9) > _MOST_GAP * rubric.highest
