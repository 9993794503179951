"""Before a run: whether a policy can decide anything on a suite at all.

A policy whose vetoes stop most candidates that are just as good as the champion is no safeguard but a coin that says
no. So it is refused before anything is trained, with the number of units it would need.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Final, NamedTuple

from selftune.errors import ConfigError
from selftune.gate.config import Against
from selftune.gate.rules.behaviour import TurnOfBreak
from selftune.gate.rules.further import REGRESSION, NoWorse, NoWorseShown, Regression, has_own_rule
from selftune.gate.rules.harm import AgentCap, CategoryCap, CriticalFailures, Floor, Guarded, fall_status, fewest_above
from selftune.gate.rules.leakage import LEAKAGE
from selftune.gate.rules.spread import SeedSpread
from selftune.gate.rules.tiers import EXTENDED, HELD_OUT, has_tier
from selftune.gate.rules.trainings import TrainingSpread
from selftune.gate.rules.validity import missing_categories
from selftune.gate.statistics.noise import chance_below
from selftune.gate.statistics.paired import counted_interval
from selftune.gate.statistics.power import detectable_gain
from selftune.records import CheckStatus

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from selftune.gate.config import Policy
    from selftune.gate.rules.enforced import EnforcedRule
    from selftune.records import Suite, SuiteItem

DISCORDANCE: Final = 0.1
"""Share of units on which an equal candidate answers otherwise than the champion, half of them for the better."""

LEAST_CHANCE: Final = 0.8
"""An equal candidate must pass all vetoes at least so often."""

_RARE: Final = 1e-7
_MOST_UNITS: Final = 2_000


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
        trainings: Over so many trainings the spread of their means must stay below the cap; 0 where it is no such veto.
    """

    name: str
    where: str
    n: int
    cap: float
    shown: bool
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
    sizes, least = Counter(category for category, _ in _units(suite)), policy.min_part_units
    parts = [_part(suite, sizes[name], least, f"category {name!r} of ") for name in suite.categories]
    for one in (suite, *further):
        if one is suite or not has_own_rule(one):
            parts.append(_part(one, len(_units(one)), policy.min_units))
        parts += [*_parts_with_a_floor(policy, one), *_tiers(policy, one)]
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
        agents = [agent for named, agent in _units(suite) if named == category]
        least = fewest_above(floor, policy.level)
        yield _part(suite, len(agents), least, f"category {category!r} of ")
        for agent, n in Counter(agent for agent in agents if agent is not None).items():
            yield _part(suite, n, least, f"{category!r} of agent {agent!r} in ")


def _tiers(policy: Policy, suite: Suite) -> Iterator[_Part]:
    for tier in (EXTENDED, HELD_OUT):
        if tier in policy.rules and has_tier(suite, tier):
            yield _part(suite, len(_units(suite, tier)), policy.min_units, f"tier {tier} of ")


def needs_base(policy: Policy, suite: Suite) -> bool:
    """Whether a rule holds the candidate against the base on this further suite, so that the base is asked it too."""
    against = policy.demand_on(suite.name).against is Against.BASE and not has_own_rule(suite)
    return against or suite.name == LEAKAGE or has_tier(suite, EXTENDED, HELD_OUT)


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

    Reckoned exactly for right-or-wrong units of which `DISCORDANCE` differ between equal arms, vetoes taken as
    independent. Floors are left out: whether an equal candidate clears one depends on the champion, not on noise. So is
    the spread over generation seeds: it raises a doubt and is no veto. Trainings are taken to differ by no more than
    equal arms do; what they really do shows in the noise floor that a decision prints.
    """
    units = _units(suite)
    chances = {veto.name: _passed(veto, policy) for veto in vetoes_of(policy, suite, further)}
    # Growth that is clear of noise by chance alone: one side of the interval's error.
    by_chance = (1 + policy.level) / 2
    if CriticalFailures.family in policy.rules:
        chances[CriticalFailures.family] = by_chance
    for one in (suite, *further) if TurnOfBreak.family in policy.rules else ():
        if any(item.follow_ups for item in one.items):
            chances[f"{TurnOfBreak.family}:{one.name}"] = by_chance
    n = len(units)
    spread = math.sqrt((DISCORDANCE * n + 2) / (n + 2))
    return Forecast(
        units=tuple(Counter(category for category, _ in units).items()),
        pass_chance=math.prod(chances.values()),
        weakest=min(chances, key=lambda name: chances[name]) if chances else None,
        detectable_gain=detectable_gain(spread, max(n, 2), alpha=policy.alpha, power=policy.power),
    )


def _units(suite: Suite, tier: str | None = None) -> list[tuple[str, str | None]]:
    """Category and agent of each unit, of one tier or of all."""
    first: dict[str, SuiteItem] = {}
    for item in suite.items if tier is None else [one for one in suite.items if one.tier == tier]:
        first.setdefault(item.pair if suite.unit == "pair" and item.pair is not None else item.id, item)
    return [(item.category, item.agent) for item in first.values()]


def vetoes_of(policy: Policy, suite: Suite, further: Sequence[Suite] = ()) -> Iterator[Veto]:
    """Each comparison that may stop a candidate under this policy, on the suite that decides and on those beside it."""
    units = _units(suite)
    by_category = Counter(category for category, _ in units)
    guarded = policy.guarded_among(suite.categories) if Guarded.family in policy.rules else ()
    for category in suite.categories:
        where, n = f"category {category!r}", by_category[category]
        if category in guarded:
            yield Veto(name=f"{Guarded.family}:{category}", where=where, n=n, cap=policy.guarded_cap, shown=True)
        elif CategoryCap.family in policy.rules:
            yield Veto(name=f"{CategoryCap.family}:{category}", where=where, n=n, cap=policy.category_cap, shown=False)
    if AgentCap.family in policy.rules:
        for agent, n in Counter(agent for _, agent in units if agent is not None).items():
            where = f"agent {agent!r}"
            yield Veto(name=f"{AgentCap.family}:{agent}", where=where, n=n, cap=policy.agent_cap, shown=False)
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
    for one in further:
        yield from _vetoes_beside(policy, one)


def _tier_vetoes(policy: Policy, suite: Suite) -> Iterator[Veto]:
    for tier, margin in ((EXTENDED, policy.extended_margin), (HELD_OUT, policy.held_out_margin)):
        n = len(_units(suite, tier))
        if n and tier in policy.rules:
            where = f"the {tier} tier of suite {suite.name!r}"
            yield Veto(name=f"{tier}:{suite.name}", where=where, n=n, cap=margin, shown=False)


def _vetoes_beside(policy: Policy, suite: Suite) -> Iterator[Veto]:
    where, n, demand = f"suite {suite.name!r}", len(_units(suite)), policy.demand_on(suite.name)
    rule: type[EnforcedRule] = NoWorseShown if demand.guarded else NoWorse
    if suite.purpose == REGRESSION and Regression.family in policy.rules:
        yield Veto(name=f"{Regression.family}:{suite.name}", where=where, n=n, cap=0.0, shown=False)
    elif rule.family in policy.rules and not has_own_rule(suite):
        yield Veto(name=f"{rule.family}:{suite.name}", where=where, n=n, cap=demand.margin, shown=demand.guarded)


def _passed(veto: Veto, policy: Policy, least: int = 0) -> float:
    """How often an equal candidate passes a veto, were it over at least so many units."""
    n = max(veto.n, least)
    if veto.trainings:
        # Two equal arms differ on `DISCORDANCE` of the units; one arm's mean has half of that variance.
        return chance_below(veto.cap, math.sqrt(DISCORDANCE / 2 / n), veto.trainings)
    return _chance(n, veto.cap, policy.level, shown=veto.shown)


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
    units = min(n, _MOST_UNITS)
    return math.fsum(
        weight
        for gained, lost, weight in _equal_outcomes(units)
        if _passes(fall_status((gained - lost) / units, counted_interval(gained, lost, units, level), cap), shown=shown)
    )


def _passes(status: CheckStatus, *, shown: bool) -> bool:
    return status is CheckStatus.PASS if shown else status is not CheckStatus.FAIL


def _equal_outcomes(n: int) -> Iterator[tuple[int, int, float]]:
    """Units gained and lost by an equal candidate, with their probability; what is rarer than 1e-7 is left out."""
    for discordant in range(n + 1):
        drawn = _binomial(n, discordant, DISCORDANCE)
        if drawn >= _RARE:
            for gained in range(discordant + 1):
                yield gained, discordant - gained, drawn * _binomial(discordant, gained, 0.5)


def _binomial(n: int, k: int, p: float) -> float:
    ways = math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)
    return math.exp(ways + k * math.log(p) + (n - k) * math.log(1 - p))
