"""The page of files of answers, side by side where there are several: means, parts, heaps, and the items to read."""

from __future__ import annotations

from statistics import fmean
from typing import TYPE_CHECKING, Final

from selftune.app.reporting.caveats import tell_heaps, unscored_part
from selftune.app.reporting.changes.find import LEVEL
from selftune.app.reporting.changes.sections import answer_of
from selftune.app.reporting.pages import figures
from selftune.app.reporting.pages.drawings import draw_distribution
from selftune.app.reporting.pages.parts import Cell, Drawing, Page, Said, Section, Table, Transcript, heat
from selftune.gate.statistics.effects import bimodality
from selftune.gate.statistics.means import mean_interval

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from selftune.app.reporting.answers import Answered, AnswerSheet
    from selftune.app.reporting.pages.parts import Part, Row

EACH: Final = 3
"""So many of the best and of the worst answers are shown."""


def sheets_page(sheets: Sequence[AnswerSheet], further: Sequence[Section] = ()) -> Page:
    """One model's answers by themselves, or several models' side by side; `further` stands behind the scores."""
    names = ", ".join(sheet.name for sheet in sheets)
    return Page(
        title=f"Answers of {names}",
        lead=tuple(line for sheet in sheets for line in _lead(sheet)),
        sections=(
            Section(title="Scores", parts=tuple(_scores(sheets))),
            *further,
            *(
                Section(
                    title=f"Best and worst answers of {sheet.name}",
                    folded=True,
                    parts=tuple(best_and_worst_answers(sheet)),
                )
                for sheet in sheets
            ),
            Section(title="Without a score", parts=(unscored_part(_unscored(sheets), "model"),)),
        ),
        foot="Every figure is reckoned from the answers in " + ", ".join(sheet.identity for sheet in sheets),
    )


def _scored(answers: Sequence[Answered]) -> list[float]:
    return [one.score for one in answers if one.score is not None]


def _mean(answers: Sequence[Answered], sheet: AnswerSheet) -> tuple[float | None, tuple[float, float] | None]:
    scores = _scored(answers)
    return (fmean(scores), mean_interval(scores, LEVEL, sheet.scale)) if scores else (None, None)


def _lead(sheet: AnswerSheet) -> Iterator[str]:
    places, scored = figures.places_of(sheet.scale), _scored(sheet.answers)
    mean, interval = _mean(sheet.answers, sheet)
    low, high = sheet.scale
    over = f"over {figures.counted(len(scored), 'scored answer')} of {len(sheet.answers)}, from {low:g} to {high:g}"
    yield f"{sheet.name}: mean {figures.mean(mean, interval, places)} {over}."
    if told := tell_heaps(sheet.name, bimodality(scored), places):
        yield told


def _scores(sheets: Sequence[AnswerSheet]) -> Iterator[Part]:
    for sheet in sheets:
        scores = _scored(sheet.answers)
        told = f"{sheet.name}: {figures.counted(len(scores), 'score')}"
        told += f" from {min(scores):g} to {max(scores):g}." if scores else "."
        yield Drawing(svg=draw_distribution("How the scores are spread", [(sheet.name, scores)], sheet.scale), alt=told)
    categories = dict.fromkeys(one.category for sheet in sheets for one in sheet.answers)
    rows = tuple(_category_row(category, sheet) for category in categories for sheet in sheets)
    head = ("category", "model", "mean", "interval", "scored", "critical failures")
    yield Table(caption=f"Mean score by category, interval at {LEVEL:.0%}", head=head, rows=rows)


def _category_row(category: str, sheet: AnswerSheet) -> Row:
    of_it = [one for one in sheet.answers if one.category == category]
    places, (mean, interval) = figures.places_of(sheet.scale), _mean(of_it, sheet)
    return (
        category or "no category",
        sheet.name,
        Cell(text=figures.number(mean, places), tint=heat(mean, sheet.scale)),
        figures.interval(interval, places) or figures.NOTHING,
        str(len(_scored(of_it))),
        str(sum(bool(one.critical) for one in of_it)),
    )


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


def _unscored(sheets: Sequence[AnswerSheet]) -> list[tuple[str, str, str]]:
    return [
        (one.item_id, sheet.name, one.unscored or "no reason given")
        for sheet in sheets
        for one in sheet.answers
        if one.score is None
    ]
