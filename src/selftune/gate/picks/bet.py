"""A bet on blind picks that may be looked at after each of them, without fooling oneself.

Somebody bets, pick by pick, that the person takes the candidate in three of four picks. If the candidate is no better,
so that a pick takes it with a chance q of at most a half, whatever was picked before, the capital is multiplied in the
mean by q * 0.75 / 0.5 + (1 - q) * 0.25 / 0.5 = 0.5 + q <= 1: it is a supermartingale that starts at 1, and by Ville's
inequality (1939) it ever reaches 1 / alpha with a chance of at most alpha, whenever the person stops. A second bet is
on the champion in the same way; the one that gets there first decides. Ties are dropped: the bet is on the picks that
took a side, and a person who sees no difference gives no evidence of one.

Sources: A. Wald, "Sequential tests of statistical hypotheses", Annals of Mathematical Statistics 16 (1945), 117-186:
the capital is the ratio of his test, here without its lower limit. P. Gruenwald, R. de Heide and W. Koolen, "Safe
testing", J. R. Stat. Soc. B 86 (2024), 1091-1128: no other bet grows faster where the preference is the one bet on.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from selftune.gate.picks.base import Choice
from selftune.scoring.sequential import SequentialPlan, log_ratio, win_rate_interval

if TYPE_CHECKING:
    from collections.abc import Sequence

ALTERNATIVE: Final = 0.75
"""The share of picks that is bet on: a preference that a person would notice."""


@dataclass(frozen=True, kw_only=True)
class Bet:
    """What the picks came to.

    Attributes:
        settled: Who won the bet first; None while neither has.
        at: After how many picks, ties among them; None while open.
        capital_on_candidate: What 1 bet on the candidate has become, when it was settled or by now.
        capital_on_champion: The same of 1 bet on the champion.
        share: The candidate's share of the picks that took a side; None before the first.
        interval: Of that share, valid at whatever pick one stops, at level 1 - 2 alpha: Robbins's at 1 - alpha, without
            the half that a settled bet refutes.
        n: Picks that took a side and were looked at.
    """

    settled: Choice | None
    at: int | None
    capital_on_candidate: float
    capital_on_champion: float
    share: float | None
    interval: tuple[float, float]
    n: int


def bet(choices: Sequence[Choice], alpha: float) -> Bet:
    """What picks, in the order they were made, show; nothing after the pick that settles it is looked at.

    Raises:
        ValueError: alpha is no chance.
    """
    plan = plan_of(alpha)
    won, lost = 0, 0
    settled, at = None, None
    for place, choice in enumerate(choices, start=1):
        won += choice is Choice.CANDIDATE
        lost += choice is Choice.CHAMPION
        settled = _settled(won, lost, plan)
        if settled is not None:
            at = place
            break
    n = won + lost
    return Bet(
        settled=settled,
        at=at,
        capital_on_candidate=math.exp(log_ratio(won, n, plan)),
        capital_on_champion=math.exp(log_ratio(lost, n, plan)),
        share=won / n if n else None,
        interval=_interval(won, n, alpha, settled),
        n=n,
    )


def picks_at_best(alpha: float) -> int:
    """How many picks in a row for one side settle it."""
    return math.ceil(-math.log(alpha) / log_ratio(1, 1, plan_of(alpha)))


def plan_of(alpha: float) -> SequentialPlan:
    """The bet as the walk of Wald's test; its lower limit and its cap are not looked at."""
    return SequentialPlan(alternative=ALTERNATIVE, alpha=alpha)


def _interval(won: int, n: int, alpha: float, settled: Choice | None) -> tuple[float, float]:
    low, high = win_rate_interval(won, n, 1 - alpha) if n else (0.0, 1.0)
    even = plan_of(alpha).null
    return max(low, even) if settled is Choice.CANDIDATE else low, min(
        high, even
    ) if settled is Choice.CHAMPION else high


def _settled(won: int, lost: int, plan: SequentialPlan) -> Choice | None:
    needed = -math.log(plan.alpha)
    if log_ratio(won, won + lost, plan) >= needed:
        return Choice.CANDIDATE
    return Choice.CHAMPION if log_ratio(lost, won + lost, plan) >= needed else None
