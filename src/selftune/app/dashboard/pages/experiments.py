"""Experiments: what was tried and what came of it, what was varied against it, and how each training went."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from fastapi import APIRouter, Request, Response

from selftune.app.dashboard.cells import figure, linked, tinted
from selftune.app.dashboard.reading import project_of
from selftune.app.dashboard.rendering import body_of, show, show_page
from selftune.app.nights_report import effect_text
from selftune.app.reporting.naming import page_of, page_of_runs
from selftune.app.reporting.pages import figures
from selftune.app.reporting.pages.lines import Tried, draw_curve, draw_parallel
from selftune.app.reporting.pages.parts import Drawing, Page, Points, Section, Table
from selftune.app.tracing_tries import lines_of_experiment
from selftune.app.trainings import find_run
from selftune.errors import UnknownNameError
from selftune.records import Experiment, ExperimentResult, Run

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

router = APIRouter()

_PAGE: Final = 100
_AXES: Final = 8  # more stand too close to be told apart
_RESULTS: Final = {ExperimentResult.KEPT: "good", ExperimentResult.FAILED: "bad"}
_EFFECT: Final = "difference"


@router.get("/experiments")
def experiments(request: Request, start: int = 0) -> Response:
    """Every try, newest first, and every training."""
    project = project_of(request)
    tries = [one for _, one in project.store.each(Experiment)]
    newest = tries[::-1]
    start = min(max(0, start), max(0, len(newest) - 1))
    return show(
        request,
        "experiments",
        title="Experiments",
        total=len(tries),
        start=start,
        shown=_PAGE,
        rows=[_row(one) for one in newest[start : start + _PAGE]],
        drawing=_varied(tries),
        runs=[_run(project.store.saved_at(run.id), run) for _, run in project.store.each(Run)][::-1],
    )


@router.get("/experiments/try")
def one_try(request: Request, name: str) -> Response:
    """All that is on record of one try."""
    project = project_of(request)
    by_name = {one.name: one for _, one in project.store.each(Experiment)}
    if name not in by_name:
        raise UnknownNameError("try", name, by_name)
    found = by_name[name]
    told = Points(points=tuple(line.strip() for line in lines_of_experiment(project, found)))
    sections = [Section(title="On record", parts=(told,))]
    if found.run_id is not None:
        sections += _curve(project.store.record(found.run_id, Run))
    page = Page(title=f"Try {name}", lead=(found.why,), outcome=found.result.value, sections=tuple(sections))
    return show_page(request, page)


@router.get("/experiments/runs")
def runs(request: Request) -> Response:
    """The page of `selftune report runs`."""
    return show_page(request, page_of_runs(project_of(request)))


@router.get("/experiments/runs/{name}")
def run(request: Request, name: str) -> Response:
    """One training: its curve, and the page of `selftune report`."""
    project = project_of(request)
    found = find_run(project, name)
    curve = body_of(Page(title="How it went", lead=(), sections=tuple(_curve(found))))
    return show(request, "run", title="Training", curve=curve, body=body_of(page_of(project, [found.id])))


def _row(one: Experiment) -> list[Any]:
    result = tinted(one.result.value, _RESULTS.get(one.result, "unsure"))
    changes = ", ".join(one.changes) or "nothing changed"
    cost = figure(figures.dollars(sum(one.costs_usd) or None))
    name = linked(one.name, "/experiments/try", name=one.name)
    took = figure(figures.seconds(one.elapsed_seconds))
    return [name, result, effect_text(one.effect), changes, one.why, one.mode.value, took, cost]


def _run(kept_at: str, run: Run) -> list[Any]:
    name = linked(run.id[4:16], f"/experiments/runs/{run.id}")
    status = tinted(run.status.value.replace("_", " "), "good" if run.status.value == "finished" else "unsure")
    counts = (figure(f"{run.steps:,} of {run.planned_steps:,}"), figure(f"{run.examples:,}"))
    loss = figure("-" if not run.curve else f"{run.curve[-1].loss:.3g}")
    took = figure(figures.seconds(run.wall_seconds))
    return [name, kept_at[:16].replace("T", " "), run.recipe, run.objective, run.backend, status, *counts, loss, took]


def _varied(tries: Sequence[Experiment]) -> Drawing | None:
    """What was changed in each measured try against its difference; None before there are two."""
    measured = [one for one in tries if one.effect is not None]
    counts: dict[str, int] = {}
    for one in measured:
        for key, _ in _changes(one):
            counts[key] = counts.get(key, 0) + 1
    axes = sorted(counts, key=lambda key: (-counts[key], key))[: _AXES - 1]
    if len(measured) < 2 or not axes:  # noqa: PLR2004 - a line alone compares nothing
        return None
    lines = [
        Tried(name=one.name, values=(*_changes(one), (_EFFECT, one.effect.mean)), direction=_direction(one))
        for one in measured
        if one.effect is not None
    ]
    title = "What was varied, and what came of it"
    alt = f"{title}: {figures.counted(len(lines), 'measured try', 'measured tries')} over {', '.join(axes)} and the "
    return Drawing(
        svg=draw_parallel(title, lines, [*axes, _EFFECT]), alt=alt + "difference; the table holds the figures."
    )


def _changes(one: Experiment) -> Iterator[tuple[str, float | str]]:
    for change in one.changes:
        key, _, value = change.partition("=")
        try:
            yield key, float(value)
        except ValueError:
            yield key, value


def _direction(one: Experiment) -> str:
    assert one.effect is not None, "only measured tries are drawn"  # noqa: S101 - can't happen
    low, high = one.effect.interval
    return "up" if low > 0 else "down" if high < 0 else ""


def _curve(run: Run) -> Iterator[Section]:
    if not run.curve:
        return
    held_out = [(float(point.step), point.eval_loss) for point in run.curve if point.eval_loss is not None]
    learnt = [(float(point.step), point.loss) for point in run.curve]
    drawing = Drawing(
        svg=draw_curve("Loss by step", learnt, held_out),
        alt=f"Loss of the training from {learnt[0][1]:.3f} to {learnt[-1][1]:.3f} over {len(learnt)} logged steps; "
        "broken: on lessons held out. The table holds the figures; none of them decides anything.",
    )
    rows = tuple(
        (str(point.step), f"{point.loss:.4f}", "-" if point.eval_loss is None else f"{point.eval_loss:.4f}",
         f"{point.learning_rate:.3g}", figures.number(point.grad_norm, 3))
        for point in run.curve
    )  # fmt: skip
    head = ("step", "loss", "held out", "learning rate", "gradient norm")
    yield Section(title="Curve", parts=(drawing,))
    yield Section(
        title="Curve in figures", folded=True, parts=(Table(caption="Every logged step", head=head, rows=rows),)
    )
