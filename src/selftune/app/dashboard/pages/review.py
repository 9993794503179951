"""Review: a person judges answers blind, one key for each criterion, so that the judge can be held against them."""

from __future__ import annotations

import getpass
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from fastapi import APIRouter, Request, Response

from selftune.app.cli.reviewing import scale_keys
from selftune.app.dashboard.actions import Form, done
from selftune.app.dashboard.reading import acting_on, project_of
from selftune.app.dashboard.rendering import show
from selftune.app.dashboard.sittings import Sitting, Sittings
from selftune.app.reviewing import Reviewing, judge_line
from selftune.errors import UnknownNameError, UsageError
from selftune.judges.rubric import RUBRICS

if TYPE_CHECKING:
    from selftune.loop.project import Project

router = APIRouter()

_HERE: Final = "/review"
_MOST: Final = 100
_AS_USUAL: Final = 20
_SKIP: Final = "s"


@router.get("/review")
def review(request: Request) -> Response:
    """The next answer and criterion, or a form to begin."""
    sitting = _sittings(request).get(_session(request))
    found = None if sitting is None else sitting.next
    project = project_of(request)
    return show(
        request,
        "review",
        title="Review",
        sitting=sitting,
        sheet=None if found is None else found[0],
        criterion=None if found is None else found[1],
        marks=[] if sitting is None else _marks(sitting),
        judge=judge_line(project),
        rubrics=_rubrics(project),
        count=_AS_USUAL,
        most=_MOST,
    )


@router.post("/review/begin")
def begin(request: Request, form: Form) -> Response:
    """Draw what is to be judged, as `selftune review` draws it."""
    count, rubric = form.text("count") or str(_AS_USUAL), form.text("rubric")
    if not count.isdecimal() or len(count) > _MOST or not 1 <= int(count) <= _MOST:
        raise UsageError(f"{count!r} is not a number from 1 to {_MOST}.", next_step="Go back and give another one.")
    with acting_on(request) as project:
        reviewing = Reviewing(project, reviewer=getpass.getuser(), rubric=rubric)
        drawn = reviewing.draw(int(count))
        sheets = tuple(reviewing.open(one) for one in drawn)
        sitting = Sitting(name=rubric, rubric=reviewing.rubric, sheets=sheets)
    _sittings(request).put(_session(request), sitting)
    overtaken = len(reviewing.overtaken)
    told = [f"{overtaken} that you had begun have changed since and are not shown."] if overtaken else []
    return done(request, _HERE, *told)


@router.post("/review")
def pick(request: Request, form: Form) -> Response:
    """Keep one mark, which is on record before the next is asked for; or pass an answer over."""
    sitting, mark = _sitting_of(request), form.needed("mark", "your mark")
    name, criterion = form.needed("id", "the answer"), form.needed("criterion", "the criterion")
    sheet, scale = sitting.sheet(name), scale_keys(sitting.rubric)
    if sheet is None or criterion not in {one.name for one in sitting.rubric.criteria}:
        raise UnknownNameError(
            "answer or criterion", f"{name} {criterion}", [one.name for one in sitting.rubric.criteria]
        )
    if mark == _SKIP:
        _sittings(request).put(_session(request), replace(sitting, passed_over=sitting.passed_over | {name}))
        return done(request, _HERE)
    if mark not in scale:
        raise UnknownNameError("mark", mark, scale)
    # A form that was sent twice: the first one counts.
    if criterion not in sheet.picks:
        with acting_on(request) as project:
            reviewing = Reviewing(project, reviewer=getpass.getuser(), rubric=sitting.name)
            sheet = reviewing.pick(sheet, criterion, scale[mark])
        _sittings(request).put(_session(request), sitting.with_sheet(sheet))
    return done(request, _HERE)


@router.post("/review/end")
def end(request: Request) -> Response:
    """Stop; what was picked is on record, and half a verdict is offered again first."""
    sitting = _sitting_of(request)
    _sittings(request).end(_session(request))
    return done(request, _HERE, f"{sitting.done} judged. What they say of the judge: selftune judge report")


def _marks(sitting: Sitting) -> list[tuple[str, str]]:
    """Each key and what it says."""
    marks = [
        (key, "does not apply" if score is None else f"{score:g}") for key, score in scale_keys(sitting.rubric).items()
    ]
    return [*marks, (_SKIP, "skip this one")]


def _rubrics(project: Project) -> list[str]:
    own = sorted(path.stem for path in (project.folder / RUBRICS.folder).glob(f"*{RUBRICS.endings[0]}"))
    return list(dict.fromkeys((project.config.judge.rubric, *own)))


def _sitting_of(request: Request) -> Sitting:
    sitting = _sittings(request).get(_session(request))
    if sitting is None:
        raise UsageError("nothing is drawn to be judged.", next_step="Begin on the page Review.")
    return sitting


def _sittings(request: Request) -> Sittings:
    sittings: Sittings = request.app.state.sittings
    return sittings


def _session(request: Request) -> str:
    session: str = request.scope["selftune.session"]
    return session
