"""How a rule did: false promotions, missed gains and items spent, each with its n and its interval."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from statistics import fmean
from typing import TYPE_CHECKING

from gatebench.nights import FALSE, GAINS, plant_nights
from selftune.scoring.intervals import wilson_interval

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from gatebench.nights import Planted
    from gatebench.rule import Rule

_LEVEL = 0.95


@dataclass(frozen=True, kw_only=True)
class Share:
    """So many of n."""

    hits: int
    n: int

    @property
    def interval(self) -> tuple[float, float]:
        """Wilson's, at 95 %."""
        return wilson_interval(self.hits, self.n, _LEVEL)

    def __str__(self) -> str:
        """As it is printed: `12 % [8, 17]`."""
        low, high = self.interval
        return f"{self.hits / self.n:.0%} [{100 * low:.0f}, {100 * high:.0f}]"


@dataclass(frozen=True, kw_only=True)
class Score:
    """One rule on exams of one size.

    Attributes:
        promoted: How often it promoted, by the kind of night.
        spent: Answers generated and judged a night, in the mean.
    """

    title: str
    items: int
    promoted: tuple[tuple[str, Share], ...]
    spent: float

    @property
    def false_promotions(self) -> Share:
        """Of the nights whose candidate was not worth having."""
        return _sum([share for kind, share in self.promoted if kind in FALSE])

    def missed(self, kind: str) -> Share:
        """Of the nights with a real gain of this size."""
        share = dict(self.promoted)[kind]
        return Share(hits=share.n - share.hits, n=share.n)

    @property
    def missed_gains(self) -> Share:
        """Of the nights with a real gain of any size."""
        return _sum([self.missed(kind) for kind in GAINS])


def _sum(shares: list[Share]) -> Share:
    return Share(hits=sum(share.hits for share in shares), n=sum(share.n for share in shares))


def score(rule: Rule, items: int, each: int, seed: int) -> Score:
    """Let a rule decide so many nights of each kind on exams of so many items."""
    return score_on(rule, items, lambda: plant_nights(items, each, seed))


def score_on(rule: Rule, items: int, nights: Callable[[], Iterable[Planted]]) -> Score:
    """Let a rule decide these nights."""
    promoted: Counter[str] = Counter()
    seen: Counter[str] = Counter()
    spent = []
    for planted in nights():
        seen[planted.kind] += 1
        promoted[planted.kind] += rule.promotes(planted.night)
        spent.append(planted.spent)
    return Score(
        title=rule.title,
        items=items,
        promoted=tuple((kind, Share(hits=promoted[kind], n=seen[kind])) for kind in seen),
        spent=fmean(spent),
    )
