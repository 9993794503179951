"""Compare two sheets of scores: better, worse, inconclusive or invalid, and why."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from selftune.gate.referee.arms import summarise
from selftune.gate.referee.conditions import check_conditions, note_conditions
from selftune.gate.referee.pairing import pair, refuse_outside, scale_of
from selftune.gate.referee.shifts import find_shifts
from selftune.gate.referee.verdict import Finding, Terms, Verdict, in_figures
from selftune.gate.referee.vetoes import check_vetoes, note_unread, stops
from selftune.gate.statistics.effects import cohens_d
from selftune.gate.statistics.means import mean_difference
from selftune.gate.statistics.power import items_needed
from selftune.gate.statistics.student import welch
from selftune.records import Check, CheckStatus
from selftune.scoring.intervals import normal_quantile

if TYPE_CHECKING:
    from collections.abc import Sequence

    from selftune.gate.config import Policy
    from selftune.gate.referee.pairing import Paired
    from selftune.gate.statistics.means import MeanDifference
    from selftune.gate.statistics.student import Unpaired
    from selftune.records.scores import ScoreSheet

_LEAST: Final = 2
_ROUNDING: Final = 1e-9
_HAIR: Final = 1e-3


def referee(
    champion: ScoreSheet,
    candidate: ScoreSheet,
    terms: Terms,
    *,
    scale: tuple[float, float] | None = None,
    policy: Policy | None = None,
) -> Verdict:
    """Say whether the candidate is better, on the items that both arms have a score for.

    A doubt about the measurement comes first: then nothing is said of the candidate. `better` needs the interval clear
    of zero and the difference at least the least gain; `worse` an interval that lies below zero. The vetoes of a policy
    can only keep a gain from being called better.

    Raises:
        MixedScalesError: the arms do not seem to be scored on one scale, and none was given.
        ValueError: a score lies outside the scale that was given.
    """
    bounds = scale or scale_of(champion, candidate)
    paired = pair(champion, candidate)
    width, level = bounds[1] - bounds[0], 1 - terms.alpha
    refuse_outside(bounds, champion, candidate)
    found = mean_difference(paired.differences, paired.labels, level=level, width=width) if paired.places else None
    checks = check_conditions(champion, candidate, paired, terms)
    doubts = [check for check in checks if check.status is CheckStatus.FAIL]
    vetoes = check_vetoes(champion, candidate, paired, bounds, policy) if policy and not doubts else ()
    least = terms.least_gain * width
    outcome = _outcome(found, doubts, vetoes, least)
    needed = _needed(found, least, terms, width) if outcome is Finding.INCONCLUSIVE else None
    return Verdict(
        outcome=outcome,
        reason=_reason(outcome, found, (*doubts, *vetoes), least, width, settled_by=needed),
        difference=found.mean if found else None,
        interval=found.interval if found else None,
        p_value=found.p_value if found else None,
        n=found.n if found else 0,
        items_needed=needed,
        method=found.method if found else None,
        scale=bounds,
        metric=candidate.facts.metric,
        unpaired=_unpaired(champion, candidate, level),
        effect=_effect(paired),
        champion=summarise(champion, bounds, level),
        candidate=summarise(candidate, bounds, level),
        shifts=find_shifts(champion, paired, level=level, width=width),
        checks=(*checks, *_gain_check(found, least), *vetoes),
        warnings=(
            *note_conditions(champion, candidate, paired, found, level=level, width=width, least=least),
            *(note_unread(policy) if policy else ()),
        ),
    )


def _outcome(found: MeanDifference | None, doubts: Sequence[Check], vetoes: Sequence[Check], least: float) -> Finding:
    if doubts or found is None:
        return Finding.INVALID
    if found.interval[1] < 0:
        return Finding.WORSE
    return Finding.BETTER if _has_gained(found, least) and not any(map(stops, vetoes)) else Finding.INCONCLUSIVE


def _has_gained(found: MeanDifference, least: float) -> bool:
    """Whether a gain is clear of noise and at least the least."""
    return found.interval[0] > 0 and found.mean >= least - _ROUNDING


def _gain_check(found: MeanDifference | None, least: float) -> tuple[Check, ...]:
    if found is None:
        return ()
    clear = found.interval[0] > 0
    return (
        Check(
            name="gain",
            status=CheckStatus.PASS if _has_gained(found, least) else CheckStatus.NOT_SHOWN,
            detail="the interval is clear of zero" if clear else "the interval is not clear of zero",
            measured=found.mean,
            threshold=least,
            interval=found.interval,
            n=found.n,
        ),
    )


def _reason(
    outcome: Finding,
    found: MeanDifference | None,
    against: Sequence[Check],
    least: float,
    width: float,
    *,
    settled_by: int | None,
) -> str:
    """In one sentence; `against` holds the doubts that make it invalid, or else the vetoes."""
    if outcome is Finding.INVALID or found is None:
        return "; ".join(check.detail for check in against) or "no item has a score in both arms"
    low, high = found.interval
    figures = f"{in_figures(found.mean, found.interval, width)} on {found.n} paired items"
    if outcome is not Finding.INCONCLUSIVE:
        return f"the candidate is {outcome} by {figures}"
    hopeless = "" if settled_by else ", and no number of items would tell the arms apart"
    if low <= 0:
        ruled_out = f", and a gain of {least:g} is ruled out" if high < least else hopeless
        return f"a difference of {figures} is not clear of noise{ruled_out}"
    return f"a gain of {figures} is clear of noise, {_stopped(found, against, least, settled_by)}"


def _stopped(found: MeanDifference, vetoes: Sequence[Check], least: float, settled_by: int | None) -> str:
    """Why a gain that is clear of noise is not called better."""
    if _has_gained(found, least):
        return "but " + "; ".join(f"{check.name}: {check.detail}" for check in vetoes if stops(check))
    if found.interval[1] < least:
        return f"and shown to be smaller than the {least:g} worth a change"
    hair = "" if settled_by else ", by so little that no number of items would tell"
    return f"and smaller than the {least:g} that would be worth a change{hair}"


def _needed(found: MeanDifference | None, least: float, terms: Terms, width: float) -> int | None:
    """So many items would settle it; None where no number would, and then the reason says why.

    Asked for is the number that shows the least gain. Where that many were there, and where a gain is clear of noise
    yet smaller than the least, it is the number that tells the mean found from nothing or from the least gain.
    """
    if found is None or found.interval[1] < least or _has_gained(found, least):
        return None
    low, n = found.interval[0], found.n
    if found.spread <= _ROUNDING * width:
        return _needed_of_alike(found, least, terms, width)
    if low <= 0 and least > 0:
        needed = items_needed(found.spread, least, alpha=terms.alpha, power=terms.power)
        if needed > n:
            return needed
    gap = least - found.mean if low > 0 else max(found.mean, least - found.mean)
    if gap <= max(least, width * _ROUNDING) * _HAIR:
        return None
    return max(n + 1, items_needed(found.spread, gap, alpha=terms.alpha, power=terms.power))


def _needed_of_alike(found: MeanDifference, least: float, terms: Terms, width: float) -> int | None:
    """Where every item moved alike: as many as refute chance by their signs, or rule the least gain out by staying."""
    if abs(found.mean) > _ROUNDING * width:
        clusters = 1 + math.ceil(-math.log2(terms.alpha))
        return max(found.n + 1, math.ceil(clusters * found.n / found.clusters))
    if least <= 0:
        return None
    # The interval of Bonett and Price, of n units that did not move: z * sqrt(2) / (n + 2) to each side.
    return max(found.n + 1, math.ceil(normal_quantile(1 - terms.alpha) * math.sqrt(2) * width / least))


def _unpaired(champion: ScoreSheet, candidate: ScoreSheet, level: float) -> Unpaired | None:
    arms = [sheet.scores() for sheet in (champion, candidate)]
    return welch(arms[0], arms[1], level) if all(arms) else None


def _effect(paired: Paired) -> float | None:
    if len(paired.places) < _LEAST:
        return None
    effect = cohens_d(paired.champion, paired.candidate)
    return effect if effect is None or math.isfinite(effect) else None
