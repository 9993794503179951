"""What promotion needs: the policy, frozen for the length of a cycle."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from selftune.records import digest_of

EVERY_CATEGORY: Final = "*"
"""Stands in `guarded` for all categories that a suite declares."""


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
        min_units: Fewest scored units in a category; with fewer it is not measured.
        independence: `required`: who selected the data must not grade the result; `reported`: it is only printed.
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
    independence: str = "required"

    @property
    def digest(self) -> str:
        """Names what it demands; stands in every decision made under it."""
        return digest_of(self)

    def guarded_among(self, categories: tuple[str, ...]) -> tuple[str, ...]:
        """The guarded categories, `*` spelt out as these."""
        return categories if EVERY_CATEGORY in self.guarded else self.guarded
