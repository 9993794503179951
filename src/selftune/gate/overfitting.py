"""A loss near zero beside categories that fall: learnt by heart (mission C18)."""

from __future__ import annotations

from statistics import fmean
from typing import TYPE_CHECKING, Final

from selftune.gate.comparison import compare

if TYPE_CHECKING:
    from selftune.gate.base import Evidence
    from selftune.records import Run

# Nats a token: the right one is then given odds of 19 to 1 or more, as only what is known by heart is.
_NEAR_ZERO: Final = 0.05
_LAST: Final = 5


def overfitting(evidence: Evidence) -> str | None:
    """What speaks for it in one sentence; None unless the loss is near zero and more than half the categories fell.

    The loss itself never decides: a model that has learnt its lessons well, and nothing worse, has a low one too.
    """
    loss = None if evidence.run is None else final_loss(evidence.run)
    if loss is None or loss[1] > _NEAR_ZERO:
        return None
    compared = compare(evidence)
    categories = sorted({unit.category for unit in compared.units})
    fell = [name for name in categories if fmean(compared.of_category(name).differences) < 0]
    if 2 * len(fell) <= len(categories):
        return None
    what, value = loss
    return (
        f"It looks learnt by heart: the {what} loss ended at {value:.3f} nats a token while {len(fell)} of "
        f"{len(categories)} categories fell ({', '.join(fell)})."
    )


def final_loss(run: Run) -> tuple[str, float] | None:
    """Which loss a training ended at: of validation where it was taken, else the mean of its last five steps."""
    taken = [point.eval_loss for point in run.curve if point.eval_loss is not None]
    if taken:
        return "validation", taken[-1]
    return ("training", fmean(point.loss for point in run.curve[-_LAST:])) if run.curve else None
