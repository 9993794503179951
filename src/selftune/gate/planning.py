"""Before a run: whether a policy can decide anything on a suite at all.

A policy whose vetoes stop most candidates that are just as good as the champion is no safeguard but a coin that says
no. So it is refused before anything is trained, with the number of units it would need.
"""

from __future__ import annotations

import math
import random
from collections import Counter
from dataclasses import dataclass
from functools import cache
from itertools import cycle, islice
from statistics import fmean
from typing import TYPE_CHECKING, Final, NamedTuple

from selftune.errors import ConfigError
from selftune.gate.config import Against
from selftune.gate.rules.behaviour import TurnOfBreak
from selftune.gate.rules.further import REGRESSION, NoWorse, NoWorseShown, Regression, has_own_rule
from selftune.gate.rules.harm import AgentCap, CategoryCap, CriticalFailures, Floor, Guarded, fewest_above
from selftune.gate.rules.identity import IDENTITY, IdentityKept
from selftune.gate.rules.leakage import LEAKAGE
from selftune.gate.rules.sets import SetCap
from selftune.gate.rules.spread import SeedSpread
from selftune.gate.rules.tiers import EXTENDED, GOLD, HELD_OUT, ByHeart, Extended, HeldOut, has_tier
from selftune.gate.rules.trainings import TrainingSpread
from selftune.gate.rules.validity import missing_categories
from selftune.gate.statistics.bound import hold, shows_mean_above
from selftune.gate.statistics.clusters import gather
from selftune.gate.statistics.noise import chance_below
from selftune.gate.statistics.power import chance_of_harm, detectable_gain, power_to_hold

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from selftune.gate.config import Policy
    from selftune.gate.rules.enforced import EnforcedRule
    from selftune.records import Suite, SuiteItem

DISCORDANCE: Final = 0.1
"""Share of units on which an equal candidate answers otherwise than the champion, half of them for the better."""

LEAST_CHANCE: Final = 0.8
"""An equal candidate must pass all vetoes at least so often."""

_MOST_UNITS: Final = 2_000
_NIGHTS, _FEWEST_NIGHTS, _ANSWERS = 2_000, 200, 100_000


@dataclass(frozen=True, kw_only=True)
class Forecast:
    """What a policy can tell on a suite.

    Attributes:
        units: Units by category.
        pass_chance: How often an equal candidate passes all vetoes.
        weakest: The veto that an equal candidate fails most often, by name; None when the policy has none.
        detectable_gain: The smallest true gain that is seen with the policy's power.
    """

    units: tuple[tuple[str, int], ...]
    pass_chance: float
    weakest: str | None
    detectable_gain: float


@dataclass(frozen=True, kw_only=True)
class Veto:
    """One comparison that may stop a candidate: over n units, a fall of `cap`, whose absence must be `shown` or not.

    Attributes:
        where: What would have to grow for it to see better: a category or an agent of the suite, or a suite.
        weights: Of the units, where they weigh unequally.
        trainings: Over so many trainings the spread of their means must stay below the cap; 0 where it is no such veto.
    """

    name: str
    where: str
    n: int
    cap: float
    shown: bool
    weights: tuple[float, ...] = ()
    trainings: int = 0


def plan_check(policy: Policy, suite: Suite, further: Sequence[Suite] = (), *, repeats: int = 1) -> None:
    """Refuse a policy that cannot decide on this suite and those beside it.

    Raises:
        ConfigError: a guarded category is not in the suite, a suite that the policy requires is not evaluated, a part
            has too few units to be measured, answers are drawn with too few seeds, or an equal candidate would pass all
            vetoes less than 80 % of the time; the message says what would help.
    """
    _refuse_missing(policy, suite, further)
    _refuse_few(policy, suite, further)
    _refuse_few_seeds(policy, suite, repeats)
    found = forecast(policy, suite, further)
    if found.pass_chance < LEAST_CHANCE:
        names = ", ".join(repr(one.name) for one in (suite, *further))
        raise ConfigError(
            f"under policy {policy.name!r} a candidate as good as the champion would pass all vetoes on suite "
            f"{names} in {found.pass_chance:.0%} of cases ({LEAST_CHANCE:.0%} are needed); "
            f"the weakest is {found.weakest}.",
            next_step=_remedy(policy, suite, further),
        )


def _refuse_missing(policy: Policy, suite: Suite, further: Sequence[Suite]) -> None:
    for one in (suite, *further):
        missing = missing_categories(policy, one, decides=one is suite)
        if missing:
            raise ConfigError(
                f"suite {one.name!r} has no item in guarded category {missing[0]!r} of policy {policy.name!r}.",
                next_step=f"Add items of {missing[0]!r} to the suite, or drop the guard from the policy.",
            )
    evaluated = {one.name for one in (suite, *further)}
    absent = [name for name in policy.required_suites if name not in evaluated]
    if absent:
        raise ConfigError(
            f"policy {policy.name!r} requires suite {absent[0]!r}, and the project does not evaluate it.",
            next_step=f'Add "{absent[0]}" to further under [evaluation] in selftune.toml, or drop it from the policy.',
        )


def _refuse_few(policy: Policy, suite: Suite, further: Sequence[Suite]) -> None:
    sizes, least = Counter(unit.category for unit in _units(suite)), policy.min_part_units
    parts = [_part(suite, sizes[name], least, f"category {name!r} of ") for name in suite.categories]
    for one in (suite, *further):
        if one is suite or not has_own_rule(one):
            parts.append(_part(one, len(_units(one)), policy.min_units))
        parts += [*_parts_with_a_floor(policy, one), *_tiers(policy, one), *_sets(policy, one)]
    few = next((part for part in parts if part.n < part.least), None)
    if few:
        raise ConfigError(
            f"{few.where} has {few.n} {few.unit}s; policy {policy.name!r} measures none below {few.least}.",
            next_step=f"Add {few.least - few.n} {few.unit}s, or ask for less in the policy.",
        )


class _Part(NamedTuple):
    """A part of a suite, its units, and how many a rule needs to measure it at all."""

    where: str
    unit: str
    n: int
    least: int


def _part(suite: Suite, n: int, least: int, what: str = "") -> _Part:
    return _Part(f"{what}suite {suite.name!r}", suite.unit, n, least)


def _parts_with_a_floor(policy: Policy, suite: Suite) -> Iterator[_Part]:
    """What a demand on this suite sets a floor for, category by category and agent by agent."""
    for category, floor in policy.demand_on(suite.name).floors if Floor.family in policy.rules else ():
        agents = [unit.agent for unit in _units(suite) if unit.category == category]
        least = fewest_above(floor, policy.level)
        yield _part(suite, len(agents), least, f"category {category!r} of ")
        for agent, n in Counter(agent for agent in agents if agent is not None).items():
            yield _part(suite, n, least, f"{category!r} of agent {agent!r} in ")


def _tiers(policy: Policy, suite: Suite) -> Iterator[_Part]:
    for tier in (EXTENDED, HELD_OUT):
        if tier in policy.rules and has_tier(suite, tier):
            yield _part(suite, len(_units(suite, tier)), policy.min_units, f"tier {tier} of ")


def _sets(policy: Policy, suite: Suite) -> Iterator[_Part]:
    for name, demand in policy.demand_on(suite.name).sets if SetCap.family in policy.rules else ():
        n = sum(unit.category in demand.categories for unit in _units(suite))
        yield _part(suite, n, policy.min_units, f"set {name!r} of ")


def needs_base(policy: Policy, suite: Suite) -> bool:
    """Whether a rule holds the candidate against the base on this further suite, so that the base is asked it too."""
    demand = policy.demand_on(suite.name)
    against = demand.against is Against.BASE and not has_own_rule(suite)
    sets = SetCap.family in policy.rules and any(one.against is Against.BASE for _, one in demand.sets)
    probed = suite.purpose == IDENTITY and IdentityKept.family in policy.rules
    return against or sets or probed or suite.name == LEAKAGE or has_tier(suite, EXTENDED, HELD_OUT)


def _refuse_few_seeds(policy: Policy, suite: Suite, repeats: int) -> None:
    seeds = max(repeats, suite.repeats)
    if SeedSpread.family in policy.rules and suite.generation.temperature > 0 and seeds < policy.least_seeds:
        raise ConfigError(
            f"suite {suite.name!r} draws its answers at temperature {suite.generation.temperature:g} with {seeds} "
            f"seeds; policy {policy.name!r} needs {policy.least_seeds} to know their spread.",
            next_step=f"Set repeats = {policy.least_seeds} under [evaluation] in selftune.toml.",
        )


def forecast(policy: Policy, suite: Suite, further: Sequence[Suite] = ()) -> Forecast:
    """How often an equal candidate passes, and how small a gain can be seen on the suite that decides.

    Reckoned exactly, by the tests of the rules themselves, for right-or-wrong units of which `DISCORDANCE` differ
    between equal arms, and as if no veto knew of another; with units that weigh unequally what must be shown is
    simulated. Floors are left out: whether an equal candidate clears one depends on the champion, not on noise. The
    spread over generation seeds is, too: it raises a doubt and is no veto. Trainings are taken to differ by no more
    than equal arms do; what they really do shows in the noise floor that a decision prints.
    """
    units = _units(suite)
    chances = {veto.name: _passed(veto, policy) for veto in vetoes_of(policy, suite, further)}
    if CriticalFailures.family in policy.rules:
        # No more items can differ in one than differ in what they score.
        chances[CriticalFailures.family] = _chance(len(suite.items), policy.critical_growth, policy.level, shown=False)
    for one in (suite, *further) if ByHeart.family in policy.rules else ():
        if has_tier(one, GOLD) and has_tier(one, HELD_OUT):
            # Gold ahead of held-out by chance alone: one side of the interval's error.
            chances[f"{ByHeart.family}:{one.name}"] = (1 + policy.level) / 2
    if IdentityKept.family in policy.rules and any(one.purpose == IDENTITY for one in further):
        # One error for all invariants together, on the side of harm.
        chances[IdentityKept.family] = (1 + policy.level) / 2
    for one in (suite, *further) if TurnOfBreak.family in policy.rules else ():
        talks = sum(bool(item.follow_ups) for item in one.items)
        if talks:
            chances[f"{TurnOfBreak.family}:{one.name}"] = _chance(talks, 0.0, policy.level, shown=False)
    n = max(2, round(len(units) * _telling([unit.weight for unit in units])))
    spread = math.sqrt((DISCORDANCE * n + 2) / (n + 2))
    return Forecast(
        units=tuple(Counter(unit.category for unit in units).items()),
        pass_chance=math.prod(chances.values()),
        weakest=min(chances, key=lambda name: chances[name]) if chances else None,
        detectable_gain=detectable_gain(spread, n, alpha=policy.alpha, power=policy.power),
    )


class _Unit(NamedTuple):
    category: str
    agent: str | None
    weight: float


def _units(suite: Suite, tier: str | None = None) -> list[_Unit]:
    """The units of one tier or of all."""
    held: dict[str, list[SuiteItem]] = {}
    for item in suite.items if tier is None else [one for one in suite.items if one.tier == tier]:
        held.setdefault(item.pair if suite.unit == "pair" and item.pair is not None else item.id, []).append(item)
    return [_Unit(items[0].category, items[0].agent, fmean(item.weight for item in items)) for items in held.values()]


def _telling(weights: Sequence[float]) -> float:
    """As how much of a unit one of them counts: 1 where all weigh the same.

    Source:
        L. Kish, "Survey Sampling" (1965), section 11.7.
    """
    return math.fsum(weights) ** 2 / math.fsum(weight**2 for weight in weights) / len(weights) if weights else 1.0


def vetoes_of(policy: Policy, suite: Suite, further: Sequence[Suite] = ()) -> Iterator[Veto]:
    """Each comparison that may stop a candidate under this policy, on the suite that decides and on those beside it."""
    units = _units(suite)
    guarded = policy.guarded_among(suite.categories) if Guarded.family in policy.rules else ()
    for category in suite.categories:
        seen = [unit for unit in units if unit.category == category]
        if category in guarded:
            yield _veto(Guarded, category, f"category {category!r}", seen, policy.guarded_cap, shown=True)
        elif CategoryCap.family in policy.rules:
            yield _veto(CategoryCap, category, f"category {category!r}", seen, policy.category_cap)
    for agent in dict.fromkeys(unit.agent for unit in units) if AgentCap.family in policy.rules else ():
        if agent is not None:
            seen = [unit for unit in units if unit.agent == agent]
            yield _veto(AgentCap, agent, f"agent {agent!r}", seen, policy.agent_cap)
    if TrainingSpread.family in policy.rules and policy.training_seeds > 1:
        yield Veto(
            name=TrainingSpread.family,
            where=f"suite {suite.name!r}",
            n=len(units),
            cap=policy.most_spread,
            shown=False,
            trainings=policy.training_seeds,
        )
    for one in (suite, *further):
        yield from _tier_vetoes(policy, one)
        yield from _set_vetoes(policy, one)
    for one in further:
        yield from _vetoes_beside(policy, one)


def _veto(
    rule: type[EnforcedRule], place: str, where: str, units: Sequence[_Unit], cap: float, *, shown: bool = False
) -> Veto:
    weights = tuple(unit.weight for unit in units)
    return Veto(
        name=f"{rule.family}:{place}",
        where=where,
        n=len(units),
        cap=cap,
        shown=shown,
        weights=weights if len(set(weights)) > 1 else (),
    )


def _set_vetoes(policy: Policy, suite: Suite) -> Iterator[Veto]:
    for name, demand in policy.demand_on(suite.name).sets if SetCap.family in policy.rules else ():
        units = [unit for unit in _units(suite) if unit.category in demand.categories]
        where = f"set {name!r} of suite {suite.name!r}"
        yield _veto(SetCap, f"{suite.name}/{name}", where, units, demand.margin)


def _tier_vetoes(policy: Policy, suite: Suite) -> Iterator[Veto]:
    tiers: tuple[tuple[type[EnforcedRule], float], ...] = (
        (Extended, policy.extended_margin),
        (HeldOut, policy.held_out_margin),
    )
    for rule, margin in tiers:
        units = _units(suite, rule.family)
        if units and rule.family in policy.rules:
            yield _veto(rule, suite.name, f"the {rule.family} tier of suite {suite.name!r}", units, margin)


def _vetoes_beside(policy: Policy, suite: Suite) -> Iterator[Veto]:
    where, units, demand = f"suite {suite.name!r}", _units(suite), policy.demand_on(suite.name)
    rule: type[EnforcedRule] = NoWorseShown if demand.guarded else NoWorse
    if suite.purpose == REGRESSION and Regression.family in policy.rules:
        yield _veto(Regression, suite.name, where, units, 0.0)
    elif rule.family in policy.rules and not has_own_rule(suite):
        yield _veto(rule, suite.name, where, units, demand.margin, shown=demand.guarded)


def _passed(veto: Veto, policy: Policy, least: int = 0) -> float:
    """How often an equal candidate passes a veto, were it over at least so many units."""
    n = max(veto.n, least)
    if veto.trainings:
        # Two equal arms differ on `DISCORDANCE` of the units; one arm's mean has half of that variance.
        return chance_below(veto.cap, math.sqrt(DISCORDANCE / 2 / n), veto.trainings)
    if veto.weights and veto.shown:
        return _chance_by_weight(veto.weights, n, veto.cap, policy.level)
    return _chance(max(1, round(n * _telling(veto.weights))), veto.cap, policy.level, shown=veto.shown)


def _remedy(policy: Policy, suite: Suite, further: Sequence[Suite]) -> str:
    """How far the weakest part, or where that is not enough every part, would have to grow."""
    vetoes = sorted(vetoes_of(policy, suite, further), key=lambda veto: _passed(veto, policy))
    constant = forecast(policy, suite, further).pass_chance / math.prod(_passed(veto, policy) for veto in vetoes)
    for growing in (vetoes[:1], vetoes):
        others = constant * math.prod(_passed(veto, policy) for veto in vetoes[len(growing) :])
        n = _grown_to(growing, LEAST_CHANCE / others, policy) if others >= LEAST_CHANCE else None
        if n is not None:
            beside = " and further suite" if any(veto.where.startswith("suite") for veto in growing) else ""
            what = growing[0].where if len(growing) == 1 else f"every category{beside}"
            return f"Bring {what} to about {n} {suite.unit}s, or raise the caps in the policy."
    return "Raise the caps in the policy: no number of items would do."


def _grown_to(vetoes: Sequence[Veto], chance: float, policy: Policy) -> int | None:
    """Units at which an equal candidate passes these vetoes so often, grown by a twentieth at a time; None for none."""
    n = min(veto.n for veto in vetoes)
    while n < _MOST_UNITS:
        n += max(1, n // 20)
        if math.prod(_passed(veto, policy, n) for veto in vetoes) >= chance:
            return n
    return None


@cache
def _chance(n: int, cap: float, level: float, *, shown: bool) -> float:
    """Probability that n units of an equal candidate pass a veto: harm not shown, or (`shown`) its absence shown."""
    n, each = min(n, _MOST_UNITS), DISCORDANCE / 2
    if shown:
        return power_to_hold(n, gained=each, lost=each, margin=cap, alpha=(1 - level) / 2)
    return 1 - chance_of_harm(n, gained=each, lost=each, margin=cap, alpha=1 - level)


@cache
def _chance_by_weight(weights: tuple[float, ...], n: int, cap: float, level: float) -> float:
    """The same of n units that bear these weights in turn, where absence must be shown: by drawn nights."""
    draw = random.Random(0)  # noqa: S311 - made-up nights that must repeat, no secret
    tiled = tuple(islice(cycle(weights), n))
    usual = fmean(tiled)
    shares, nights = [weight / usual for weight in tiled], min(_NIGHTS, max(_FEWEST_NIGHTS, _ANSWERS // n))
    passed = 0
    for _ in range(nights):
        held = hold(gather([share * _moved(draw) for share in shares]), max(shares))
        passed += shows_mean_above(held, -cap, (1 - level) / 2)
    return passed / nights


def _moved(draw: random.Random) -> float:
    """What an equal candidate gains on a unit: mostly nothing."""
    place = draw.random()
    return 0.0 if place >= DISCORDANCE else math.copysign(1.0, place - DISCORDANCE / 2)
