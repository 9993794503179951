"""What promotion needs: the policy, frozen for the length of a cycle."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from selftune.gate.picks.base import PicksMay
from selftune.records import digest_of

EVERY_CATEGORY: Final = "*"
"""Stands in `guarded` for all categories that a suite declares."""


class Against(StrEnum):
    """Whom a candidate must not fall behind on a suite."""

    CHAMPION = "champion"
    BASE = "base"


class AlphaOverNights(StrEnum):
    """What many nights in a row do to alpha."""

    EACH_NIGHT = "each_night"
    LORD = "lord"


@dataclass(frozen=True, kw_only=True)
class SetDemand:
    """What is asked on some categories of a suite taken together: each alone may have too few items to show a loss.

    Attributes:
        against: Whom the candidate is held against there.
        margin: It may not fall behind by more, as far as can be shown.
    """

    categories: tuple[str, ...]
    against: Against = Against.CHAMPION
    margin: float = 0.02


@dataclass(frozen=True, kw_only=True)
class SuiteDemand:
    """What is asked of a candidate on one suite beside the one that decides.

    Attributes:
        against: Whom it is held against: who serves now, or the base that every generation starts from.
        margin: It may not fall behind by more.
        guarded: That it does not must be shown; otherwise only harm that is shown stops it.
        required: A project that does not evaluate the suite can't use the policy.
        floors: Category of the suite and the least score there, overall and for each agent, whatever the champion had:
            the interval's lower bound must reach it. It holds too where this suite is the one that decides.
        sets: Categories that are looked at together, by the name of the set.
    """

    against: Against = Against.CHAMPION
    margin: float = 0.1
    guarded: bool = False
    required: bool = False
    floors: tuple[tuple[str, float], ...] = ()
    sets: tuple[tuple[str, SetDemand], ...] = ()


@dataclass(frozen=True, kw_only=True)
class Policy:
    """What a candidate must show. Shares and scores run from 0 to 1, differences are candidate minus champion.

    Attributes:
        rules: The rules that are applied, by name.
        alpha: Two-sided error of the test for a gain.
        level: Two-sided confidence of every other interval.
        power: Chance of seeing a true gain that `items_needed` plans for.
        least_gain: The least gain worth having: a difference below it does not promote, however certain.
        category_cap: A category may not fall by more, if the fall is clear of noise.
        agent_cap: The same for each agent of a suite that has agents.
        guarded: Categories in which the absence of harm must be shown; `*` for all. Each must be in the suite.
        guarded_cap: In a guarded category the interval must lie above minus this.
        floors: Category and the least score there, whatever the champion had.
        critical_growth: Critical failures per item may not grow by more, if the growth is clear of noise.
        max_critical_failures: Most critical failures a candidate may have; None for no limit.
        max_unscored: Largest share of items without a score, in either arm.
        min_units: Fewest scored units of a suite or a tier; with fewer it is not measured.
        min_part_units: The same of a category or an agent.
        picks: `may_promote`: a person's blind picks may stand in for a gain that is not shown; `reported`: never.
        independence: `required`: who selected the data must not grade the result; `reported`: it is only printed.
        alpha_over_nights: `each_night`: every night tests at alpha; `lord`: a season's nights share it out by LORD++.
        extended_margin: On extended items the candidate may not fall behind the base by more.
        held_out_margin: On held-out items it may not fall behind champion or base by more.
        most_spread: Largest standard deviation of the candidate's mean over seeds, of generation and of training.
        least_seeds: Seeds that it takes to know that spread, where answers are drawn at a temperature.
        training_seeds: Seeds under which the recipe is trained before its candidate may be promoted; 1: once.
        probe_below: A run that saw less than this share of the champion's lessons is a probe, and not comparable with
            what serves, unless its recipe states its purpose.
        live_answers: Answers to real requests that a promotion needs of the candidate, beside the champion's; 0: none.
        collapse_margin: Share by which empty, looping or copied answers may grow.
        suites: Further suites by name, each with what is asked there; one that is not named gets `SuiteDemand()`.
    """

    name: str
    rules: tuple[str, ...]
    description: str = ""
    alpha: float = 0.05
    level: float = 0.95
    power: float = 0.8
    least_gain: float = 0.02
    category_cap: float = 0.1
    agent_cap: float = 0.1
    guarded: tuple[str, ...] = ()
    guarded_cap: float = 0.1
    floors: tuple[tuple[str, float], ...] = ()
    critical_growth: float = 0.0
    max_critical_failures: int | None = None
    max_unscored: float = 0.05
    min_units: int = 12
    min_part_units: int = 6
    picks: PicksMay = PicksMay.BE_REPORTED
    independence: str = "required"
    alpha_over_nights: AlphaOverNights = AlphaOverNights.EACH_NIGHT
    extended_margin: float = 0.02
    held_out_margin: float = 0.02
    most_spread: float = 0.04
    least_seeds: int = 3
    training_seeds: int = 1
    probe_below: float = 0.5
    collapse_margin: float = 0.05
    live_answers: int = 0
    suites: tuple[tuple[str, SuiteDemand], ...] = ()

    @property
    def digest(self) -> str:
        """Names what it demands; stands in every decision made under it."""
        return digest_of(self)

    def guarded_among(self, categories: tuple[str, ...]) -> tuple[str, ...]:
        """The guarded categories, `*` spelt out as these."""
        return categories if EVERY_CATEGORY in self.guarded else self.guarded

    def demand_on(self, suite: str) -> SuiteDemand:
        """What is asked of a candidate on a further suite."""
        return dict(self.suites).get(suite, SuiteDemand())

    @property
    def required_suites(self) -> tuple[str, ...]:
        """Further suites without which the policy can't be used."""
        return tuple(name for name, demand in self.suites if demand.required)
