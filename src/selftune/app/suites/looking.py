"""`selftune suite list` and `selftune suite show`: which suites there are, and what is in one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from selftune.app.suites.drafts import waiting_drafts
from selftune.app.suites.linting import suite_named
from selftune.evals.coverage import HELD_OUT, Coverage, cover, scorer_of
from selftune.evals.suites import SUITES, load_suite

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from selftune.records import Suite, SuiteItem


@dataclass(frozen=True, kw_only=True)
class Listed:
    """One suite of a list; `own` says that it stands in the project's folder."""

    name: str
    own: bool
    purpose: str
    items: int
    units: int
    unit: str
    scorer: str
    categories: tuple[str, ...]
    drafts: int


@dataclass(frozen=True, kw_only=True)
class ShownItem:
    """An item as a person reads it: who scores it, and the words that are asked."""

    id: str
    category: str
    tier: str
    difficulty: str
    agent: str | None
    scorer: str
    asks: str
    origin: str | None


@dataclass(frozen=True, kw_only=True)
class Shown:
    """A suite as a person reads it.

    Attributes:
        items: Its items; those that are held out only for who asked for them by name.
        hidden: How many are held out and not among them.
    """

    name: str
    version: str
    description: str
    purpose: str
    repeats: int
    coverage: Coverage
    scorers: tuple[tuple[str, int], ...]
    items: tuple[ShownItem, ...]
    hidden: int


def list_suites(folder: Path) -> tuple[Listed, ...]:
    """The suites of the project in this folder, and the shipped ones that it has no copy of.

    Raises:
        ConfigError: a file in the project's folder makes no suite; the message names it.
    """
    return tuple(_listed(folder, suite, own=own) for suite, own in _suites(folder))


def show(folder: Path, name: str, *, held_out: bool = False) -> Shown:
    """What is in a suite.

    Args:
        folder: The project's folder, whose copy comes first.
        name: A name or a file.
        held_out: Whether the clean room is opened: who has read its items can't be surprised by them any more.

    Raises:
        UnknownNameError: no suite has that name.
        ConfigError: it makes no suite.
    """
    suite = suite_named(folder, name)
    seen = [item for item in suite.items if held_out or item.tier != HELD_OUT]
    scorers: dict[str, int] = {}
    for item in suite.items:
        scorers[scorer_of(item, suite)] = scorers.get(scorer_of(item, suite), 0) + 1
    return Shown(
        name=suite.name,
        version=suite.version,
        description=suite.description,
        purpose=suite.purpose,
        repeats=suite.repeats,
        coverage=cover(suite),
        scorers=tuple(scorers.items()),
        items=tuple(_shown(item, suite) for item in seen),
        hidden=len(suite.items) - len(seen),
    )


def _suites(folder: Path) -> Iterator[tuple[Suite, bool]]:
    own = [load_suite(path) for path in sorted((folder / SUITES.folder).glob(f"*{SUITES.endings[0]}"))]
    yield from ((suite, True) for suite in own)
    taken = {suite.name for suite in own}
    yield from ((load_suite(name), False) for name in SUITES.names() if name not in taken)


def _listed(folder: Path, suite: Suite, *, own: bool) -> Listed:
    coverage = cover(suite)
    return Listed(
        name=suite.name,
        own=own,
        purpose=suite.purpose,
        items=coverage.items,
        units=coverage.units,
        unit=suite.unit,
        scorer=suite.scorer,
        categories=suite.categories,
        drafts=waiting_drafts(folder, suite),
    )


def _shown(item: SuiteItem, suite: Suite) -> ShownItem:
    said = [message.content for message in item.messages if message.role == "user"]
    return ShownItem(
        id=item.id,
        category=item.category,
        tier=item.tier,
        difficulty=item.difficulty,
        agent=item.agent,
        scorer=scorer_of(item, suite),
        asks="\n".join((*said, *item.follow_ups)),
        origin=item.origin,
    )
