"""How a page follows an errand: a piece of the page, sent whenever it changed, until the errand is over."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from sse_starlette.sse import EventSourceResponse
from starlette.concurrency import run_in_threadpool

from selftune.app.dashboard.rendering import render
from selftune.app.dashboard.security import session_goes_on
from selftune.errors import SelftuneError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from starlette.requests import Request

    from selftune.app.dashboard.errands import Errand

OVER: Final = "over"
"""The event that ends a stream; a page names it in `hx-sse:close`."""
_SECONDS: Final = 0.15
_BEAT_SECONDS: Final = 15


def follow(request: Request, errand: Errand | None, piece: Callable[[], str]) -> EventSourceResponse:
    """A stream of server-sent events: the piece as it stands, and once the errand is over the last one.

    Args:
        request: Whose session it is.
        errand: What is followed; None where it is long over.
        piece: Writes the piece of the page, run in a thread.
    """
    return EventSourceResponse(
        _events(request, errand, piece), ping=_BEAT_SECONDS, headers={"cache-control": "no-store"}
    )


async def _events(request: Request, errand: Errand | None, piece: Callable[[], str]) -> AsyncIterator[dict[str, str]]:
    last = ""
    while session_goes_on(request):
        # Asked before the piece is written: the last piece then holds all of it.
        over = errand is None or errand.over
        text = await run_in_threadpool(written, request, piece)
        if text != last:
            yield {"data": text}
            last = text
        if over:
            yield {"event": OVER, "data": OVER}
            return
        await asyncio.sleep(_SECONDS)


def written(request: Request, piece: Callable[[], str]) -> str:
    """The piece, or why it can't be written: to raise amid a stream would only have the browser ask again."""
    try:
        return piece()
    except SelftuneError as error:
        return render(request, "now_trouble", message=error.message, next_step=error.next_step)
