"""Whether a screen speaks for what it stands for: its effects beside those that the gate measured, over all nights.

A cheap look once chose for overfitting: the higher a model scored on it, the lower it scored on what nobody had tuned
(mission C20 and C22). A screen of which that is shown is switched off.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from math import sqrt
from typing import TYPE_CHECKING, Final

from selftune.gate.statistics.trend import FEWEST, trend_of
from selftune.records import Decision, Experiment

if TYPE_CHECKING:
    from collections.abc import Sequence

    from selftune.store import Store

ALPHA: Final = 0.05
"""Of the one-sided test that a screen runs against the gate; four tries that all do so have a p-value of 1 in 24."""


@dataclass(frozen=True, kw_only=True)
class Agreement:
    """How the order of tries on a screen goes with their order at the gate.

    Attributes:
        tau: Kendall's tau-b, from -1 to 1; None where all are equal on one of the two.
        p_value: One-sided, of "the two have nothing to do with each other": how often chance alone runs so far against.
    """

    n: int
    tau: float | None
    p_value: float

    @property
    def is_off(self) -> bool:
        """Whether it is shown that the screen chooses the worse."""
        return self.p_value <= ALPHA

    @property
    def in_words(self) -> str:
        """What is known of the screen, for a plan."""
        if self.tau is None:
            return f"says nothing yet beside the gate: {self.n} tries were asked both"
        held = "runs against the gate and is off" if self.is_off else "is not shown to run against the gate"
        return f"{held}: tau {self.tau:+.2f} over {self.n} tries, one-sided p {self.p_value:.3f}"


def agreement_of(effects: Sequence[tuple[float, float]]) -> Agreement:
    """From each try's effect on the screen and at the gate.

    Tries that are equal on the screen are taken in the order that speaks for it.

    Source:
        M. G. Kendall, "Rank Correlation Methods", 4th ed. (1975), chapters 1, 3 (tau-b) and 4 (the test).
    """
    falls = [-gate for _, gate in sorted(effects)]
    p_value = trend_of(falls).p_value if len(effects) >= FEWEST else 1.0
    return Agreement(n=len(effects), tau=_tau(effects), p_value=p_value)


def agreement_on(store: Store, screen_digest: str, base_digest: str) -> Agreement:
    """Of every try on this base that was asked this very screen and went to the gate.

    The gate held it against what served that night, the screen against its baseline: of one night the two differ by
    the same amount for every try, over nights by as much as a champion moved.
    """
    gate: dict[str, float] = {}
    for _, decision in store.each(Decision):
        if decision.run_id is not None and decision.difference is not None and not decision.picks:
            gate.setdefault(decision.run_id, decision.difference)
    tries = [
        one
        for _, one in store.each(Experiment)
        if (one.suite_digest, one.base_digest) == (screen_digest, base_digest) and one.run_id in gate
    ]
    effects = {one.run_id: (one.effect.mean, gate[one.run_id]) for one in tries if one.effect and one.run_id}
    return agreement_of(tuple(effects.values()))


def _tau(effects: Sequence[tuple[float, float]]) -> float | None:
    pairs = [(_sign(x2 - x1), _sign(y2 - y1)) for (x1, y1), (x2, y2) in combinations(effects, 2)]
    apart = sum(x != 0 for x, _ in pairs) * sum(y != 0 for _, y in pairs)
    return sum(x * y for x, y in pairs) / sqrt(apart) if apart else None


def _sign(value: float) -> int:
    return (value > 0) - (value < 0)
