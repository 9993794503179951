"""What is held out of a training to measure its loss by, and when that loss says that enough was learnt.

It decides how long a training learns, and which of its adapters is kept. Whether that adapter may serve is the gate's
to say, on other questions: a loss promotes nothing (mission B52).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from selftune.errors import UsageError
from selftune.records import digest_of
from selftune.training.findings import Finding, Standing

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from selftune.records import CurvePoint
    from selftune.training.base import Row
    from selftune.training.config import Recipe


def hold_out(rows: Sequence[Row], recipe: Recipe) -> tuple[tuple[Row, ...], tuple[Row, ...]]:
    """The rows that are learnt, and those that measure: about the recipe's share, in the order that they had.

    Which ones hangs on what they ask and on nothing else, so that every seed and every night measures by the same.
    Rows that ask the same, or come of one interaction, stay on one side: else the loss would be of what was learnt.

    Raises:
        UsageError: they all hang together, so that none can be held out.
    """
    if not recipe.held_out_share:
        return tuple(rows), ()
    wanted = round(recipe.held_out_share * len(rows)) or min(1, len(rows))
    held: set[int] = set()
    for family in sorted(_families(rows), key=lambda family: min(_drawn(rows[index]) for index in family)):
        if len(held) < wanted and len(held) + len(family) < len(rows):
            held.update(family)
    if not held:
        raise UsageError(
            f"recipe {recipe.name!r} holds lessons out, and these {len(rows)} all ask the same.",
            next_step="Collect others, or set held_out_share = 0 in the recipe.",
        )
    sides = tuple(tuple(row for index, row in enumerate(rows) if (index in held) is side) for side in (False, True))
    return sides[0], sides[1]


def is_measured(step: int, steps: int, recipe: Recipe) -> bool:
    """Whether the loss on what is held out is taken after this step (from 1) of so many."""
    return recipe.held_out_share > 0 and (step % recipe.measure_every == 0 or step == steps)


def lowest(curve: Iterable[CurvePoint]) -> CurvePoint | None:
    """The first point of the lowest evaluation loss; None where none was taken."""
    taken = [(point.eval_loss, point) for point in curve if point.eval_loss is not None]
    return min(taken, key=lambda one: one[0])[1] if taken else None


def kept_step(curve: Sequence[CurvePoint], recipe: Recipe) -> int | None:
    """The step whose adapter is kept where that is not the last: the lowest, of a training that may end early."""
    best = lowest(curve) if recipe.stop_early_after else None
    return None if best is None or best.step == curve[-1].step else best.step


def enough(curve: Sequence[CurvePoint], steps: int, recipe: Recipe) -> str | None:
    """Why the training ends before its last step; None while it goes on."""
    best = lowest(curve) if recipe.stop_early_after else None
    if best is None or curve[-1].step == steps:
        return None
    after = sum(point.eval_loss is not None for point in curve if point.step > best.step)
    if after < recipe.stop_early_after:
        return None
    return (
        f"stopped early after {curve[-1].step} of {steps} steps: {after} measurings found no lower loss on held-out "
        f"lessons than {best.eval_loss:.3f} at step {best.step}, whose adapter is kept"
    )


def judge_stopping(rows: Sequence[Row], recipe: Recipe) -> Iterator[Finding]:
    """What is held out and what for; nothing where a recipe holds nothing out."""
    if not recipe.held_out_share:
        return
    rule = "early stop"
    try:
        learnt, held = hold_out(rows, recipe)
    except UsageError as error:
        yield Finding(rule=rule, standing=Standing.REFUSED, text=error.message, next_step=error.next_step)
        return
    told = f"{len(held):,} of {len(rows):,} examples measure the loss every {recipe.measure_every} steps"
    if not recipe.stop_early_after:
        yield Finding(rule=rule, standing=Standing.FINE, text=f"{told}; it ends with its last step")
        return
    told = f"{told}; it ends after {recipe.stop_early_after} without a lower one, with the adapter of the lowest"
    if recipe.measure_every * recipe.stop_early_after >= recipe.steps_for(len(learnt)):
        step = f"Lower measure_every or stop_early_after: it takes {recipe.steps_for(len(learnt))} steps in all."
        yield Finding(rule=rule, standing=Standing.WARNING, text=f"{told}, which is never", next_step=step)
    else:
        yield Finding(rule=rule, standing=Standing.FINE, text=told)


def _families(rows: Sequence[Row]) -> list[list[int]]:
    """Indices of rows that ask the same or come of one interaction, whatever lies between two of them."""
    leaders: dict[object, int] = {}
    leads = list(range(len(rows)))

    def leader_of(index: int) -> int:
        while leads[index] != index:
            index = leads[index]
        return index

    for index, row in enumerate(rows):
        for key in (row.interaction_id, row.tokens[: row.first_supervised]):
            leads[leader_of(index)] = leader_of(leaders.setdefault(key, index))
    families: dict[int, list[int]] = {}
    for index in range(len(rows)):
        families.setdefault(leader_of(index), []).append(index)
    return list(families.values())


def _drawn(row: Row) -> str:
    return digest_of(row.tokens[: row.first_supervised])
