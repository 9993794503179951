"""How many more picks it would take, and how many minutes of a person."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from selftune.gate.picks.base import Choice
from selftune.gate.picks.bet import ALTERNATIVE, bet, plan_of
from selftune.scoring.sequential import log_ratio

if TYPE_CHECKING:
    from selftune.gate.picks.base import Picks

SECONDS_EACH: Final = 15.0
"""What a pick is taken to last before the person has shown how fast they are: two short answers, read once."""

_BELIEVED: Final = 8
"""So many picks at the rate that is bet on are believed in before the first."""


@dataclass(frozen=True, kw_only=True)
class MorePicks:
    """What it would take to settle a bet that is open."""

    picks: int
    minutes: int

    def __str__(self) -> str:
        """`12 more picks, about 3 minutes`."""
        return (
            f"{self.picks} more pick{'s' * (self.picks != 1)}, about {self.minutes} minute{'s' * (self.minutes != 1)}"
        )


def more_picks(picks: Picks, alpha: float) -> MorePicks | None:
    """Picks that bring the capital from where it stands to 1 / alpha, if the person goes on as they began.

    The rate is what was picked so far and `_BELIEVED` picks at the rate bet on. None where the bet is settled, or where
    at this rate the capital would not grow: more picks are then not likely to help.
    """
    won, decided, plan = picks.tally[Choice.CANDIDATE], picks.decided, plan_of(alpha)
    growth = log_ratio((won + ALTERNATIVE * _BELIEVED) / (decided + _BELIEVED), 1, plan)
    if bet(picks.choices, alpha).settled is not None or growth <= 0:
        return None
    taking_sides = (decided + _BELIEVED) / (len(picks.choices) + _BELIEVED)
    needed = math.ceil((-math.log(alpha) - log_ratio(won, decided, plan)) / growth / taking_sides)
    seconds = needed * (SECONDS_EACH if picks.seconds_each is None else picks.seconds_each)
    return MorePicks(picks=needed, minutes=max(1, math.ceil(seconds / 60)))
