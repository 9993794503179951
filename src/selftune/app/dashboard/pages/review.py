"""Review: a person judges answers blind, two keys for each, so that the judge can be held against them."""

from __future__ import annotations

import getpass
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from fastapi import APIRouter, Request, Response

from selftune.app.appointed import judge_line
from selftune.app.cli.reviewing import scale_keys
from selftune.app.dashboard.actions import Form, done
from selftune.app.dashboard.reading import acting_on, project_of
from selftune.app.dashboard.rendering import show
from selftune.app.dashboard.sittings import Sitting, Sittings
from selftune.app.reviewing import Reviewing
from selftune.errors import UnknownNameError, UsageError
from selftune.judges.rubric import RUBRICS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from selftune.loop.project import Project

router = APIRouter()

_HERE: Final = "/review"
_MOST: Final = 100
_AS_USUAL: Final = 20
_SKIP: Final = "s"
_DOES_NOT_APPLY: Final = "-"
_BY_ITSELF: Final = "of:"


@router.get("/review")
def review(request: Request) -> Response:
    """The next answer, or a form to begin."""
    project = project_of(request)
    sitting = _sittings(request).get(_session(request), project.store)
    return show(
        request,
        "review",
        title="Review",
        sitting=sitting,
        sheet=None if sitting is None else sitting.next,
        marks=[] if sitting is None else _marks(sitting),
        not_asked=_DOES_NOT_APPLY,
        skip=_SKIP,
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
        # A name that is a path would have any file of this machine read.
        if rubric and rubric not in (known := _rubrics(project)):
            raise UnknownNameError("rubric", rubric, known)
        reviewing = Reviewing(project, reviewer=getpass.getuser(), rubric=rubric)
        drawn = reviewing.draw(int(count))
        sheets = tuple(reviewing.open(one) for one in drawn)
        sitting = Sitting(name=rubric, rubric=reviewing.rubric, sheets=sheets)
    _sittings(request).put(_session(request), sitting)
    overtaken = len(reviewing.overtaken)
    told = [f"{overtaken} that you had begun have changed since and are not shown."] if overtaken else []
    return done(request, _HERE, *told)


@router.post("/review")
def judge(request: Request, form: Form) -> Response:
    """Keep a verdict, which is on record before the next answer is shown; or pass this one over."""
    sitting, name = _sitting_of(request), form.needed("id", "the answer")
    sheet = sitting.sheet(name)
    if sheet is None:
        raise UnknownNameError("answer", name, [one.interaction_id for one in sitting.sheets])
    if form.text("then") == _SKIP:
        _sittings(request).put(_session(request), replace(sitting, passed_over=sitting.passed_over | {name}))
        return done(request, _HERE)
    scale = scale_keys(sitting.rubric)
    picks = {
        one.name: _meant(scale, said)
        for one in sitting.rubric.criteria
        if (said := form.text(f"{_BY_ITSELF}{one.name}"))
    }
    whole = {key: score for key, score in scale.items() if score is not None}
    mark = _meant(whole, form.text("mark")) if form.text("mark") else None
    # A form that was sent twice: the first one counts.
    if not sitting.is_whole(sheet):
        with acting_on(request) as project:
            sheet = Reviewing(project, reviewer=getpass.getuser(), rubric=sitting.name).judge(sheet, picks, mark)
        _sittings(request).put(_session(request), sitting.with_sheet(sheet))
    return done(request, _HERE)


@router.post("/review/end")
def end(request: Request) -> Response:
    """Stop; what was picked is on record, and an answer begun at a terminal is offered again first."""
    sitting = _sitting_of(request)
    _sittings(request).end(_session(request))
    return done(request, _HERE, f"{sitting.done} judged. What they say of the judge: selftune judge report")


def _marks(sitting: Sitting) -> list[tuple[str, str]]:
    """Each key and the mark that it stands for."""
    return [(key, f"{score:g}") for key, score in scale_keys(sitting.rubric).items() if score is not None]


def _meant(scale: Mapping[str, float | None], key: str) -> float | None:
    if key not in scale:
        raise UnknownNameError("mark", key, scale)
    return scale[key]


def _rubrics(project: Project) -> list[str]:
    own = sorted(path.stem for path in (project.folder / RUBRICS.folder).glob(f"*{RUBRICS.endings[0]}"))
    return list(dict.fromkeys((project.config.judge.rubric, *own)))


def _sitting_of(request: Request) -> Sitting:
    sitting = _sittings(request).get(_session(request), project_of(request).store)
    if sitting is None:
        raise UsageError("nothing is drawn to be judged.", next_step="Begin on the page Review.")
    return sitting


def _sittings(request: Request) -> Sittings:
    sittings: Sittings = request.app.state.sittings
    return sittings


def _session(request: Request) -> str:
    session: str = request.scope["selftune.session"]
    return session
