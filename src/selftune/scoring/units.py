"""What a mean is taken over: an item, or a pair of items of which both must be right.

An item that could not be scored is no zero: its unit has no value, and a mean leaves the unit out and says so.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Final

from selftune.scoring.intervals import wilson_interval

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from selftune.records import ItemOutcome

RIGHT: Final = 1.0
"""The score of an item that is right; a pair counts only when both its items reach it."""


@dataclass(frozen=True, kw_only=True)
class UnitScore:
    """One unit of a suite, its repeats averaged; `value` is None when no repeat of it could be scored.

    A pair weighs as much as its items do on average.
    """

    key: str
    category: str
    difficulty: str
    agent: str | None
    value: float | None
    weight: float = 1.0


@dataclass(frozen=True, kw_only=True)
class Mean:
    """A mean over units by weight, with its Wilson interval; `value` is None when nothing was scored, never 0."""

    value: float | None
    interval: tuple[float, float] | None
    n: int
    unscored: int


def unit_scores(outcomes: Iterable[ItemOutcome], unit: str) -> tuple[UnitScore, ...]:
    """One score per unit, ordered by its key; `unit` is `pair` or `item`.

    A pair is 1 when both its items are right and 0 otherwise; it has no value in a repeat where one of them has none.
    An item of a suite of pairs that belongs to no pair stands for itself. Repeats of a unit are averaged.
    """
    keyed = sorted(((_key(outcome, unit), outcome) for outcome in outcomes), key=_by_key_and_repeat)
    return tuple(
        _unit_score(key, [outcome for _, outcome in group]) for key, group in groupby(keyed, key=lambda pair: pair[0])
    )


def _key(outcome: ItemOutcome, unit: str) -> str:
    return outcome.pair if unit == "pair" and outcome.pair is not None else outcome.item_id


def _by_key_and_repeat(keyed: tuple[str, ItemOutcome]) -> tuple[str, int, str]:
    key, outcome = keyed
    return key, outcome.repeat, outcome.item_id


def _unit_score(key: str, outcomes: Sequence[ItemOutcome]) -> UnitScore:
    tries = [_value([one.score for one in group]) for _, group in groupby(outcomes, key=lambda one: one.repeat)]
    scored = [value for value in tries if value is not None]
    first = outcomes[0]
    return UnitScore(
        key=key,
        category=first.category,
        difficulty=first.difficulty,
        agent=first.agent,
        value=sum(scored) / len(scored) if scored else None,
        weight=sum(outcome.weight for outcome in outcomes) / len(outcomes),
    )


def _value(scores: Sequence[float | None]) -> float | None:
    known = [score for score in scores if score is not None]
    if len(known) < len(scores):
        return None
    return known[0] if len(known) == 1 else float(all(score >= RIGHT for score in known))


def mean_of(units: Iterable[UnitScore], level: float = 0.95) -> Mean:
    """The mean of the units that have a value, and how many have none.

    Units of unequal weight tell as much as fewer equal ones; the interval is that of so many.

    Source:
        L. Kish, "Survey Sampling" (1965), section 11.7: the effective number is the square of the sum of the weights
        over the sum of their squares.
    """
    asked = list(units)
    scored = [(unit.value, unit.weight) for unit in asked if unit.value is not None]
    if not scored:
        return Mean(value=None, interval=None, n=0, unscored=len(asked))
    total = sum(weight for _, weight in scored)
    # A sum of fractions may exceed their number by a rounding error.
    value = min(sum(value * weight for value, weight in scored) / total, 1.0)
    effective = total * total / sum(weight * weight for _, weight in scored)
    return Mean(
        value=value,
        interval=wilson_interval(value * effective, effective, level),
        n=len(scored),
        unscored=len(asked) - len(scored),
    )
