"""The learning rate of each step; the same formulas as transformers' `get_scheduler`, so that back-ends agree."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from selftune.training.config import LATE

if TYPE_CHECKING:
    from selftune.training.config import Recipe

HELD: Final = 0.25


def learning_rate_at(step: int, steps: int, recipe: Recipe) -> float:
    """Learning rate of step `step` (from 0) of `steps`: linear warm-up, then the recipe's schedule.

    A late schedule has a plateau between the two, as in Hägele et al. 2024 (arXiv 2405.18392).
    """
    warmup = recipe.warmup_for(steps)
    if step < warmup:
        return recipe.learning_rate * step / warmup
    held = max(warmup, math.ceil(HELD * steps)) if recipe.schedule in LATE else warmup
    done = max(0, step - held) / max(1, steps - held)
    shape = LATE.get(recipe.schedule, recipe.schedule)
    if shape == "linear":
        return recipe.learning_rate * max(0.0, 1 - done)
    if shape == "cosine":
        return recipe.learning_rate * max(0.0, 0.5 * (1 + math.cos(math.pi * done)))
    return recipe.learning_rate
