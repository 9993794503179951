"""`selftune suite screen`: a small part of a suite for a cheap look at many candidates; it decides nothing.

A screen that was not drawn from all categories selected for overfitting once: its scores rose while identity fell by
0.206 and jailbreak by 0.107 (mission C22). So a screen is stratified by category and agent, holds every category of
its suite, and is read against the base alone: what it says of a candidate is candidate minus base, on these items.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from random import Random
from typing import TYPE_CHECKING, Final

from selftune.app.suites.linting import suite_named
from selftune.errors import UsageError
from selftune.evals.coverage import CAN_GATE, HELD_OUT, unit_of
from selftune.evals.suite_files import write_suite
from selftune.evals.suites import SUITES

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from selftune.records import Suite, SuiteItem

ITEMS: Final = 42
"""As many as the screen of mission C22 was mended to."""

_COMMENT: Final = "Drawn by `selftune suite screen`; it promotes nothing. Read it against the base alone."


def screen_suite(folder: Path, name: str, *, items: int = ITEMS, seed: int = 0, force: bool = False) -> Path:
    """Write a screen of a suite beside it; returns where.

    Raises:
        UnknownNameError: no suite has that name.
        UsageError: there is such a screen already, or it is too small to hold each category.
    """
    screen = draw_screen(suite_named(folder, name), items=items, seed=seed)
    target = folder / SUITES.folder / f"{screen.name}{SUITES.endings[0]}"
    if target.exists() and not force:
        raise UsageError(f"{target} is there already.", next_step="Replace it with --force.")
    write_suite(screen, target, _COMMENT)
    return target


def draw_screen(suite: Suite, *, items: int = ITEMS, seed: int = 0) -> Suite:
    """As many of each category and agent as is their share of the suite; pairs stay whole, the clean room shut.

    The same seed draws the same items on any machine.

    Raises:
        UsageError: it is no suite that may gate, or so few items can't hold one unit of each category and agent.
    """
    if suite.purpose != CAN_GATE:
        raise UsageError(f"suite {suite.name!r} is a {suite.purpose} itself.", next_step="Draw from the whole suite.")
    strata = _strata(suite)
    size = max((len(unit) for units in strata.values() for unit in units), default=1)
    wanted = items // size
    if wanted < len(strata):
        raise UsageError(
            f"{items} items are {wanted} {suite.unit}s, and suite {suite.name!r} has {len(strata)} parts by category "
            "and agent.",
            next_step=f"Ask for {len(strata) * size} items or more: a screen without one of them is blind there.",
        )
    rng = Random(f"screen:{seed}")  # noqa: S311 - the draw must repeat, not be secret
    kept = {
        item.id
        for (units, share) in zip(
            strata.values(), _shares([len(units) for units in strata.values()], wanted), strict=True
        )
        for unit in rng.sample(units, share)
        for item in unit
    }
    drawn = tuple(item for item in suite.items if item.id in kept)
    return replace(
        suite,
        name=f"{suite.name}-screen",
        description=f"{len(drawn)} items of {suite.name}, drawn with seed {seed}; a screen promotes nothing.",
        items=drawn,
        categories=tuple(name for name in suite.categories if any(item.category == name for item in drawn)),
        purpose="screen",
    )


def _strata(suite: Suite) -> dict[tuple[str, str | None], list[tuple[SuiteItem, ...]]]:
    """The units of each category and agent; a pair is of the part that its first side is of."""
    units: dict[str, list[SuiteItem]] = defaultdict(list)
    for item in suite.items:
        if item.tier != HELD_OUT:
            units[item.pair or unit_of(item, suite)].append(item)
    strata: dict[tuple[str, str | None], list[tuple[SuiteItem, ...]]] = defaultdict(list)
    for members in units.values():
        strata[members[0].category, members[0].agent].append(tuple(members))
    return strata


def _shares(sizes: Sequence[int], wanted: int) -> list[int]:
    """How many of each part, one at least: by share, what is left over to the largest remainders."""
    total = sum(sizes)
    wanted = min(wanted, total)
    exact = [size * wanted / total for size in sizes]
    shares = [max(1, int(share)) for share in exact]
    by_need = sorted(range(len(sizes)), key=lambda place: shares[place] - exact[place])
    while sum(shares) < wanted:
        place = next(one for one in by_need if shares[one] < sizes[one])
        shares[place] += 1
        by_need.sort(key=lambda one: shares[one] - exact[one])
    while sum(shares) > wanted:
        place = max(range(len(sizes)), key=lambda one: shares[one] - exact[one] if shares[one] > 1 else float("-inf"))
        shares[place] -= 1
    return shares
