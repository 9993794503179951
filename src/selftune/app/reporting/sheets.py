"""The page of one file of answers: its mean with an interval, its parts, its heaps, and the items to read."""

from __future__ import annotations

from statistics import fmean
from typing import TYPE_CHECKING, Final

from selftune.app.reporting.changes.sections import answer_of
from selftune.app.reporting.pages import figures
from selftune.app.reporting.pages.drawings import draw_distribution
from selftune.app.reporting.pages.parts import Cell, Drawing, Page, Said, Section, Table, Transcript, heat
from selftune.gate.statistics.effects import bimodality
from selftune.gate.statistics.means import mean_interval

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from selftune.app.reporting.answers import Answered, AnswerSheet
    from selftune.app.reporting.pages.parts import Part

_LEVEL: Final = 0.95
EACH: Final = 3
"""So many of the best and of the worst answers are shown."""


def sheet_page(sheet: AnswerSheet) -> Page:
    """One model's answers by themselves."""
    return Page(
        title=f"Answers of {sheet.name}",
        lead=tuple(_lead(sheet)),
        sections=(
            Section(title="Scores", parts=tuple(_scores(sheet))),
            Section(title="Best and worst answers", folded=True, parts=tuple(best_and_worst_answers(sheet))),
            Section(title="Without a score", parts=tuple(_unscored(sheet))),
        ),
        foot=f"Every figure is reckoned from the answers in {sheet.identity}.",
    )


def _scored(answers: Sequence[Answered]) -> list[float]:
    return [one.score for one in answers if one.score is not None]


def _mean(answers: Sequence[Answered], sheet: AnswerSheet) -> tuple[float | None, tuple[float, float] | None]:
    scores = _scored(answers)
    return (fmean(scores), mean_interval(scores, _LEVEL, sheet.scale)) if scores else (None, None)


def _lead(sheet: AnswerSheet) -> Iterator[str]:
    places, scored = figures.places_of(sheet.scale), _scored(sheet.answers)
    mean, interval = _mean(sheet.answers, sheet)
    low, high = sheet.scale
    over = f"over {figures.counted(len(scored), 'scored answer')} of {len(sheet.answers)}, from {low:g} to {high:g}"
    yield f"Mean {figures.mean(mean, interval, places)} {over}."
    heaps = bimodality(scored)
    if heaps is not None and heaps.two_heaps:
        below = f"{heaps.low[1]} around {figures.number(heaps.low[0], places)}"
        above = f"{heaps.high[1]} around {figures.number(heaps.high[0], places)}"
        yield f"The scores fall into two heaps: {below}, {above}. The mean between them describes neither."


def _scores(sheet: AnswerSheet) -> Iterator[Part]:
    scores = _scored(sheet.answers)
    told = (
        f"{figures.counted(len(scores), 'score')} from {min(scores):g} to {max(scores):g}." if scores else "No score."
    )
    yield Drawing(svg=draw_distribution("How the scores are spread", [(sheet.name, scores)], sheet.scale), alt=told)
    places = figures.places_of(sheet.scale)
    rows = []
    for category in dict.fromkeys(one.category for one in sheet.answers):
        of_it = [one for one in sheet.answers if one.category == category]
        mean, interval = _mean(of_it, sheet)
        rows.append(
            (
                category or "no category",
                Cell(text=figures.number(mean, places), tint=heat(mean, sheet.scale)),
                figures.interval(interval, places) or figures.NOTHING,
                str(len(_scored(of_it))),
                str(sum(bool(one.critical) for one in of_it)),
            )
        )
    head = ("category", "mean", "interval", "scored", "critical failures")
    yield Table(caption=f"Mean score by category, interval at {_LEVEL:.0%}", head=head, rows=tuple(rows))


def best_and_worst_answers(sheet: AnswerSheet, each: int = EACH) -> Iterator[Part]:
    """The answers with the highest and the lowest score, with what was asked."""
    scored = sorted((one for one in sheet.answers if one.score is not None), key=lambda one: (one.score, one.item_id))
    if not scored:
        yield Said(text="No answer has a score.")
        return
    if not scored[0].asked:
        yield Said(text="What was asked is not shown: the suite is not at hand as it was when it was asked.")
    tied = sum(one.score == scored[0].score for one in scored)
    if tied > each:
        yield Said(text=f"{tied} answers share the lowest score; those shown are the first by name.")
    best = scored[-each:][::-1] if len(scored) > each else []
    places = figures.places_of(sheet.scale)
    for what, some in (("best", best), ("worst", scored[:each])):
        for one in some:
            answers = (answer_of(sheet.name, one, places),)
            yield Transcript(name=f"{what}: {one.item_id}", note=one.category, asked=one.asked, answers=answers)


def _unscored(sheet: AnswerSheet) -> Iterator[Part]:
    rows = tuple((one.item_id, one.unscored or "no reason given") for one in sheet.answers if one.score is None)
    if rows:
        caption = f"Left out of every mean, never counted as zero: {figures.counted(len(rows), 'answer')}"
        yield Table(caption=caption, head=("item", "reason"), rows=rows)
    else:
        yield Said(text="Every answer has a score.")
