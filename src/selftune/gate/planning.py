"""Before a run: whether a policy can decide anything on a suite at all.

A policy whose vetoes stop most candidates that are just as good as the champion is no safeguard but a coin that says
no. So it is refused before anything is trained, with the number of units it would need.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Final

from selftune.errors import ConfigError
from selftune.gate.rules.harm import AgentCap, CategoryCap, CriticalFailures, Guarded, fall_status
from selftune.gate.rules.validity import missing_categories
from selftune.gate.statistics.paired import counted_interval, detectable_gain
from selftune.records import CheckStatus

if TYPE_CHECKING:
    from collections.abc import Iterator

    from selftune.gate.config import Policy
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


def plan_check(policy: Policy, suite: Suite) -> None:
    """Refuse a policy that cannot decide on this suite.

    Raises:
        ConfigError: a guarded category is not in the suite, a category has too few units to be measured, or an equal
            candidate would pass all vetoes less than 80 % of the time; the message says what would help.
    """
    missing = missing_categories(policy, suite)
    if missing:
        raise ConfigError(
            f"suite {suite.name!r} has no item in guarded category {missing[0]!r} of policy {policy.name!r}.",
            next_step=f"Add items of {missing[0]!r} to the suite, or drop the guard from the policy.",
        )
    sizes = Counter(category for category, _ in _units(suite))
    few = [category for category in suite.categories if sizes[category] < policy.min_units]
    if few:
        raise ConfigError(
            f"category {few[0]!r} of suite {suite.name!r} has {sizes[few[0]]} {suite.unit}s; "
            f"policy {policy.name!r} measures none below {policy.min_units}.",
            next_step=f"Add {policy.min_units - sizes[few[0]]} {suite.unit}s, or lower min_units in the policy.",
        )
    found = forecast(policy, suite)
    if found.pass_chance < LEAST_CHANCE:
        raise ConfigError(
            f"under policy {policy.name!r} a candidate as good as the champion would pass all vetoes on suite "
            f"{suite.name!r} in {found.pass_chance:.0%} of cases ({LEAST_CHANCE:.0%} are needed); "
            f"the weakest is {found.weakest}.",
            next_step=_remedy(policy, suite),
        )


def forecast(policy: Policy, suite: Suite) -> Forecast:
    """How often an equal candidate passes, and how small a gain can be seen.

    Reckoned exactly for right-or-wrong units of which `DISCORDANCE` differ between equal arms, vetoes taken as
    independent. Floors are left out: whether an equal candidate clears one depends on the champion, not on noise.
    """
    units = _units(suite)
    chances = dict(_chances(policy, suite))
    n = len(units)
    spread = math.sqrt((DISCORDANCE * n + 2) / (n + 2))
    return Forecast(
        units=tuple(Counter(category for category, _ in units).items()),
        pass_chance=math.prod(chances.values()),
        weakest=min(chances, key=lambda name: chances[name]) if chances else None,
        detectable_gain=detectable_gain(spread, max(n, 1), alpha=policy.alpha, power=policy.power),
    )


def _units(suite: Suite) -> list[tuple[str, str | None]]:
    """Category and agent of each unit."""
    first: dict[str, SuiteItem] = {}
    for item in suite.items:
        first.setdefault(item.pair if suite.unit == "pair" and item.pair is not None else item.id, item)
    return [(item.category, item.agent) for item in first.values()]


def _chances(policy: Policy, suite: Suite, least: int = 0) -> Iterator[tuple[str, float]]:
    """Each veto's name and how often an equal candidate passes it, if every part of the suite had `least` units."""
    units = _units(suite)
    by_category = Counter(category for category, _ in units)
    by_agent = Counter(agent for _, agent in units if agent is not None)
    guarded = policy.guarded_among(suite.categories) if Guarded.family in policy.rules else ()
    for category in suite.categories:
        n = max(by_category[category], least)
        if category in guarded:
            yield f"{Guarded.family}:{category}", _chance(n, policy.guarded_cap, policy.level, shown=True)
        elif CategoryCap.family in policy.rules:
            yield f"{CategoryCap.family}:{category}", _chance(n, policy.category_cap, policy.level, shown=False)
    if AgentCap.family in policy.rules:
        for agent, n in by_agent.items():
            yield f"{AgentCap.family}:{agent}", _chance(max(n, least), policy.agent_cap, policy.level, shown=False)
    if CriticalFailures.family in policy.rules:
        # Growth that is clear of noise by chance alone: one side of the interval's error.
        yield CriticalFailures.family, (1 + policy.level) / 2


def _remedy(policy: Policy, suite: Suite) -> str:
    n = min(Counter(category for category, _ in _units(suite)).values())
    while n < _MOST_UNITS:
        n += max(1, n // 20)
        if math.prod(chance for _, chance in _chances(policy, suite, n)) >= LEAST_CHANCE:
            return f"Bring every category to about {n} {suite.unit}s, or raise the caps in the policy."
    return "Raise the caps in the policy: no number of items would do."


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
