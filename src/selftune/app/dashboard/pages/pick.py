"""Pick: two answers to one of the person's own prompts, and nothing that tells which model gave which."""

from __future__ import annotations

import getpass
from typing import Any, Final

from fastapi import APIRouter, Request, Response

from selftune.app.cli.picking import told
from selftune.app.dashboard.actions import Form, done
from selftune.app.dashboard.errands import Errand, Errands
from selftune.app.dashboard.following import follow
from selftune.app.dashboard.reading import acting_on, folder_of, project_of
from selftune.app.dashboard.rendering import render, show
from selftune.app.picking import Picking
from selftune.errors import NotYet, UnknownNameError
from selftune.loop.deciding.picks import LEFT, RIGHT, SKIP, TIE
from selftune.loop.project import open_project
from selftune.records import BlindPair

router = APIRouter()

_HERE: Final = "/pick"
_ABOUT: Final = "pick"
_SIDES: Final = (
    (LEFT, "l", "The left one is better"),
    (RIGHT, "r", "The right one is better"),
    (TIE, "t", "No difference"),
    (SKIP, "s", "Skip"),
)
_DRAWN: Final = 10


@router.get("/pick")
def pick_page(request: Request) -> Response:
    """The next pair, or why there is none."""
    errand = _errands(request).about(_ABOUT)
    running = errand is not None and not errand.over
    around: dict[str, Any] = {
        "title": "Pick",
        "running": running,
        "sides": _SIDES,
        "pair": None,
        "asked": (),
        "halted": None,
    }
    around |= {"settled": False, "waiting": 0, "problem": None if errand is None or running else errand.problem}
    try:
        picking = _begin(request)
    except NotYet as halt:
        return show(request, "pick", **around | {"halted": halt, "caveat": None})
    waiting = picking.waiting()
    around |= {"caveat": picking.caveat, "settled": picking.is_settled(), "waiting": len(waiting)}
    if waiting and not around["settled"]:
        around |= {"pair": waiting[0], "asked": picking.prompt_of(waiting[0])}
    return show(request, "pick", **around)


@router.get("/pick/stream")
async def stream(request: Request) -> Response:
    """How far the drawing is, until it is done."""
    errand = _errands(request).about(_ABOUT)

    def piece() -> str:
        running = errand is not None and not errand.over
        problem = None if errand is None or running else errand.problem
        return render(request, "pick_live", running=running, problem=problem)

    return follow(request, errand, piece)


@router.get("/pick/result")
def result(request: Request) -> Response:
    """Where the picks stand; it tells who is who, so a person asks for it."""
    return show(request, "pick_result", title="Where the picks stand", lines=list(told(_begin(request).tally())))


@router.post("/pick")
def pick(request: Request, form: Form) -> Response:
    """Keep which answer was taken, before the next pair is shown."""
    side = form.needed("side", "which one is better")
    if side not in {name for name, _, _ in _SIDES}:
        raise UnknownNameError("side", side, [name for name, _, _ in _SIDES])
    with acting_on(request) as project:
        picking = Picking(project, picker=getpass.getuser(), tell=_unheard)
        pair = project.store.record(form.needed("pair", "the pair"), BlindPair)
        # A form that was sent twice: the first one counts.
        if any(one.id == pair.id for one in picking.waiting()):
            picking.pick(pair, side)
    return done(request, _HERE)


@router.post("/pick/draw")
def draw(request: Request) -> Response:
    """Have both models answer further prompts of the log; each is started for it, which takes a while."""
    folder = folder_of(request)

    def run(errand: Errand) -> None:
        with open_project(folder) as project:
            picking = Picking(project, picker=getpass.getuser(), tell=errand.hear)
            next(picking.pairs(_DRAWN), None)

    _errands(request).begin(Errand(about=_ABOUT, title="both models answer prompts of your log", path=_HERE), run)
    return done(request, _HERE)


def _begin(request: Request) -> Picking:
    return Picking(project_of(request), picker=getpass.getuser(), tell=_unheard)


def _unheard(text: str) -> None:
    """Nobody listens: what a page only looks at draws nothing."""


def _errands(request: Request) -> Errands:
    errands: Errands = request.app.state.errands
    return errands
