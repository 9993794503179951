"""What the referee says, as a record."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from selftune.gate.statistics.effects import Bimodality
    from selftune.gate.statistics.student import Unpaired
    from selftune.records import Check
    from selftune.records.scores import UnscoredRow


_FINE: Final = 2.0
"""Scores of a scale that is no wider are written with a third place."""


def in_figures(mean: float, interval: tuple[float, float], width: float) -> str:
    """A difference as a person reads it: `+0.85 [+0.52, +1.18]`."""
    places = 3 if width <= _FINE else 2
    return f"{mean:+.{places}f} [{interval[0]:+.{places}f}, {interval[1]:+.{places}f}]"


class Finding(StrEnum):
    """The referee's four answers."""

    BETTER = "better"
    WORSE = "worse"
    INCONCLUSIVE = "inconclusive"
    INVALID = "invalid"


@dataclass(frozen=True, kw_only=True)
class Terms:
    """What a comparison demands; gains and shares run from 0 to 1.

    Attributes:
        alpha: Two-sided error; intervals hold at 1 - alpha.
        power: What `items_needed` plans for.
        least_gain: The least gain worth having, as a share of the scale.
        max_unscored: Largest share of rows without a score, in either arm, and of items that only one arm has.
    """

    alpha: float = 0.05
    power: float = 0.8
    least_gain: float = 0.02
    max_unscored: float = 0.05


@dataclass(frozen=True, kw_only=True)
class Part:
    """One category, difficulty or agent: the mean over its scored items."""

    name: str
    mean: float
    n: int
    critical: int


@dataclass(frozen=True, kw_only=True)
class ArmSummary:
    """One arm over all its scored items, paired or not.

    Attributes:
        swing: How far one answer to a question lies from the next, as a standard deviation; None without repeats.
    """

    name: str
    mean: float | None
    interval: tuple[float, float] | None
    n: int
    judge_overall_mean: float | None
    stated_mean: float | None
    by_category: tuple[Part, ...]
    by_difficulty: tuple[Part, ...]
    by_agent: tuple[Part, ...]
    critical_failures: int
    unscored: tuple[UnscoredRow, ...]
    bimodality: Bimodality | None
    swing: float | None = None


@dataclass(frozen=True, kw_only=True)
class Shift:
    """How one part of the items moved, paired, with a p-value adjusted for how many such parts there are.

    Attributes:
        kind: What it is a part by: `category`, `difficulty` or `agent`.
    """

    kind: str
    name: str
    difference: float
    interval: tuple[float, float]
    p_value: float
    n: int


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """The referee's answer.

    Attributes:
        difference: Candidate minus champion, mean over the items that both have; None without any.
        n: Those items.
        items_needed: How many, more than n, would settle it with the power asked for; None unless it is inconclusive,
            and where no number of items would: `reason` says why.
        unpaired: The same as two independent samples over all scored items.
        effect: Cohen's d.
    """

    outcome: Finding
    reason: str
    difference: float | None
    interval: tuple[float, float] | None
    p_value: float | None
    n: int
    items_needed: int | None
    method: str | None
    scale: tuple[float, float]
    metric: str
    unpaired: Unpaired | None
    effect: float | None
    champion: ArmSummary
    candidate: ArmSummary
    shifts: tuple[Shift, ...]
    checks: tuple[Check, ...]
    warnings: tuple[str, ...]
