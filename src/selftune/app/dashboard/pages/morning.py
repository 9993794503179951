"""Morning: what the last night did and why, what came of it, and the nights before."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, Request, Response

from selftune.app.dashboard.cells import figure, linked
from selftune.app.dashboard.reading import project_of
from selftune.app.dashboard.rendering import show, show_page
from selftune.app.night_status import night_status
from selftune.app.nights_report import effect_text
from selftune.app.reporting.naming import page_of_nights
from selftune.app.reporting.pages import figures
from selftune.errors import UnknownNameError
from selftune.records import Decision, Experiment, Night, Outcome, Release

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from selftune.app.night_status import NightRow
    from selftune.loop.project import Project

router = APIRouter()


@router.get("/morning")
def morning(request: Request, night: str = "") -> Response:
    """The last night, or the one of that name; where none ended yet, the last decision."""
    project = project_of(request)
    nights = {one.name: one for _, one in project.store.each(Night)}
    if night and night not in nights:
        raise UnknownNameError("night", night, nights)
    shown = nights[night] if night else next(reversed(nights.values()), None)
    status = night_status(project, datetime.now().astimezone())
    return show(
        request,
        "morning",
        title="Morning",
        status=status,
        night=shown,
        tries=[] if shown is None else list(_tries(project, shown)),
        others=list(_others(status.nights, nights)),
        **_came_of(project, shown),
    )


@router.get("/morning/all")
def every(request: Request) -> Response:
    """The page of `selftune report nights`."""
    return show_page(request, page_of_nights(project_of(request)))


def _came_of(project: Project, night: Night | None) -> dict[str, Any]:
    """The decision and the release of a night; without a night the last decision and the release that came of it.

    Whether a promotion `waits`: nothing came of it yet, neither that night nor since.
    """
    store = project.store
    name = None if night is None else night.decision_id
    decision = store.last(Decision) if night is None else None if name is None else store.record(name, Decision)
    of_it = [one for _, one in store.each(Release) if decision is not None and one.decision_id == decision.id]
    waits = decision is not None and decision.outcome is Outcome.PROMOTE and not of_it
    if night is not None:
        release = None if night.release_id is None else store.record(night.release_id, Release)
    else:
        release = next(iter(of_it), None if decision is not None else store.last(Release))
    return {"decision": decision, "release": release, "waits": waits}


def _tries(project: Project, night: Night) -> Iterator[list[Any]]:
    for one in project.store.records(night.experiments, Experiment):
        changes = ", ".join(one.changes) or "nothing changed"
        spent = figures.dollars(sum(one.costs_usd) or None)
        name = linked(one.name, "/experiments/try", name=one.name)
        yield [name, one.result.value, effect_text(one.effect), changes, one.why, figure(spent)]


def _others(rows: Sequence[NightRow], ended: dict[str, Night]) -> Iterator[list[Any]]:
    for row in rows:
        name = linked(row.name, "/morning", night=row.name) if row.name in ended else row.name
        counts = (figure("-" if count is None else str(count)) for count in (row.tries, row.measured, row.kept))
        yield [name, row.ended_by, *counts, row.outcome or "not asked", figure(figures.dollars(row.usd))]
