"""Now: what is under way and how far, what time and money are left, what serves; by itself, or by a reload."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

from fastapi import APIRouter, Request, Response
from sse_starlette.sse import EventSourceResponse
from starlette.concurrency import run_in_threadpool

from selftune.app.cli.screen import TITLES
from selftune.app.dashboard.following import written
from selftune.app.dashboard.reading import project_of
from selftune.app.dashboard.rendering import render, show
from selftune.app.dashboard.security import session_goes_on
from selftune.app.dashboard.trials import GUARD_HEAD, trial_under_way
from selftune.app.summary import status_summary
from selftune.app.watching import what_runs
from selftune.records import Release

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

router = APIRouter()

_NAMES: Final = {
    "judgements": "verdicts on them",
    "set_aside": "set aside, in quarantine",
    "runs": "trainings",
    "new": "not learnt from yet",
    "lessons": "towards a training",
    "sooner": "what helps sooner",
    "last_decision": "the gate's last word",
    "breaker": "unseen by a person",
    "canary": "trial of a candidate",
}
"""What a page calls what `selftune status` calls in one word."""
_SECONDS: Final = 2.0
_BEAT_SECONDS: Final = 15


@router.get("/now")
def now(request: Request) -> Response:
    """The page as it stands; without JavaScript a reload brings the next one."""
    summary = status_summary(project_of(request))
    told = {
        key: f"{value:,}" if isinstance(value, int) else str(value)
        for key, value in summary.items()
        if value is not None
    }
    to_do = told.pop("next", "")
    named = {_NAMES.get(key, key.replace("_", " ")): value for key, value in told.items()}
    return show(request, "now", title="Now", status=named, to_do=to_do, **_live(request))


@router.get("/now/stream")
async def stream(request: Request) -> EventSourceResponse:
    """The part that changes, sent whenever it did."""
    return EventSourceResponse(_follow(request), ping=_BEAT_SECONDS, headers={"cache-control": "no-store"})


async def _follow(request: Request) -> AsyncIterator[dict[str, str]]:
    last = ""
    while session_goes_on(request) and not await request.is_disconnected():
        text = await run_in_threadpool(written, request, lambda: render(request, "now_live", **_live(request)))
        if text != last:
            yield {"data": text}
            last = text
        await asyncio.sleep(_SECONDS)


def _live(request: Request) -> dict[str, Any]:
    project = project_of(request)
    return {
        "running": what_runs(project),
        "titles": TITLES,
        "trial": trial_under_way(project),
        "guard_head": GUARD_HEAD,
        "newest": project.store.last(Release),
    }
