"""What stands before every page: by which name it was called, who asks, from where; and what goes with each answer.

One guard around the whole application, so that no page can forget a check. Only GET, HEAD and POST are known, and a
POST changes something only with a session, an origin that is ours and its form's own token.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qs

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import cookie_parser
from starlette.responses import RedirectResponse

from selftune.app.dashboard.once import Once
from selftune.app.dashboard.refusals import Refusal, refusal_page
from selftune.app.dashboard.sessions import is_form_token

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from selftune.app.dashboard.sessions import Sessions

FIELD: Final = "form_token"
"""The hidden field of every form."""
PAGE: Final = "."
"""What stands in that field between the token and the page's own number."""
MOST_BYTES: Final = 1_048_576
"""The largest form that is read."""
_FORM: Final = "application/x-www-form-urlencoded"
_STOP: Final = "/stop"
_OPEN: Final = ("/static/", "/enter", "/healthz")
HEADERS: Final = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cache-control": "no-store",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=()",
}
"""What every answer carries."""


@dataclass(frozen=True, kw_only=True)
class Doors:
    """The names under which the dashboard is called, all in small letters.

    Attributes:
        hosts: `Host` headers.
        origins: Those of its own pages.
        proxied: Hosts that a reverse proxy with TLS stands for.
        cookie: What its session is called: browsers tell no ports apart, and on another one may be another dashboard.
    """

    hosts: frozenset[str]
    origins: frozenset[str]
    proxied: frozenset[str]
    cookie: str

    @classmethod
    def of(cls, port: int, behind: tuple[str, ...] = ()) -> Doors:
        """Those of a port of this machine, and of reverse proxies that bring TLS."""
        here = {f"{name}:{port}" for name in ("127.0.0.1", "localhost")}
        proxied = {host.lower() for host in behind}
        origins = {f"http://{host}" for host in here} | {f"https://{host}" for host in proxied}
        return cls(
            hosts=frozenset(here | proxied),
            origins=frozenset(origins),
            proxied=frozenset(proxied),
            cookie=f"selftune_session_{port}",
        )

    def have_tls(self, host: str) -> bool:
        """Whether who calls by this name comes through a proxy that brings TLS."""
        return host.lower() in self.proxied


def session_goes_on(request: Request) -> bool:
    """Whether the session of an answer that takes long, such as a stream, has not ended meanwhile."""
    sessions: Sessions = request.app.state.sessions
    return sessions.knows(request.scope["selftune.session"])


class Guard:
    """The checks, around the application.

    Args:
        app: What they stand around.
        sessions: Of whoever came in.
        doors: The names that it is called by.
        fault: Makes the page that says that something went wrong here: it carries what every answer carries too.
    """

    def __init__(
        self, app: ASGIApp, *, sessions: Sessions, doors: Doors, fault: Callable[[Scope, Exception], Response]
    ) -> None:
        self._app = app
        self._fault = fault
        self._sessions = sessions
        self._doors = doors
        self._once = Once()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through to its page, or answer why not."""
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self._app(scope, receive, send)
            return
        answer = _Answer(send)
        try:
            await self._answer(scope, receive, answer)
        except Exception as error:
            if answer.begun:
                raise
            await self._fault(scope, error)(scope, receive, answer)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            body = await self._check(scope, receive)
        except Refusal as refusal:
            await refusal_page(refusal, scope["path"])(scope, receive, send)
            return
        if body is None:
            await self._app(scope, receive, send)
        # What stops something is never taken for done.
        elif PAGE not in _field_in(body) or scope["path"].endswith(_STOP):
            await self._app(scope, _again(body, receive), send)
        else:
            await self._do_once(scope, _again(body, receive), send, body)

    async def _do_once(self, scope: Scope, receive: Receive, send: Send, body: bytes) -> None:
        """What a form asks for; where it was done already, the page that said so."""
        session = scope["selftune.session"]
        async with self._once.turn(session, scope["path"], body) as form:
            if not form.led_to:
                await self._app(scope, receive, form.noting(send))
                return
        scope["app"].state.flashes.put(session, "The form was sent twice, and was done once.")
        await RedirectResponse(form.led_to, status_code=303)(scope, receive, send)

    async def _check(self, scope: Scope, receive: Receive) -> bytes | None:
        """What a form says; None where none was sent.

        Raises:
            Refusal: it goes no further.
        """
        headers, path = Headers(scope=scope), scope["path"]
        self._check_host(headers)
        if scope["method"] not in {"GET", "HEAD", "POST"}:
            raise Refusal(405, "Not here", "Only GET and POST are known here.")
        session = _session_in(headers, self._doors.cookie)
        known = bool(session) and self._sessions.knows(session)
        scope["selftune.session"] = session if known else ""
        if not known and not path.startswith(_OPEN):
            raise Refusal(
                401,
                "Please come in by the link",
                "This page is open to whoever has the link that selftune printed when it started. It works "
                "once. For another one, type: selftune dashboard --link",
            )
        if scope["method"] != "POST":
            return None
        self._check_origin(headers)
        body = await _read_form(headers, receive)
        if not is_form_token(session, _field_in(body).partition(PAGE)[0]):
            raise Refusal(
                403,
                "The form was too old",
                "Nothing was changed. Go back, load the page again, and send the form once more.",
            )
        return body

    def _check_host(self, headers: Headers) -> None:
        """A page of another site that had its name point here would else read everything (DNS rebinding)."""
        if len(headers.getlist("host")) != 1 or headers["host"].lower() not in self._doors.hosts:
            raise Refusal(
                421,
                "Called by another name",
                "The dashboard answers to 127.0.0.1 and localhost, and to what [dashboard] hosts names.",
            )

    def _check_origin(self, headers: Headers) -> None:
        """Browsers say with each POST where its form stood; a page that sends no referrer says `null` for itself."""
        origin, site = headers.get("origin", ""), headers.get("sec-fetch-site", "")
        ours = origin in self._doors.origins or (origin in {"", "null"} and site == "same-origin")
        if not ours or site not in {"", "same-origin", "none"}:
            raise Refusal(403, "From another place", "The form did not stand on a page of this dashboard.")


def _session_in(headers: Headers, cookie: str) -> str:
    # As browsers send them: other programs of this machine set cookies, too, and not all of theirs are of the standard.
    return cookie_parser(headers.get("cookie", "")).get(cookie, "")


async def _read_form(headers: Headers, receive: Receive) -> bytes:
    if headers.get("content-type", "").partition(";")[0].strip().lower() != _FORM:
        raise Refusal(415, "No form", "Only forms of this dashboard's own pages are read.")
    told = headers.get("content-length", "0")
    if not told.isdecimal() or len(told) > len(str(MOST_BYTES)) or int(told) > MOST_BYTES:
        raise Refusal(413, "Too long", "A form may hold a million letters at most.")
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] != "http.request":
            raise Refusal(400, "Broken off", "The form did not come whole.")
        body += message.get("body", b"")
        if len(body) > MOST_BYTES:
            raise Refusal(413, "Too long", "A form may hold a million letters at most.")
        if not message.get("more_body"):
            return bytes(body)


def _field_in(body: bytes) -> str:
    try:
        found = parse_qs(body.decode("ascii", "replace"), max_num_fields=2_000).get(FIELD, [])
    except ValueError:
        return ""
    return found[0] if len(found) == 1 else ""


def _again(body: bytes, receive: Receive) -> Receive:
    """What was read, to be read once more by the page."""
    given = False

    async def once_more() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return once_more


class _Answer:
    """Sends an answer with the headers that each carries, and knows whether one has begun."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.begun = False

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.begun = True
            headers = MutableHeaders(scope=message)
            for name, value in HEADERS.items():
                headers[name] = value
        await self._send(message)
