"""When in a pass a lesson is met, and how often: what a recipe's `order` and `[weights]` read from it.

Both are there to be tried, and assumed of nobody to help: the published runs that used them lost by them (mission B27).
So each is told as a warning beside the figure of that run, and the steps stay as many as without it: two trainings that
differ by an order or by weights alone have met equally many examples.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING, Final

from selftune.errors import UnknownNameError, UsageError
from selftune.records import PartMet
from selftune.training.findings import Finding, Standing
from selftune.training.parts import ORIGIN, SHUFFLE, SOURCE_FIRST, TOKENS, TOLD_BY

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from selftune.records import Example
    from selftune.training.base import Row, TrainingJob
    from selftune.training.config import Recipe

_UNKNOWN: Final = "unknown"


def placed(row: Row, example: Example, recipe: Recipe) -> Row:
    """The row with what the recipe's order sorts it by and the part that its weights count it to."""
    if recipe.order == SHUFFLE and not recipe.weigh_by:
        return row
    return replace(
        row,
        place=_place(row, example, recipe.order),
        part=(TOLD_BY[recipe.weigh_by](example) or _UNKNOWN) if recipe.weigh_by else "",
    )


def check_order(rows: Sequence[Row], recipe: Recipe) -> str:
    """How lessons follow one another within a pass, in words.

    Raises:
        UsageError: no lesson says what they are to be ordered by.
    """
    if recipe.order == SHUFFLE:
        return "shuffled anew for each pass"
    if all(row.place is None for row in rows):
        raise UsageError(
            f"recipe {recipe.name!r} orders by {recipe.order}, which no lesson says of itself.",
            next_step='Curate anew with `selftune curate`, which writes it down, or set order = "shuffle".',
        )
    if recipe.order == TOKENS:
        return "the shortest first in each pass"
    counts = Counter(_UNKNOWN if row.place is None else str(row.place) for row in sorted(rows, key=place_key))
    told = ", then ".join(f"{name} ({count:,})" for name, count in counts.items())
    return f"in each pass {told}"


def check_weights(rows: Sequence[Row], recipe: Recipe) -> str:
    """What share of the examples met each part has, beside its share of the lessons, in words.

    Raises:
        UnknownNameError: a weight is given to a part of which there is no lesson; the nearest name is offered.
    """
    sizes = Counter(row.part for row in rows)
    for name, _ in recipe.weights:
        if name not in sizes:
            raise UnknownNameError(f"{recipe.weigh_by} in the weights of recipe {recipe.name!r}:", name, sizes)
    rates = rates_of(rows, recipe)
    told = (
        f"{name} {size / len(rows):.0%} → {float(rates[name] * size) / len(rows):.0%}"
        for name, size in sizes.most_common()
    )
    return f"by {recipe.weigh_by}: {', '.join(told)}"


def judge_curriculum(rows: Sequence[Row], recipe: Recipe) -> Iterator[Finding]:
    """A warning for an order and one for weights, each with what the published run lost by it; nothing else."""
    step = "Train the same recipe without it under several seeds too, and let the gate compare: one run proves nothing."
    if recipe.order != SHUFFLE:
        lost = "source_first lost 4.37 of 10 in one category of the one run published"
        yield _warned("order", lambda: check_order(rows, recipe), lost, step)
    if recipe.weights:
        lost = "twice as much of a category lowered it from 7.79 to 7.00 of 10 in the one run published"
        yield _warned("weights", lambda: check_weights(rows, recipe), lost, step)


def rates_of(rows: Sequence[Row], recipe: Recipe) -> dict[str, Fraction]:
    """How often a lesson of each part is met in a pass, on average; over all lessons the mean is 1.

    Exact, so that no rounding of a weight adds up over passes.
    """
    weights = {name: Fraction(str(weight)) for name, weight in recipe.weights}
    sizes = Counter(row.part for row in rows)
    whole = sum(weights.get(name, Fraction(1)) * size for name, size in sizes.items())
    return {name: weights.get(name, Fraction(1)) * len(rows) / whole for name in sizes}


def place_key(row: Row) -> tuple[bool, str | int]:
    """Sorts rows as the recipe's order asks: numbers by size, names by the alphabet, what is unknown last."""
    return (row.place is None, 0 if row.place is None else row.place)


def parts_met(job: TrainingJob, steps: int) -> tuple[PartMet, ...]:
    """Of a weighed training: each part, its lessons, and how often they were met in so many steps."""
    if not job.recipe.weights:
        return ()
    sizes = Counter(row.part for row in job.rows)
    met = Counter(job.rows[index].part for step in job.batches[:steps] for batch in step for index in batch)
    return tuple(PartMet(name=name, examples=size, met=met[name]) for name, size in sizes.most_common())


def _place(row: Row, example: Example, order: str) -> str | int | None:
    if order == SHUFFLE:
        return None
    if order == TOKENS:
        return max(len(side.tokens) for side in row.sides)
    return TOLD_BY[ORIGIN if order == SOURCE_FIRST else order](example)


def _warned(rule: str, look: Callable[[], str], lost: str, step: str) -> Finding:
    try:
        return Finding(rule=rule, standing=Standing.WARNING, text=f"{look()}; {lost}", next_step=step)
    except UsageError as error:
        return Finding(rule=rule, standing=Standing.REFUSED, text=error.message, next_step=error.next_step)
