"""What a suite covers and what is wrong with it, said before anybody is asked anything.

A probe set of 14 prompts lacked one guarded category, so that no candidate could ever be accepted (mission B35); of 26
cases each was worth 0.038 while the gate asked for 0.005 (C19). Both can be read off the suite alone.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from enum import StrEnum
from statistics import median
from typing import TYPE_CHECKING, Final

from selftune.errors import ConfigError
from selftune.evals.base import is_graded
from selftune.evals.rewording import find_reworded
from selftune.plugins import registered
from selftune.records import digest_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from selftune.records import Suite, SuiteItem

CAN_GATE: Final = "gate"
HELD_OUT: Final = "held_out"
# An item that counts so many times as much as the median one speaks for all of them.
_HEAVY: Final = 5.0
# Of two agents one has half as many units again as the other: their means are not equally sure.
_UNEVEN: Final = 1.5
_NAMED: Final = 5


class Grade(StrEnum):
    """An error stops a cycle before it begins; a warning is for a person to weigh."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, kw_only=True)
class Finding:
    """Something about a suite that a person should know.

    Attributes:
        code: What kind of thing it is, in one word or two.
        items: Ids of the items that it is about; none where it is about the whole.
    """

    code: str
    grade: Grade
    sentence: str
    next_step: str
    items: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Demands:
    """What a policy asks of a suite, in plain numbers: stages do not know each other.

    Attributes:
        guarded: Categories that must be in the suite, and in each of its tiers.
        least_gain: The smallest effect that the gate is to see, as a share of the scale.
        cap: By how much a category may fall.
    """

    policy: str
    guarded: tuple[str, ...]
    least_gain: float
    cap: float


@dataclass(frozen=True, kw_only=True)
class Part:
    """Items and units of one category, tier, difficulty or agent."""

    name: str
    items: int
    units: int


@dataclass(frozen=True, kw_only=True)
class Coverage:
    """How much a suite holds of what. `worth` is what one unit adds to the mean; None of an empty suite."""

    items: int
    units: int
    unit: str
    worth: float | None
    tiers: tuple[Part, ...]
    categories: tuple[Part, ...]
    difficulties: tuple[Part, ...]
    agents: tuple[Part, ...]


def cover(suite: Suite) -> Coverage:
    """How much the suite holds of each category, tier, difficulty and agent."""
    units = len(_units(suite, suite.items))
    return Coverage(
        items=len(suite.items),
        units=units,
        unit=suite.unit,
        worth=1 / units if units else None,
        tiers=_parts(suite, lambda item: item.tier),
        categories=_parts(suite, lambda item: item.category, suite.categories),
        difficulties=_parts(suite, lambda item: item.difficulty),
        agents=_parts(suite, lambda item: item.agent),
    )


def lint_suite(suite: Suite, demands: Demands | None = None) -> tuple[Finding, ...]:
    """What is wrong with a suite, errors first; under a policy also whether that policy can see anything on it."""
    found = [*_misfits(suite), *_twins(suite), *_reworded(suite), *_imbalances(suite), *_doubts(suite)]
    if demands is not None:
        found += [*_unfit(suite), *_missing(suite, demands), *_coarse(suite, demands)]
    return tuple(sorted(found, key=lambda one: one.grade is not Grade.ERROR))


def refuse_unsound(suite: Suite, demands: Demands) -> None:
    """Stop before a run that a suite's faults would spoil.

    Raises:
        ConfigError: the suite has an error under this policy; the message is its first one.
    """
    errors = [one for one in lint_suite(suite, demands) if one.grade is Grade.ERROR]
    if errors:
        more = f" ({len(errors) - 1} more: `selftune suite lint {suite.name}`.)" if len(errors) > 1 else ""
        raise ConfigError(f"suite {suite.name!r}: {errors[0].sentence}.", next_step=f"{errors[0].next_step}{more}")


def scorer_of(item: SuiteItem, suite: Suite) -> str:
    """Who scores an item."""
    return item.scorer or suite.scorer


def unit_of(item: SuiteItem, suite: Suite) -> str:
    """What the item is counted under: its pair where the suite counts pairs, else itself."""
    return item.pair if suite.unit == "pair" and item.pair is not None else item.id


def named(ids: Sequence[str]) -> str:
    """A few ids for a sentence, and how many there are beside."""
    shown = ", ".join(ids[:_NAMED])
    return shown if len(ids) <= _NAMED else f"{shown} and {len(ids) - _NAMED} more"


def _units(suite: Suite, items: Iterable[SuiteItem]) -> frozenset[str]:
    return frozenset(unit_of(item, suite) for item in items)


def _parts(suite: Suite, part_of: Callable[[SuiteItem], str | None], declared: Sequence[str] = ()) -> tuple[Part, ...]:
    members: dict[str, list[SuiteItem]] = {name: [] for name in declared}
    for item in suite.items:
        name = part_of(item)
        if name is not None:
            members.setdefault(name, []).append(item)
    return tuple(Part(name=name, items=len(items), units=len(_units(suite, items))) for name, items in members.items())


def _misfits(suite: Suite) -> Iterator[Finding]:
    """What the reader of suites refuses too, for suites that were not read by it; and scorers that are not there."""
    held = {item.category for item in suite.items}
    for category in suite.categories:
        if category not in held:
            yield _error(
                "empty_category",
                f"no item is of category {category!r}, which the suite declares",
                f"Add items of category {category!r}.",
            )
    known = registered("selftune.scorers")
    unknown: dict[str, list[str]] = defaultdict(list)
    for item in suite.items:
        name = scorer_of(item, suite)
        if name not in known and not is_graded(name):
            unknown[name].append(item.id)
    for name, ids in unknown.items():
        yield _error(
            "unknown_scorer", f"nothing is registered as scorer {name!r}", f"Name one of: {_listed(known)}.", ids
        )


def _twins(suite: Suite) -> Iterator[Finding]:
    """Items that ask the very same thing."""
    asked: dict[str, list[SuiteItem]] = defaultdict(list)
    for item in suite.items:
        asked[digest_of([item.messages, item.follow_ups])].append(item)
    for twins in asked.values():
        ids = [item.id for item in twins]
        if len({item.tier for item in twins}) > 1 and any(item.tier == HELD_OUT for item in twins):
            yield leak(ids, "word for word")
        elif len(twins) > 1 and len({(item.expect, item.reference) for item in twins}) > 1:
            yield _error(
                "contradiction", f"{named(ids)} ask the same and expect different answers", "Keep one of them.", ids
            )
        elif len(twins) > 1:
            yield _error(
                "duplicate", f"{named(ids)} are one item: it counts {len(twins)} times", "Keep one of them.", ids
            )


def _reworded(suite: Suite) -> Iterator[Finding]:
    """Held-out items that were made of an item of another tier by changing a word: the same setting, the same answer.

    The same item word for word is told by `_twins`.
    """
    alike: dict[str, list[SuiteItem]] = defaultdict(list)
    for item in suite.items:
        alike[_setting_of(item, suite)].append(item)
    for items in alike.values():
        held = [item for item in items if item.tier == HELD_OUT]
        known = [item for item in items if item.tier != HELD_OUT]
        for place, at, apart in find_reworded(list(map(_asked, held)), list(map(_asked, known))):
            one, other = known[at], held[place]
            same = (one.messages, one.follow_ups) == (other.messages, other.follow_ups)
            if not same and (one.pair is None or one.pair != other.pair):
                how = f"but for {apart} word{'s' if apart > 1 else ''}" if apart else "but for signs and capitals"
                yield leak([one.id, other.id], how)


def _setting_of(item: SuiteItem, suite: Suite) -> str:
    """Names all of an item but the words of whoever asks: under which setting, and what a right answer is."""
    setting = [message for message in item.messages if message.role != "user"]
    return digest_of([setting, item.expect, item.reference, scorer_of(item, suite), len(item.follow_ups)])


def _asked(item: SuiteItem) -> str:
    return "\n".join((*(said.content for said in item.messages if said.role == "user"), *item.follow_ups))


def leak(ids: Sequence[str], how: str) -> Finding:
    """The finding that a held-out item is known from another tier."""
    return _error(
        "leak",
        f"{named(ids)} are the same {how}, and one of them is held out: it measures nothing that was not seen",
        "Move them all to one tier, or replace the held-out one.",
        ids,
    )


def _imbalances(suite: Suite) -> Iterator[Finding]:
    agents = _parts(suite, lambda item: item.agent)
    if len(agents) > 1:
        least, most = min(agents, key=lambda one: one.units), max(agents, key=lambda one: one.units)
        if most.units > _UNEVEN * least.units:
            yield _warning(
                "unbalanced_agents",
                f"agent {most.name!r} has {most.units} {suite.unit}s and {least.name!r} {least.units}: the mean "
                f"speaks for the first, and a fall of the second is hardly seen",
                f"Bring every agent to about {most.units} {suite.unit}s.",
            )
    yield from _gaps(suite, [agent.name for agent in agents])
    usual = median([item.weight for item in suite.items]) if suite.items else 1.0
    heavy = [item.id for item in suite.items if item.weight >= _HEAVY * usual]
    if heavy:
        yield _warning(
            "heavy",
            f"{named(heavy)} weigh {_HEAVY:g} times as much as the median item, or more",
            "Add more items of that kind in place of a weight.",
            heavy,
        )


def _gaps(suite: Suite, agents: Sequence[str]) -> Iterator[Finding]:
    """Agents that are not asked what others are."""
    held = {(item.agent, item.category) for item in suite.items}
    asked_of_agents = list(dict.fromkeys(item.category for item in suite.items if item.agent is not None))
    for agent in agents:
        missing = [category for category in asked_of_agents if (agent, category) not in held]
        if missing:
            yield _warning(
                "agent_gap",
                f"agent {agent!r} has no item of {', '.join(missing)}, which other agents have",
                f"Add items for {agent!r}.",
            )


def _doubts(suite: Suite) -> Iterator[Finding]:
    graded = [item.id for item in suite.items if is_graded(scorer_of(item, suite))]
    if graded:
        yield _warning(
            "judged",
            f"{len(graded)} of {len(suite.items)} items are scored by a judge: NOT VERIFIED until one has run",
            "Name a judge for the gate, or give these items a scorer that is code.",
            graded,
        )
    if suite.generation.temperature > 0 and suite.repeats == 1 and suite.items:
        yield _warning(
            "one_draw",
            f"answers are drawn at temperature {suite.generation.temperature:g} and each item is asked once: "
            "chance alone moves single items by several points (mission B36)",
            "Set repeats to 3 or more.",
        )
    by_pair: dict[str, list[SuiteItem]] = defaultdict(list)
    for item in suite.items:
        if item.pair is not None and not is_graded(scorer_of(item, suite)):
            by_pair[item.pair].append(item)
    same = [pair for pair, sides in by_pair.items() if len(sides) > 1 and len({one.expect for one in sides}) == 1]
    if same:
        yield _warning(
            "same_sides",
            f"both sides of {named(same)} expect the same: one constant answer may be right on both",
            "Let the two sides of a pair ask for opposites.",
            [item.id for pair in same for item in by_pair[pair]],
        )


def _unfit(suite: Suite) -> Iterator[Finding]:
    if suite.purpose != CAN_GATE:
        yield _error(
            "never_gates",
            f"it is a {suite.purpose} suite, and such a one promotes nothing",
            "Name the whole suite in its place.",
        )


def _missing(suite: Suite, demands: Demands) -> Iterator[Finding]:
    held = {item.category for item in suite.items}
    for category in demands.guarded:
        if category not in held and category not in suite.categories:
            yield _error(
                "missing_category",
                f"it has no item in guarded category {category!r}, so policy {demands.policy!r} could never be met",
                f"Add items of category {category!r}, or drop the guard in the policy.",
            )
    by_tier = Counter((item.tier, item.category) for item in suite.items)
    tiers = dict.fromkeys(item.tier for item in suite.items)
    for tier in tiers if len(tiers) > 1 else ():
        for category in demands.guarded:
            if category in held and not by_tier[tier, category]:
                yield _error(
                    "missing_category",
                    f"tier {tier!r} has no item in guarded category {category!r}",
                    f"Add items of category {category!r} to tier {tier!r}, or drop the guard in the policy.",
                )


def _coarse(suite: Suite, demands: Demands) -> Iterator[Finding]:
    """What one unit is worth against what the policy wants to see."""
    coverage = cover(suite)
    # Answers drawn again and again make the steps of a mean finer; asked again at temperature 0 it says the same.
    draws = suite.repeats if suite.generation.temperature > 0 else 1
    if coverage.worth is not None and coverage.worth / draws > demands.least_gain:
        needed = _whole_above(1 / (draws * demands.least_gain)) if demands.least_gain > 0 else None
        # A judge's score has steps in between; right or wrong has none.
        stepped = not all(is_graded(scorer_of(item, suite)) for item in suite.items)
        said = (
            f"{coverage.units} {suite.unit}s: one case = {coverage.worth:.3f}, and policy {demands.policy!r} asks for "
            f"a gain of {demands.least_gain:g}, which is less than one answer"
        )
        add = (
            f"Bring it to {needed} {suite.unit}s, or raise least_gain in the policy." if needed else "Set a least_gain."
        )
        # Below half an answer, what the policy asks for lies nearer to nothing than to one answer.
        hopeless = stepped and coverage.worth / draws > 2 * demands.least_gain
        yield (_error if hopeless else _warning)("coarse", said, add)
    few = [part for part in coverage.categories if part.units and 2 / part.units > demands.cap]
    if few:
        told = ", ".join(f"{part.name} ({part.units}: one case = {1 / part.units:.3f})" for part in few)
        yield _warning(
            "coarse_category",
            f"two answers of a category are the fall of {demands.cap:g} that the policy watches for: {told}",
            f"Bring each category to {_whole_above(2 / demands.cap)} {suite.unit}s." if demands.cap else "Set a cap.",
        )


def _whole_above(number: float) -> int:
    # What a division leaves over by rounding is no further item.
    return -int(-(number - 1e-9) // 1)


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names))


def _error(code: str, sentence: str, next_step: str, items: Sequence[str] = ()) -> Finding:
    return Finding(code=code, grade=Grade.ERROR, sentence=sentence, next_step=next_step, items=tuple(items))


def _warning(code: str, sentence: str, next_step: str, items: Sequence[str] = ()) -> Finding:
    return Finding(code=code, grade=Grade.WARNING, sentence=sentence, next_step=next_step, items=tuple(items))
