"""`selftune suite split`: one suite cut in two that share nothing, one for the gate and one to choose tries by.

What tries were chosen by says too much good of the one that was chosen. So the gate is left the larger part, and
whatever is like an item of it stays with it: pairs, items that say nearly the same, and all that is held out.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, Final

from selftune.app.suites.linting import suite_named
from selftune.curation.likeness.alike import compare
from selftune.curation.likeness.contamination import Neighbouring
from selftune.errors import UsageError
from selftune.evals.coverage import CAN_GATE
from selftune.evals.suite_files import write_suite
from selftune.evals.suites import SUITES
from selftune.loop.experiments.screen import SCREEN, part_of, pick, strata_of, units_of
from selftune.loop.experiments.screening import DECIDES_ENDING, SCREEN_ENDING, find_shared, gist_of
from selftune.loop.measuring.yardsticks import yardsticks_of

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from pathlib import Path

    from selftune.loop.experiments.screen import Unit
    from selftune.records import Suite

SHARE: Final = 0.3
_MOST: Final = 0.5
_COMMENT: Final = "Cut off {name} by `selftune suite split`; the other part shares nothing with it."


@dataclass(frozen=True, kw_only=True)
class Halves:
    """The two parts, and how many items stayed with the gate for being like one that is held out."""

    gate: Suite
    screen: Suite
    stayed: int


def split_named(
    folder: Path, name: str, *, share: float = SHARE, seed: int = 0, force: bool = False
) -> tuple[Halves, tuple[Path, Path]]:
    """Cut a suite in two and write both into the project's suites; returns them and where, the gate's first.

    Raises:
        UnknownNameError: no suite has that name.
        UsageError: as `split_suite`, or there are such files already.
    """
    halves = split_suite(suite_named(folder, name), share=share, seed=seed)
    targets = tuple(folder / SUITES.folder / f"{half.name}{SUITES.endings[0]}" for half in (halves.gate, halves.screen))
    taken = [path for path in targets if path.exists()]
    if taken and not force:
        raise UsageError(f"{taken[0]} is there already.", next_step="Replace it with --force.")
    for half, path in zip((halves.gate, halves.screen), targets, strict=True):
        write_suite(half, path, _COMMENT.format(name=name))
    return halves, (targets[0], targets[1])


def split_suite(suite: Suite, *, share: float = SHARE, seed: int = 0) -> Halves:
    """This share of each category and agent for the screen, easy and hard alike; the same seed cuts the same.

    Raises:
        UsageError: it is no suite that may gate, or no share of it, or a part has nothing to give.
    """
    if suite.purpose != CAN_GATE:
        raise UsageError(f"suite {suite.name!r} is a {suite.purpose} itself.", next_step="Split one that may gate.")
    if not 0 < share <= _MOST:
        raise UsageError(
            f"a screen of {share:g} of the suite is none.", next_step=f"Choose more than 0, and {_MOST:g} at most."
        )
    groups = group_alike(suite)
    stays: set[str] = set()
    while True:
        chosen = _draw(groups, stays, share, Random(f"split:{seed}"))  # noqa: S311 - the cut must repeat
        like = _too_like(suite, chosen)
        if not like:
            break
        stays |= like
    stem = suite.name.removesuffix(DECIDES_ENDING)
    halves = Halves(
        gate=_half(suite, chosen, stem + DECIDES_ENDING, CAN_GATE, chosen_by=False),
        screen=_half(suite, chosen, stem + SCREEN_ENDING, SCREEN, chosen_by=True),
        stayed=len(stays),
    )
    _refuse_gaps(suite, halves)
    return halves


def group_alike(suite: Suite) -> tuple[Unit, ...]:
    """The units of a suite, those in one group that hold items which say nearly the same."""
    units = units_of(suite)
    at = [place for place, unit in enumerate(units) for _ in unit]
    items = tuple(item for unit in units for item in unit)
    asked = yardsticks_of(part_of(suite, items, purpose=suite.purpose))
    group = list(range(len(units)))
    for one, other, _ in compare(Neighbouring(), [gist_of(each) for each in asked]):
        old, new = group[at[other]], group[at[one]]
        group = [new if number == old else number for number in group]
    members: dict[int, list[Unit]] = defaultdict(list)
    for place, unit in enumerate(units):
        members[group[place]].append(unit)
    return tuple(tuple(item for unit in alike for item in unit) for alike in members.values())


def _draw(groups: Sequence[Unit], stays: Collection[str], share: float, rng: Random) -> frozenset[str]:
    """Ids of the items of this share of the groups of each category and agent; none of those that stay."""
    drawn: list[Unit] = []
    for alike in strata_of(groups).values():
        free = [group for group in alike if not any(item.id in stays for item in group)]
        wanted = min(max(1, round(share * len(alike))), len(free), len(alike) - 1)
        drawn += pick(free, wanted, rng) if wanted else []
    return frozenset(item.id for group in drawn for item in group)


def _too_like(suite: Suite, chosen: Collection[str]) -> frozenset[str]:
    """Ids of chosen items that are, word for word or nearly, one that was left to the gate: a held-out one at most."""
    ours = [item for item in suite.items if item.id in chosen]
    left = part_of(suite, tuple(item for item in suite.items if item.id not in chosen), purpose=CAN_GATE)
    near = find_shared(part_of(suite, tuple(ours), purpose=SCREEN), [left])
    return frozenset(ours[place].id for place in near)


def _refuse_gaps(suite: Suite, halves: Halves) -> None:
    """Refuse a cut that leaves one side without a category, or an agent's part of it, that the other has."""
    for category, agent in strata_of(units_of(suite)):
        for half in (halves.screen, halves.gate):
            if (category, agent) not in {(item.category, item.agent) for item in half.items}:
                of = category if agent is None else f"{category} of {agent}"
                raise UsageError(
                    f"suite {suite.name!r} can't be cut in two: all of {of} is one, or of one kind.",
                    next_step=f"Write more items of {category} that say something else, then cut again.",
                )


def _half(suite: Suite, chosen: Collection[str], name: str, purpose: str, *, chosen_by: bool) -> Suite:
    items = tuple(item for item in suite.items if (item.id in chosen) is chosen_by)
    described = f"{len(items)} items of {suite.name}; the other {len(suite.items) - len(items)} are apart from them."
    return part_of(suite, items, name=name, description=described, purpose=purpose)
