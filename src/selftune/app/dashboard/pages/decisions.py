"""Decisions: every check with what was measured, needed and how sure; and the answers behind it, side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, Request, Response
from starlette.responses import RedirectResponse

from selftune.app.dashboard.cells import figure, linked, tinted
from selftune.app.dashboard.reading import project_of, record_named
from selftune.app.dashboard.rendering import body_of, show
from selftune.app.reporting.decisions import decision_page, tell_decision
from selftune.app.reporting.pages import figures
from selftune.app.reporting.pages.parts import Page, Section
from selftune.app.reporting.side_by_side import compare_items, transcript_of
from selftune.app.reporting.suites import KnownSuites
from selftune.errors import UnknownNameError
from selftune.records import Decision

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from selftune.app.reporting.side_by_side import ComparedItem
    from selftune.loop.project import Project

router = APIRouter()

_SHOWN = 50
TINTS = {"promote": "good", "inconclusive": "unsure"}


@router.get("/decisions")
def decisions(request: Request) -> Response:
    """The newest decision, or word that there is none."""
    last = project_of(request).store.last(Decision)
    if last is not None:
        return RedirectResponse(f"/decisions/{last.id}", status_code=303)
    return show(request, "no_decision", title="Decision")


@router.get("/decisions/{decision_id}")
def decision(request: Request, decision_id: str) -> Response:
    """The page of `selftune report`, with the way to each item and to the decisions around it."""
    project, found = project_of(request), record_named(request, decision_id, Decision)
    suites = KnownSuites(project)
    page = decision_page(tell_decision(project, found, suites), suites)
    return show(
        request, "decision", title=page.title, body=body_of(page), decision=found, others=list(_others(project, found))
    )


@router.get("/decisions/{decision_id}/items")
def items(request: Request, decision_id: str, item: str = "", order: str = "worst", start: int = 0) -> Response:
    """Each item under both models, the worst or the best change first; one of them with what was said."""
    project, found = project_of(request), record_named(request, decision_id, Decision)
    compared = compare_items(project, found, KnownSuites(project))
    if item:
        return _one(request, found, compared, item)
    ordered = sorted(compared, key=lambda one: (one.rank, one.item_id), reverse=order == "best")
    start = min(max(0, start), max(0, len(ordered) - 1))
    return show(
        request,
        "decision_items",
        title="Item by item",
        decision=found,
        rows=[_row(found, one) for one in ordered[start : start + _SHOWN]],
        order=order,
        start=start,
        shown=_SHOWN,
        total=len(ordered),
    )


def _one(request: Request, decision: Decision, compared: Sequence[ComparedItem], name: str) -> Response:
    by_name = {one.item_id: one for one in compared}
    if name not in by_name:
        raise UnknownNameError("item", name, by_name)
    names = list(by_name)
    place = names.index(name)
    page = Page(
        title=f"Item {name}",
        lead=(by_name[name].in_words,),
        sections=(Section(title="What was said", parts=tuple(transcript_of(by_name[name]))),),
    )
    around = [(word, names[at]) for word, at in (("before", place - 1), ("next", place + 1)) if 0 <= at < len(names)]
    return show(request, "decision_item", title=page.title, body=body_of(page), decision=decision, around=around)


def _others(project: Project, shown: Decision) -> Iterator[list[Any]]:
    for _, one in project.store.each(Decision):
        kept = project.store.saved_at(one.id)[:16].replace("T", " ")
        name = "this one" if one.id == shown.id else linked(one.id[9:21], f"/decisions/{one.id}")
        outcome = tinted(one.outcome.value, TINTS.get(one.outcome.value, "bad"))
        moved = figures.shift(one.difference, one.interval, 3)
        yield [name, kept, outcome, figure(moved), figure(figures.NOTHING if one.n is None else str(one.n)), one.reason]


def _row(decision: Decision, one: ComparedItem) -> list[Any]:
    scores = (figure(figures.number(score, 2)) for score in (one.champion, one.candidate))
    change = figure(figures.signed(one.change, 2))
    name = linked(one.item_id, f"/decisions/{decision.id}/items", item=one.item_id)
    return [name, one.category, *scores, change, one.asked, one.note]
