"""The dashboard as an application: its pages behind the guard, what errors become, and how a person comes in."""

from __future__ import annotations

import sys
import traceback
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Final

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response
from starlette.routing import Match

from selftune.app.dashboard.cells import address
from selftune.app.dashboard.errands import Errands
from selftune.app.dashboard.flashes import Flashes
from selftune.app.dashboard.pages import BESIDE, FIRST, PAGES
from selftune.app.dashboard.reading import Desk, Lending
from selftune.app.dashboard.refusals import Refusal, is_ours, refusal_page
from selftune.app.dashboard.rendering import show
from selftune.app.dashboard.security import Doors, Guard
from selftune.app.dashboard.sessions import Sessions
from selftune.app.dashboard.sittings import Sittings
from selftune.app.dashboard.talks import Talks
from selftune.errors import (
    BudgetError,
    IntegrityError,
    LockedError,
    MissingFileError,
    NotYet,
    SelftuneError,
    UnknownNameError,
    UsageError,
)
from selftune.loop.project import HIDDEN

if TYPE_CHECKING:
    from pathlib import Path

    from starlette.types import Scope

_STATIC: Final = {
    "style.css": ("text/css", ("page.css", "dashboard.css", "people.css")),
    # One file: htmx begins once it is read, and a part that came in a second file may come too late for it.
    "htmx.js": ("text/javascript", ("htmx.min.js", "hx-sse.min.js")),
    "keys.js": ("text/javascript", ("keys.js",)),
    "icon.svg": ("image/svg+xml", ("icon.svg",)),
}
# The first that fits counts.
_STATUS: Final = (
    (UnknownNameError, 404),
    (MissingFileError, 404),
    (UsageError, 400),
    (NotYet, 409),
    (LockedError, 409),
    (BudgetError, 507),
    (IntegrityError, 500),
)


def make_app(folder: Path, *, port: int, hours: float, behind: tuple[str, ...] = ()) -> FastAPI:
    """The application for the project in `folder`, which need not be readable yet.

    Args:
        folder: The project's.
        port: Of this machine, under which it is called.
        hours: How long a session lasts.
        behind: Host names of reverse proxies that bring TLS.
    """
    app = FastAPI(title="selftune", docs_url=None, redoc_url=None, openapi_url=None)
    sessions = Sessions(folder / HIDDEN, hours=hours)
    app.state.desk, app.state.flashes = Desk(folder), Flashes()
    app.state.sessions, app.state.entries = sessions, PAGES
    app.state.errands, app.state.talks, app.state.sittings = Errands(), Talks(), Sittings()
    for router in (*(entry.router for entry in PAGES), *BESIDE):
        app.include_router(router)
    doors = Doors.of(port, behind)
    _add_doors(app, sessions, doors, hours)
    _add_errors(app)
    app.add_middleware(Lending, desk=app.state.desk)
    app.add_middleware(Guard, sessions=sessions, doors=doors, fault=_fault)
    app.router.on_shutdown.append(app.state.desk.close)
    return app


def _add_doors(app: FastAPI, sessions: Sessions, doors: Doors, hours: float) -> None:
    """The way in and out, what pages are made with, and whether anybody is there."""

    @app.get("/")
    def first() -> RedirectResponse:
        return RedirectResponse(FIRST, status_code=303)

    @app.get("/enter")
    def enter(request: Request, link: str = "") -> Response:
        session = sessions.enter(link)
        if session is None:
            told = Refusal(401, "This link is used up", "For another one, type: selftune dashboard --link")
            return refusal_page(told, "")
        # No redirect: a browser that came by a link elsewhere would not send the session with it.
        response = show(request, "entered")
        response.set_cookie(
            doors.cookie,
            session,
            max_age=round(hours * 3600),
            path="/",
            httponly=True,
            samesite="strict",
            secure=doors.have_tls(request.headers["host"]),
        )
        return response

    @app.post("/leave")
    def leave(request: Request) -> Response:
        sessions.leave(request.scope["selftune.session"])
        response = refusal_page(Refusal(200, "You are out", "This browser has no session any more."), "")
        response.delete_cookie(doors.cookie, path="/", httponly=True, samesite="strict")
        return response

    @app.get("/static/{name}")
    def static(name: str) -> Response:
        if name not in _STATIC:
            raise HTTPException(404)
        return Response(_static(name), media_type=_STATIC[name][0])

    @app.get("/healthz")
    def healthz() -> Response:
        return Response("ok", media_type="text/plain")


@cache
def _static(name: str) -> bytes:
    folders = {"page.css": files("selftune.app.reporting.pages")}
    here = files("selftune.app.dashboard") / "static"
    return b"\n".join((folders.get(part, here) / part).read_bytes() for part in _STATIC[name][1])


def _add_errors(app: FastAPI) -> None:
    """What a person can put right becomes a page with the next step; what is our fault, one that says no more."""

    @app.exception_handler(SelftuneError)
    def ours(request: Request, error: SelftuneError) -> Response:
        status = next((status for kind, status in _STATUS if isinstance(error, kind)), 500)
        return _error(request, status, title=_TITLES.get(status, "That did not work"), error=error)

    @app.exception_handler(HTTPException)
    def known(request: Request, error: HTTPException) -> Response:
        title = "There is no such page" if error.status_code == 404 else "That is not done here"  # noqa: PLR2004 - HTTP
        return _error(request, error.status_code, title=title, message="Choose a page from the navigation.")

    @app.exception_handler(RequestValidationError)
    def malformed(request: Request, _: RequestValidationError) -> Response:
        return _error(request, 400, title="The address is not right", message="Choose a page from the navigation.")

    @app.exception_handler(OSError)
    def system(request: Request, error: OSError) -> Response:
        told = f"The system refused: {error.strerror or type(error).__name__}."
        return _error(request, 500, title="That did not work", message=told)


def _fault(scope: Scope, error: Exception) -> Response:
    """The page for what nobody foresaw; the frame of the other pages may be what failed."""
    traceback.print_exception(error, file=sys.stderr)
    told = "This is a fault of selftune. What went wrong stands in the log of the dashboard."
    title = "That should not have happened"
    try:
        return _error(Request(scope), 500, title=title, message=told)
    except Exception as another:  # noqa: BLE001 - the frame of all pages may be what failed, and an answer is owed
        traceback.print_exception(another, file=sys.stderr)
        return refusal_page(Refusal(500, title, told), "")


_TITLES: Final = {404: "There is no such thing here", 409: "Not now", 507: "There is no room"}


def _error(
    request: Request, status: int, *, title: str, message: str = "", error: SelftuneError | None = None
) -> Response:
    if not request.scope.get("selftune.session"):
        # Whoever has no session learns not even what the project is called.
        return refusal_page(Refusal(status, title, message), "")
    told = {"message": message, "next_step": ""}
    if error is not None:
        told = {"message": error.message, "next_step": error.next_step}
    return show(request, "error", http_status=status, title=title, back=_way_back(request), **told)


def _way_back(request: Request) -> str:
    """The page to load again, with what was asked of it; behind an action the page whose form it was."""
    path = request.url.path
    if request.method != "POST":
        asked = f"?{request.url.query}" if request.url.query else ""
        return address(path) + asked if is_ours(path) else ""
    if path not in {entry.path for entry in PAGES}:
        path = path.rpartition("/")[0]
    while path and not _is_page(request, path):
        path = path.rpartition("/")[0]
    return address(path)


def _is_page(request: Request, path: str) -> bool:
    scope = {"type": "http", "method": "GET", "path": path, "root_path": ""}
    return any(route.matches(scope)[0] is Match.FULL for route in request.app.routes)
