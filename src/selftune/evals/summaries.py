"""One arm's results as a person reads them: means with n and interval, by category, difficulty and agent."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from selftune.scoring.reasoning import thinking_rate
from selftune.scoring.units import Mean, UnitScore, mean_of, unit_scores

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from selftune.records import Evaluation


@dataclass(frozen=True, kw_only=True)
class Summary:
    """What one arm did.

    Attributes:
        unit: `pair` or `item`: what the means are over.
        lowest: Category with the lowest mean, and that mean; no scalar stands alone.
        critical_failures: Answers that show one.
        unscored: Item and reason for each outcome without a score.
        thinking: The share of answers before which it thought, over items; None of a base that does not think.
    """

    unit: str
    overall: Mean
    by_category: tuple[tuple[str, Mean], ...]
    by_difficulty: tuple[tuple[str, Mean], ...]
    by_agent: tuple[tuple[str, Mean], ...]
    lowest: tuple[str, Mean] | None
    critical_failures: int
    unscored: tuple[tuple[str, str], ...]
    thinking: Mean | None


def summarise(evaluation: Evaluation, unit: str, level: float = 0.95) -> Summary:
    """An evaluation in numbers; `unit` is the suite's."""
    units = unit_scores(evaluation.outcomes, unit)
    by_category = _means_by(units, lambda one: one.category, level)
    measured = [(name, mean) for name, mean in by_category if mean.value is not None]
    return Summary(
        unit=unit,
        overall=mean_of(units, level),
        by_category=by_category,
        by_difficulty=_means_by(units, lambda one: one.difficulty, level),
        by_agent=_means_by(units, lambda one: one.agent, level),
        lowest=min(measured, key=lambda pair: pair[1].value or 0.0, default=None),
        critical_failures=sum(bool(outcome.critical_failures) for outcome in evaluation.outcomes),
        unscored=tuple((one.item_id, one.unscored_reason or "no reason given") for one in evaluation.unscored),
        thinking=thinking_rate(evaluation.outcomes, level),
    )


def _means_by(
    units: Sequence[UnitScore], part: Callable[[UnitScore], str | None], level: float
) -> tuple[tuple[str, Mean], ...]:
    parts = sorted({name for unit in units if (name := part(unit)) is not None})
    return tuple((name, mean_of([unit for unit in units if part(unit) == name], level)) for name in parts)
