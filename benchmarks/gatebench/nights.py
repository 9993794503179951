"""Nights of known truth: what happened, what can be seen of it, and whether the candidate was worth having.

An item has a chance to be answered rightly, most of them near 0 or 1 as in real suites, and every answer is a draw: two
equal models differ on about one item of six.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from gatebench.rule import Item, Night

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gatebench.rule import Scores

CATEGORIES: Final = ("identity", "state", "tone", "tools")
GAINS: Final = {"gain of 0.05": 0.05, "gain of 0.10": 0.10, "gain of 0.20": 0.20}
FALSE: Final = (
    "no change",
    "exam learnt by heart",
    "judge outage",
    "wrong weights served",
    "quantisation loss",
    "one category falls",
    "lucky seed",
    "drifting judge",
)
HELD_OUT: Final = 4
"""Every so many-th item is held out."""

_RIGHT: Final = (0.3, 0.2)
_TRIED: Final = 8
_LENIENT: Final = 0.25
_OUTAGE: Final = 0.2


@dataclass(frozen=True, kw_only=True)
class Planted:
    """One night, and the truth about it: `worth` having the candidate, or not."""

    kind: str
    worth: bool
    night: Night
    asks: list[int] = field(default_factory=list)

    @property
    def spent(self) -> int:
        """Answers that were generated and judged for the decision."""
        arms = 1 + self.night.same_night + (self.night.tried - 1)
        return (arms + 2 * len(self.asks)) * len(self.night.items)


def plant_nights(items: int, each: int, seed: int) -> Iterator[Planted]:
    """So many nights of each kind on exams of so many items; equal seeds, equal nights."""
    import numpy as np

    for place, kind in enumerate((*GAINS, *FALSE)):
        for number in range(each):
            yield plant(kind, items, np.random.default_rng([seed, items, place, number]))


def plant(kind: str, items: int, draw: Any) -> Planted:
    """One night of this kind."""
    exam = tuple(
        Item(
            name=f"item {place}",
            category=CATEGORIES[place // HELD_OUT % len(CATEGORIES)],
            tier="gold" if place % HELD_OUT else "held_out",
        )
        for place in range(items)
    )
    champion = draw.beta(*_RIGHT, items)
    candidate = champion + _change(kind, exam, champion, draw)
    lenient = _LENIENT if kind == "drifting judge" else 0.0

    def ask(chances: Any, lenience: float) -> Scores:
        right = draw.random(items) < chances + lenience * (1 - chances)
        return tuple(right.astype(float).tolist())

    asks: list[int] = []

    def ask_again() -> tuple[Scores, Scores]:
        asks.append(1)
        return ask(champion, lenient), ask(candidate, lenient)

    seen = [ask(candidate, lenient) for _ in range(_TRIED if kind == "lucky seed" else 1)]
    first = ask(champion, 0.0)
    if kind == "judge outage":
        gone = draw.random(items) < _OUTAGE
        first = tuple(None if lost else score for score, lost in zip(first, gone, strict=True))
    night = Night(
        items=exam,
        champion=first,
        candidate=max(seen, key=lambda scores: sum(score or 0.0 for score in scores)),
        champion_server="weights A",
        candidate_server="weights A" if kind == "wrong weights served" else "weights B",
        parity=0.55 if kind == "quantisation loss" else 0.98,
        same_night=kind != "drifting judge",
        tried=len(seen),
        ask_again=ask_again,
    )
    return Planted(kind=kind, worth=kind in GAINS, night=night, asks=asks)


def _change(kind: str, exam: tuple[Item, ...], chances: Any, draw: Any) -> Any:
    """What the candidate's chances are higher by, item by item."""
    import numpy as np

    if kind in GAINS:
        return _mended(chances, GAINS[kind])
    if kind == "quantisation loss":
        return _mended(chances, 0.10)  # the trained model is better; what would be served is not
    if kind == "exam learnt by heart":
        known = np.array([item.tier != "held_out" for item in exam])
        return np.where(known, 0.9 * (1 - chances), -0.1 * chances)
    if kind == "one category falls":
        falls = np.array([item.category == CATEGORIES[0] for item in exam])
        return np.where(falls, -0.35 * chances, 0.35 * (1 - chances))
    if kind in {"no change", "lucky seed"}:
        # Another training under the same recipe: other items, not better ones.
        moved = draw.normal(0, 0.05, len(exam))
        return np.clip(chances + moved - moved.mean(), 0, 1) - chances
    return np.zeros(len(exam))


def _mended(chances: Any, gain: float) -> Any:
    """What was wrong is right more often, by so much in the mean."""
    return gain / (1 - chances).mean() * (1 - chances)
