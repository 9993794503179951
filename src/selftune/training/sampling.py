"""Which examples each step learns from: pass after pass, shuffled, as often and in the order that the recipe says."""

from __future__ import annotations

import random
from collections import defaultdict
from fractions import Fraction
from itertools import count
from math import floor
from typing import TYPE_CHECKING

from selftune.training.batches import shared_beginning
from selftune.training.curriculum import place_key, rates_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from selftune.training.base import Row
    from selftune.training.config import Recipe


def plan_batches(rows: Sequence[Row], recipe: Recipe, steps: int, seed: int) -> tuple[tuple[tuple[int, ...], ...], ...]:
    """Row indices for each step, split into forward passes."""
    stream = _endless(rows, recipe, random.Random(seed))  # noqa: S311 - draws must repeat, not be secret
    return tuple(
        tuple(tuple(next(stream) for _ in range(recipe.batch_size)) for _ in range(recipe.accumulation))
        for _ in range(steps)
    )


def turns(rows: Sequence[Row], recipe: Recipe, draw: random.Random) -> Iterator[tuple[int, ...]]:
    """How often each row is met, pass after pass; over any number of passes each part comes to its exact share.

    A row with rate r and phase f is met floor(r(p+1) + f) - floor(rp + f) times in pass p. With the phases k/n of the n
    rows of a part these floors add up to floor(nrp) (Hermite's identity), so that nothing is lost by rounding.
    """
    members: dict[str, list[int]] = defaultdict(list)
    for index, row in enumerate(rows):
        members[row.part].append(index)
    rates, phases = rates_of(rows, recipe), [Fraction(0)] * len(rows)
    for part in members.values():
        for place, index in enumerate(draw.sample(part, len(part))):
            phases[index] = Fraction(place, len(part))
    for number in count():
        yield tuple(
            floor(rates[row.part] * (number + 1) + phase) - floor(rates[row.part] * number + phase)
            for row, phase in zip(rows, phases, strict=True)
        )


def _endless(rows: Sequence[Row], recipe: Recipe, draw: random.Random) -> Iterator[int]:
    """Row indices without end; a stable sort leaves what has no place, or the same one, as it was shuffled."""
    families = _by_beginning(rows) if recipe.keep_prompts_together else [[index] for index in range(len(rows))]
    weighed = turns(rows, recipe, draw) if recipe.weights else None
    while True:
        for family in families:
            draw.shuffle(family)
        draw.shuffle(families)
        met = families if weighed is None else _as_often(families, next(weighed), draw)
        yield from sorted((index for family in met for index in family), key=lambda index: place_key(rows[index]))


def _as_often(families: Sequence[Sequence[int]], times: Sequence[int], draw: random.Random) -> list[list[int]]:
    """The families, each row in as many of their copies as it is to be met; copies do not stand side by side."""
    copies = ([index for index in one if times[index] > copy] for copy in range(max(times)) for one in families)
    met = [family for family in copies if family]
    draw.shuffle(met)
    return met


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
