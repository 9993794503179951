"""From the simplest build upwards, stop at the first that is shown not to be inferior to the best.

The best is not known, so a rung must show that it falls short of no other by the margin or more: the upper bound of
every other's lead over it lies below the margin. Each bound is one-sided at the level 1 - alpha / (K - 1) for K rungs.
Let b be the truly best one: with a chance of 1 - alpha all K - 1 bounds on b's lead over the others hold at once
(Bonferroni), and then no rung that truly falls short of b by the margin is taken for one that does not, whichever is
tried first and however many are tried. `Not shown` never counts as `not inferior`.

Source:
    J. C. Hsu, "Constrained simultaneous confidence intervals for multiple comparisons with the best", Ann. Statist. 12
    (1984), 1136-1144: only comparisons with the true best have to hold. Here with bounds for paired scores in place of
    his for independent ones.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from selftune.gate.statistics.equivalence import shows_below

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


@dataclass(frozen=True, kw_only=True)
class Rung:
    """One build that could be released; rungs are handed in from the simplest to the dearest.

    Attributes:
        scores: Score of each unit, 0 to 1, by its key; what was not scored is not in it.
        refused: Why it may not be released whatever it scores, such as a veto; None where it may.
    """

    name: str
    scores: Mapping[str, float]
    refused: str | None = None


@dataclass(frozen=True, kw_only=True)
class Lead:
    """How far another rung may lie ahead of one, at most: mean, upper bound, and whether that is below the margin."""

    rung: str
    other: str
    mean: float
    bound: float
    shown: bool


@dataclass(frozen=True, kw_only=True)
class Climb:
    """Where the climb ended.

    Attributes:
        chosen: The rung to release; None where none may be.
        shown: Whether it is shown not to be inferior; if not, it is the one that scored best.
        n: Units that every rung has a score for.
        leads: What was looked at on the way up, in order.
    """

    chosen: str | None
    shown: bool
    reason: str
    n: int
    leads: tuple[Lead, ...] = ()


def climb(rungs: Sequence[Rung], *, alpha: float, margin: float) -> Climb:
    """The simplest rung that is shown not to be inferior to any other by `margin`; where none is, the best seen.

    Raises:
        ValueError: there are no rungs, two bear one name, or alpha or margin is off its range.
    """
    if not rungs or len({rung.name for rung in rungs}) < len(rungs):
        raise ValueError("a ladder needs rungs, each with a name of its own")
    open_rungs = [rung for rung in rungs if rung.refused is None]
    refused = "; ".join(f"{rung.name}: {rung.refused}" for rung in rungs if rung.refused is not None)
    if not open_rungs:
        return Climb(chosen=None, shown=False, reason=f"No rung may be released: {refused}.", n=0)
    if len(open_rungs) == 1:
        (only,) = open_rungs
        why = f"No other rung may be released ({refused})" if refused else "There is no other rung"
        return Climb(chosen=only.name, shown=True, reason=f"{why}.", n=len(only.scores))
    units = sorted(frozenset.intersection(*(frozenset(rung.scores) for rung in open_rungs)))
    if not units:
        return Climb(chosen=None, shown=False, reason="No unit was scored on every rung.", n=0)
    return _climb(open_rungs, units, alpha / (len(open_rungs) - 1), margin)


def _climb(rungs: Sequence[Rung], units: Sequence[str], alpha: float, margin: float) -> Climb:
    leads: list[Lead] = []
    for rung in rungs:
        found = [_lead(rung, other, units, alpha, margin) for other in rungs if other is not rung]
        leads += found
        if all(lead.shown for lead in found):
            widest = max(found, key=lambda lead: lead.bound)
            reason = (
                f"{rung.name} is the simplest that is not inferior: no other leads it by {margin:g} or more "
                f"({widest.other} by at most {widest.bound:+.3f}, n = {len(units)})."
            )
            return Climb(chosen=rung.name, shown=True, reason=reason, n=len(units), leads=tuple(leads))
    best = max(rungs, key=lambda rung: math.fsum(rung.scores[unit] for unit in units))
    reason = (
        f"Of no rung it is shown that the others lead it by less than {margin:g} on {len(units)} units; "
        f"{best.name} scored best."
    )
    return Climb(chosen=best.name, shown=False, reason=reason, n=len(units), leads=tuple(leads))


def _lead(rung: Rung, other: Rung, units: Sequence[str], alpha: float, margin: float) -> Lead:
    found = shows_below([other.scores[unit] - rung.scores[unit] for unit in units], alpha=alpha, margin=margin)
    return Lead(rung=rung.name, other=other.name, mean=found.mean, bound=found.bound, shown=found.shown)
