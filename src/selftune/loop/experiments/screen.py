"""A screen: a small part of a suite for a cheap look at many candidates; it decides nothing.

A screen that was not drawn from all categories selected for overfitting once: its scores rose while identity fell by
0.206 and jailbreak by 0.107 (mission C22). So a screen is stratified by category, agent and difficulty, holds every
category of its suite, and more than its share of what attacks a model or asks who it is, where that is little.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import replace
from random import Random
from typing import TYPE_CHECKING, Final

from selftune.errors import UsageError
from selftune.evals.coverage import CAN_GATE, HELD_OUT, unit_of

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from selftune.records import Suite, SuiteItem

ITEMS: Final = 42
"""As many as the screen of mission C22 was mended to."""

SCREEN: Final = "screen"

UNDER_ATTACK: Final = frozenset(
    {"identity", "identity_battle", "jailbreak", "adversarial", "cross_agent", "isolation"}
    | {"impostor", "override", "developer", "emotional"}
)
"""Categories by the names that shipped suites, and the ones of mission C22, give to identity and to attacks on it."""

FLOOR: Final = 6
"""Units of each such category, and of each that is guarded, where the suite has so many and the screen the room: as
many as the policies that are shipped need to measure a part at all."""

Unit = tuple["SuiteItem", ...]
Stratum = tuple[str, str | None]


def draw_screen(suite: Suite, *, items: int = ITEMS, seed: int = 0, guarded: Collection[str] = ()) -> Suite:
    """As many of each category and agent as is their share of the suite; pairs stay whole, the clean room shut.

    Within a part, easy and hard ones are drawn by their share too. The same seed draws the same items on any machine.

    Raises:
        UsageError: it is no suite that may gate, or so few items can't hold one unit of each category and agent.
    """
    if suite.purpose != CAN_GATE:
        raise UsageError(f"suite {suite.name!r} is a {suite.purpose} itself.", next_step="Draw from the whole suite.")
    strata = strata_of(units_of(suite))
    size = max((len(unit) for units in strata.values() for unit in units), default=1)
    wanted = items // size
    if wanted < len(strata):
        raise UsageError(
            f"{items} items are {wanted} {suite.unit}s, and suite {suite.name!r} has {len(strata)} parts by category "
            "and agent.",
            next_step=f"Ask for {len(strata) * size} items or more: a screen without one of them is blind there.",
        )
    shares = _shares(strata, wanted, UNDER_ATTACK | frozenset(guarded))
    rng = Random(f"screen:{seed}")  # noqa: S311 - the draw must repeat, not be secret
    kept = {item.id for part, units in strata.items() for unit in pick(units, shares[part], rng) for item in unit}
    drawn = tuple(item for item in suite.items if item.id in kept)
    described = f"{len(drawn)} items of {suite.name}, drawn with seed {seed}; a screen promotes nothing."
    return part_of(suite, drawn, name=f"{suite.name}-screen", description=described, purpose=SCREEN)


def part_of(
    suite: Suite, items: tuple[SuiteItem, ...], *, purpose: str, name: str = "", description: str = ""
) -> Suite:
    """A suite of some of its items, with the categories that they have."""
    held = {item.category for item in items}
    return replace(
        suite,
        name=name or suite.name,
        description=description or suite.description,
        items=items,
        categories=tuple(category for category in suite.categories if category in held),
        purpose=purpose,
    )


def drawable(suite: Suite) -> tuple[SuiteItem, ...]:
    """The items that may be in a screen: the clean room stays shut."""
    return tuple(item for item in suite.items if item.tier != HELD_OUT)


def units_of(suite: Suite) -> tuple[Unit, ...]:
    """What is drawn or left as one: a pair, or an item; none that is held out."""
    units: dict[str, list[SuiteItem]] = defaultdict(list)
    for item in drawable(suite):
        units[item.pair or unit_of(item, suite)].append(item)
    return tuple(map(tuple, units.values()))


def strata_of(units: Sequence[Unit]) -> Mapping[Stratum, list[Unit]]:
    """The units of each category and agent; one belongs where its first item does."""
    strata: dict[Stratum, list[Unit]] = defaultdict(list)
    for unit in units:
        strata[unit[0].category, unit[0].agent].append(unit)
    return strata


def pick(units: Sequence[Unit], count: int, rng: Random) -> list[Unit]:
    """So many of them, of each difficulty its share: every so many-th of a shuffled row that is ordered by difficulty.

    Source:
        W. G. Cochran, "Sampling Techniques", 3rd ed. (1977), section 8.1 (systematic sampling from an ordered list).
    """
    row = sorted(rng.sample(units, len(units)), key=lambda unit: unit[0].difficulty)
    start = rng.random()
    return [row[int((place + start) * len(row) / count)] for place in range(count)]


def _shares(strata: Mapping[Stratum, Sequence[Unit]], wanted: int, favoured: Collection[str]) -> dict[Stratum, int]:
    """How many of each part, one at least: by share, what is left over to the largest remainders."""
    sizes = {part: len(units) for part, units in strata.items()}
    wanted = min(wanted, sum(sizes.values()))
    least = _least(sizes, wanted, favoured)
    exact = {part: size * wanted / sum(sizes.values()) for part, size in sizes.items()}
    shares = {part: max(least[part], int(share)) for part, share in exact.items()}
    while sum(shares.values()) < wanted:
        open_parts = [part for part in shares if shares[part] < sizes[part]]
        shares[min(open_parts, key=lambda part: shares[part] - exact[part])] += 1
    while sum(shares.values()) > wanted:
        # Where many agents leave no room for floors, one of each part comes first.
        rich = [part for part in shares if shares[part] > least[part]] or [p for p in shares if shares[p] > 1]
        shares[max(rich, key=lambda part: shares[part] - exact[part])] -= 1
    return shares


def _least(sizes: Mapping[Stratum, int], wanted: int, favoured: Collection[str]) -> dict[Stratum, int]:
    """One of each part; of a favoured category `FLOOR` over its parts, but no more than its place among them all."""
    categories = Counter(category for category, _ in sizes)
    floor = min(FLOOR, wanted // len(categories))
    return {
        (category, agent): min(size, max(1, floor // categories[category])) if category in favoured else 1
        for (category, agent), size in sizes.items()
    }
