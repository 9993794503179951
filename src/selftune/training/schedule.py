"""The learning rate of each step; the same formulas as transformers' `get_scheduler`, so that back-ends agree."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from selftune.training.config import Recipe


def learning_rate_at(step: int, steps: int, recipe: Recipe) -> float:
    """Learning rate of step `step` (from 0) of `steps`: linear warm-up, then the recipe's schedule."""
    warmup = recipe.warmup_for(steps)
    if step < warmup:
        return recipe.learning_rate * step / warmup
    done = (step - warmup) / max(1, steps - warmup)
    if recipe.schedule == "linear":
        return recipe.learning_rate * max(0.0, 1 - done)
    if recipe.schedule == "cosine":
        return recipe.learning_rate * max(0.0, 0.5 * (1 + math.cos(math.pi * done)))
    return recipe.learning_rate
