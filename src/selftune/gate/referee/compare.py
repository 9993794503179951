"""Compare two sheets of scores: better, worse, inconclusive or invalid, and why."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from selftune.gate.referee.arms import summarise
from selftune.gate.referee.conditions import check_conditions, note_conditions
from selftune.gate.referee.pairing import pair, scale_of
from selftune.gate.referee.shifts import find_shifts
from selftune.gate.referee.verdict import Finding, Terms, Verdict
from selftune.gate.statistics.effects import cohens_d
from selftune.gate.statistics.means import mean_difference
from selftune.gate.statistics.paired import items_needed
from selftune.gate.statistics.student import welch
from selftune.records import Check, CheckStatus

if TYPE_CHECKING:
    from selftune.gate.referee.pairing import Paired
    from selftune.gate.statistics.means import MeanDifference
    from selftune.gate.statistics.student import Unpaired
    from selftune.records.scores import ScoreSheet

_LEAST: Final = 2
_ROUNDING: Final = 1e-9


def referee(
    champion: ScoreSheet, candidate: ScoreSheet, terms: Terms, *, scale: tuple[float, float] | None = None
) -> Verdict:
    """Say whether the candidate is better, on the items that both arms have a score for.

    A doubt about the measurement comes first: then nothing is said of the candidate. `better` needs the interval clear
    of zero and the difference at least the least gain; `worse` an interval that lies below zero.

    Raises:
        MixedScalesError: the arms do not seem to be scored on one scale, and none was given.
    """
    bounds = scale or scale_of(champion, candidate)
    paired = pair(champion, candidate)
    width, level = bounds[1] - bounds[0], 1 - terms.alpha
    found = mean_difference(paired.differences, paired.labels, level=level, width=width) if paired.items else None
    checks = check_conditions(champion, candidate, paired, terms)
    doubts = [check for check in checks if check.status is CheckStatus.FAIL]
    least = terms.least_gain * width
    outcome = _outcome(found, doubts, least)
    return Verdict(
        outcome=outcome,
        reason=_reason(outcome, found, doubts, least),
        difference=found.mean if found else None,
        interval=found.interval if found else None,
        p_value=found.p_value if found else None,
        n=found.n if found else 0,
        items_needed=_needed(found, least, terms) if outcome is Finding.INCONCLUSIVE else None,
        method=found.method if found else None,
        scale=bounds,
        metric=candidate.facts.metric,
        unpaired=_unpaired(champion, candidate, level),
        effect=_effect(champion, candidate, paired),
        champion=summarise(champion, bounds, level),
        candidate=summarise(candidate, bounds, level),
        shifts=find_shifts(champion, paired, level=level, width=width),
        checks=(*checks, *_gain_check(found, least)),
        warnings=note_conditions(champion, candidate, paired, found, level=level, width=width, least=least),
    )


def _outcome(found: MeanDifference | None, doubts: list[Check], least: float) -> Finding:
    if doubts or found is None:
        return Finding.INVALID
    low, high = found.interval
    if low > 0 and found.mean >= least - _ROUNDING:
        return Finding.BETTER
    return Finding.WORSE if high < 0 else Finding.INCONCLUSIVE


def _gain_check(found: MeanDifference | None, least: float) -> tuple[Check, ...]:
    if found is None:
        return ()
    clear = found.interval[0] > 0
    return (
        Check(
            name="gain",
            status=CheckStatus.PASS if clear and found.mean >= least - _ROUNDING else CheckStatus.NOT_SHOWN,
            detail="the interval is clear of zero" if clear else "the interval is not clear of zero",
            measured=found.mean,
            threshold=least,
            interval=found.interval,
            n=found.n,
        ),
    )


def _reason(outcome: Finding, found: MeanDifference | None, doubts: list[Check], least: float) -> str:
    if outcome is Finding.INVALID or found is None:
        return "; ".join(check.detail for check in doubts) or "no item has a score in both arms"
    low, high = found.interval
    figures = f"{found.mean:+.2f} [{low:+.2f}, {high:+.2f}] on {found.n} paired items"
    if outcome is Finding.BETTER:
        return f"the candidate is better by {figures}"
    if outcome is Finding.WORSE:
        return f"the candidate is worse by {figures}"
    if low > 0:
        return f"a gain of {figures} is clear of noise, and smaller than the {least:g} that would be worth a change"
    return f"a difference of {figures} is not clear of noise"


def _needed(found: MeanDifference | None, least: float, terms: Terms) -> int | None:
    """So many items would show the least gain; None when that is no gain at all, or items do not differ."""
    if found is None or least <= 0 or found.spread <= 0:
        return None
    return max(found.n + 1, items_needed(found.spread, least, alpha=terms.alpha, power=terms.power))


def _unpaired(champion: ScoreSheet, candidate: ScoreSheet, level: float) -> Unpaired | None:
    arms = [sheet.scores() for sheet in (champion, candidate)]
    return welch(arms[0], arms[1], level) if all(arms) else None


def _effect(champion: ScoreSheet, candidate: ScoreSheet, paired: Paired) -> float | None:
    if len(paired.items) < _LEAST:
        return None
    scores = [
        [score for item in paired.items if (score := sheet.score(item)) is not None] for sheet in (champion, candidate)
    ]
    effect = cohens_d(scores[0], scores[1])
    return effect if effect is None or math.isfinite(effect) else None
