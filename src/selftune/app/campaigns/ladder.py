"""Planted worlds in which each rung of the ladder is the right one, and how often it is chosen."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from selftune.app.campaigns.base import Figure, Section
from selftune.gate.ladder.climb import Rung, climb
from selftune.gate.statistics.shares import clopper_pearson

if TYPE_CHECKING:
    from collections.abc import Iterator

RUNGS: Final = ("prompt", "examples", "adapter", "merged", "quantised")
ALPHA: Final = 0.05
MARGIN: Final = 0.02
SEEDS: Final = 20

_NULLS: Final = 200
_LEAST: Final = 0.9
_LEVEL: Final = 0.95


@dataclass(frozen=True, kw_only=True)
class World:
    """Right-or-wrong units: up to a rung all fall short of the best, from it on all are equal.

    Attributes:
        right: The place of the simplest rung that is not inferior.
        step: How much each rung gains over the one below it, up to the right one.
        noise: Share of units on which a rung is right where the best is wrong, or the other way about.
    """

    right: int
    units: int = 1_000
    best: float = 0.8
    step: float = 0.1
    noise: float = 0.01


def draw(world: World, seed: int) -> tuple[Rung, ...]:
    """The rungs of a world with their scores: all are about the same units."""
    chance = random.Random(f"{seed} {world}")  # noqa: S311 - the draw must repeat, not be secret
    luck = [chance.random() for _ in range(world.units)]
    return tuple(
        Rung(
            name=name,
            scores={str(unit): float(_is_right(world, place, luck[unit], chance)) for unit in range(world.units)},
        )
        for place, name in enumerate(RUNGS)
    )


def _is_right(world: World, place: int, luck: float, chance: random.Random) -> bool:
    """Equal rungs answer alike but for `noise`, which makes as many units right as wrong."""
    share = world.best - world.step * max(0, world.right - place)
    if chance.random() < 2 * world.noise:
        return chance.random() < share
    return luck < share


def report() -> Section:
    """How often the right rung is chosen, how often an inferior one, and what too few units do."""
    return Section(
        title="The cheapest change that wins",
        method=f"{SEEDS} seeds of each world: 1,000 right-or-wrong units, five rungs from {RUNGS[0]} to {RUNGS[-1]}, "
        "the best right in 80 %, each rung below the right one 10 points worse than the next, about one unit in a "
        f"hundred differing by chance; margin {MARGIN:g}, alpha {ALPHA:g}. In the null world the simplest rung falls "
        "short by just the margin, so that to call it not inferior is the error that alpha bounds.",
        figures=tuple(_figures()),
        limits="Answers of models: worlds are drawn by a random generator. Scores that hang together within a "
        "conversation would need clusters, which the ladder does not have yet.",
    )


def _figures() -> Iterator[Figure]:
    for place, name in enumerate(RUNGS):
        chosen = [climb(draw(World(right=place), seed), alpha=ALPHA, margin=MARGIN).chosen for seed in range(SEEDS)]
        hits = chosen.count(name)
        yield Figure(
            name=f"{name} is right",
            measured=f"chosen {_share(hits, SEEDS)}{_others(chosen, name)}",
            promised=f"at least {_LEAST:.0%}",
            held=hits >= _LEAST * SEEDS,
        )
    yield from map(_null, (2, len(RUNGS)))
    for units in (100, 400):
        found = [climb(draw(World(right=0, units=units), seed), alpha=ALPHA, margin=MARGIN) for seed in range(SEEDS)]
        shown = sum(one.shown and one.chosen == RUNGS[0] for one in found)
        yield Figure(
            name=f"all five equal, {units} units only", measured=f"the prompt is shown to do in {_share(shown, SEEDS)}"
        )


def _null(rungs: int) -> Figure:
    world = World(right=1, step=MARGIN, units=2_000)
    errors = sum(
        found.shown and found.chosen == RUNGS[0]
        for seed in range(_NULLS)
        for found in [climb(draw(world, seed)[:rungs], alpha=ALPHA, margin=MARGIN)]
    )
    low, _ = clopper_pearson(errors, _NULLS, 0.99)
    return Figure(
        name=f"{rungs} rungs, the prompt short of the best by just the margin, 2,000 units",
        measured=f"called not inferior in {_share(errors, _NULLS)}",
        promised=f"at most {ALPHA:.0%}",
        held=low <= ALPHA,
    )


def _others(chosen: list[str | None], right: str) -> str:
    wrong = Counter(name for name in chosen if name != right)
    return "" if not wrong else "; else " + ", ".join(f"{name} {count}" for name, count in wrong.most_common())


def _share(hits: int, n: int) -> str:
    low, high = clopper_pearson(hits, n, _LEVEL)
    return f"{hits} of {n} [{low:.1%}, {high:.1%}]"
