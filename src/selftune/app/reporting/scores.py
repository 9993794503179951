"""Several models by their scores: each with its interval, and every two by the referee of `selftune compare`."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Final

from selftune.app.reporting.caveats import tell_heaps, unscored_part
from selftune.app.reporting.pages import figures
from selftune.app.reporting.pages.drawings import Span, draw_distribution, draw_forest
from selftune.app.reporting.pages.parts import Cell, Drawing, Page, Said, Section, Table, drift, heat
from selftune.errors import UsageError
from selftune.gate.referee.arms import summarise
from selftune.gate.referee.compare import referee
from selftune.gate.referee.pairing import MixedScalesError, scale_of
from selftune.gate.referee.verdict import Finding, Terms
from selftune.gate.statistics.many import holm

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from selftune.app.reporting.pages.parts import Part, Row
    from selftune.gate.referee.verdict import ArmSummary, Verdict
    from selftune.records.scores import ScoreSheet

PAIRS: Final = "Every two of them"
TERMS: Final = Terms()
_TINTS: Final = {Finding.BETTER: "good", Finding.WORSE: "bad"}
_MOST_DRAWN: Final = 24


@dataclass(frozen=True, kw_only=True)
class Ruled:
    """What is said of two models when several are compared.

    Attributes:
        verdict: Of the second against the first, as if there were no other.
        p_value: Adjusted by Holm's procedure for all pairs on the page; None where nothing could be compared.
        outcome: The verdict, unless it does not hold at that p-value: then inconclusive.
    """

    verdict: Verdict
    p_value: float | None
    outcome: Finding


def rule_every_pair(sheets: Sequence[ScoreSheet], terms: Terms = TERMS) -> tuple[Ruled, ...]:
    """Every two of several models, the later against the earlier; erring in any of them at most in alpha of cases.

    Raises:
        UsageError: two of them do not seem to be scored on one scale.
    """
    return _rule(combinations(sheets, 2), terms)


def rule_against_first(sheets: Sequence[ScoreSheet], terms: Terms = TERMS) -> tuple[Ruled, ...]:
    """Each of several models against the first; erring in any of them at most in alpha of cases.

    Raises:
        UsageError: two of them do not seem to be scored on one scale.
    """
    return _rule(((sheets[0], other) for other in sheets[1:]), terms)


def _rule(pairs: Iterable[tuple[ScoreSheet, ScoreSheet]], terms: Terms) -> tuple[Ruled, ...]:
    try:
        verdicts = [referee(one, other, terms) for one, other in pairs]
    except (MixedScalesError, ValueError) as error:
        raise UsageError(
            f"these scores can't stand on one page: {error}.", next_step="Name files that are scored on one scale."
        ) from error
    adjusted = iter(holm([one.p_value for one in verdicts if one.p_value is not None]))
    return tuple(_ruled(one, None if one.p_value is None else next(adjusted), terms) for one in verdicts)


def _ruled(verdict: Verdict, p_value: float | None, terms: Terms) -> Ruled:
    called = verdict.outcome in {Finding.BETTER, Finding.WORSE}
    fades = called and (p_value is None or p_value > terms.alpha)
    return Ruled(verdict=verdict, p_value=p_value, outcome=Finding.INCONCLUSIVE if fades else verdict.outcome)


def pairs_section(sheets: Sequence[ScoreSheet], terms: Terms = TERMS) -> Section:
    """Every two models on the items that both have a score for, with the referee's verdict."""
    return Section(title=PAIRS, parts=tuple(_pairs(rule_every_pair(sheets, terms))))


def _pairs(ruled: Sequence[Ruled]) -> Iterator[Part]:
    yield Table(
        caption="The second against the first, on the items that both have a score for; p-values adjusted for all "
        "pairs (Holm), and no verdict stands that they do not bear",
        head=("first", "second", "verdict", "difference", "interval", "p adjusted", "n", "why"),
        rows=tuple(map(_pair_row, ruled)),
    )
    spans = [
        Span(label=_title(one.verdict), value=one.verdict.difference, interval=one.verdict.interval, n=one.verdict.n)
        for one in ruled[:_MOST_DRAWN]
        if one.verdict.difference is not None
    ]
    if spans:
        places = figures.places_of(ruled[0].verdict.scale)
        told = "; ".join(f"{span.label} {figures.shift(span.value, span.interval, places)}" for span in spans)
        yield Drawing(svg=draw_forest("Second less first", spans, places=places), alt=f"Differences: {told}.")


def _title(verdict: Verdict) -> str:
    return f"{verdict.candidate.name} less {verdict.champion.name}"


def _pair_row(one: Ruled) -> Row:
    verdict, places = one.verdict, figures.places_of(one.verdict.scale)
    faded = "" if one.outcome is verdict.outcome else f"{verdict.outcome} if these two were the only ones: "
    return (
        verdict.champion.name,
        verdict.candidate.name,
        Cell(text=str(one.outcome), tint=_TINTS.get(one.outcome, "unsure")),
        Cell(
            text=figures.signed(verdict.difference, places),
            tint=drift(verdict.difference, verdict.scale[1] - verdict.scale[0]),
        ),
        figures.signed_interval(verdict.interval, places) or figures.NOTHING,
        figures.chance(one.p_value),
        str(verdict.n),
        f"{faded}{verdict.reason}",
    )


# --- The page of scores alone -----------------------------------------------------------------------------------------


def scores_page(sheets: Sequence[ScoreSheet], terms: Terms = TERMS) -> Page:
    """Files of scores side by side; what was asked and answered is not in them."""
    scale = _scale(sheets)
    arms = [summarise(sheet, scale, 1 - terms.alpha) for sheet in sheets]
    return Page(
        title=f"Scores of {', '.join(arm.name for arm in arms)}",
        lead=tuple(_lead(arms, scale)),
        sections=(
            Section(title="Scores", parts=tuple(_scores(sheets, arms, scale))),
            *((pairs_section(sheets, terms),) if len(sheets) > 1 else ()),
            Section(title="Without a score", parts=(unscored_part(_unscored(arms), "model"),)),
        ),
        foot="Every figure is reckoned from the scores in the files named.",
    )


def _scale(sheets: Sequence[ScoreSheet]) -> tuple[float, float]:
    try:
        scales = [scale_of(sheets[0], sheet) for sheet in sheets]
    except (MixedScalesError, ValueError) as error:
        raise UsageError(
            f"these scores can't stand on one page: {error}.", next_step="Name files that are scored on one scale."
        ) from error
    return min(low for low, _ in scales), max(high for _, high in scales)


def _lead(arms: Sequence[ArmSummary], scale: tuple[float, float]) -> Iterator[str]:
    places = figures.places_of(scale)
    for arm in arms:
        over = f"over {figures.counted(arm.n, 'scored item')}, {len(arm.unscored)} without a score"
        worst = min(arm.by_category, key=lambda part: part.mean, default=None)
        lowest = f"; lowest in {worst.name}, {figures.number(worst.mean, places)} (n={worst.n})" if worst else ""
        yield f"{arm.name}: mean {figures.mean(arm.mean, arm.interval, places)} {over}{lowest}."


def _scores(sheets: Sequence[ScoreSheet], arms: Sequence[ArmSummary], scale: tuple[float, float]) -> Iterator[Part]:
    places = figures.places_of(scale)
    names = list(dict.fromkeys(part.name for arm in arms for part in arm.by_category))
    yield Table(
        caption=f"Each model over all its scored items, from {scale[0]:g} to {scale[1]:g}, interval at 95 %",
        head=("model", "mean", "interval", "n", "without a score", "critical failures", *names),
        rows=tuple(_arm_row(arm, names, scale, places) for arm in arms),
    )
    for sheet, arm in zip(sheets, arms, strict=True):
        scores = sheet.scores()
        if scores:
            told = f"{arm.name}: {figures.counted(len(scores), 'score')} from {min(scores):g} to {max(scores):g}."
            yield Drawing(svg=draw_distribution("How the scores are spread", [(arm.name, scores)], scale), alt=told)
        if told := tell_heaps(arm.name, arm.bimodality, places):
            yield Said(text=told)


def _arm_row(arm: ArmSummary, names: Sequence[str], scale: tuple[float, float], places: int) -> Row:
    means = {part.name: part.mean for part in arm.by_category}
    return (
        arm.name,
        figures.number(arm.mean, places),
        figures.interval(arm.interval, places) or figures.NOTHING,
        str(arm.n),
        str(len(arm.unscored)),
        str(arm.critical_failures),
        *(Cell(text=figures.number(means.get(name), places), tint=heat(means.get(name), scale)) for name in names),
    )


def _unscored(arms: Sequence[ArmSummary]) -> list[tuple[str, str, str]]:
    return [(row.item_id, arm.name, row.reason) for arm in arms for row in arm.unscored]
