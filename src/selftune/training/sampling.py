"""Which examples each step learns from."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from selftune.training.batches import shared_beginning

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from selftune.training.base import Row
    from selftune.training.config import Recipe


def plan_batches(rows: Sequence[Row], recipe: Recipe, steps: int, seed: int) -> tuple[tuple[tuple[int, ...], ...], ...]:
    """Row indices for each step, split into forward passes: pass after pass over a fresh shuffle of all rows."""
    stream = _endless(rows, seed, together=recipe.keep_prompts_together)
    return tuple(
        tuple(tuple(next(stream) for _ in range(recipe.batch_size)) for _ in range(recipe.accumulation))
        for _ in range(steps)
    )


def _endless(rows: Sequence[Row], seed: int, *, together: bool) -> Iterator[int]:
    draw = random.Random(seed)  # noqa: S311 - draws must repeat, not be secret
    families = _by_beginning(rows) if together else [[index] for index in range(len(rows))]
    while True:
        for family in families:
            draw.shuffle(family)
        draw.shuffle(families)
        for family in families:
            yield from family


def _by_beginning(rows: Sequence[Row]) -> list[list[int]]:
    """Indices of rows in families that begin alike; sorting puts relatives side by side."""
    families: list[list[int]] = []
    for index in sorted(range(len(rows)), key=lambda i: rows[i].tokens):
        # Relatives share most of the prompt; a template's common opening alone makes no family.
        first = rows[families[-1][0]] if families else None
        if first is not None and 2 * shared_beginning(first, rows[index]) >= first.first_supervised:
            families[-1].append(index)
        else:
            families.append([index])
    return families
