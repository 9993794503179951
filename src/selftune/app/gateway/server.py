"""The gateway's server: who may come in, how much and how slowly, and which route does what."""

from __future__ import annotations

import asyncio
import json
import logging
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final, cast

from aiohttp import web

from selftune import __version__
from selftune.app.gateway.asking import Asker
from selftune.app.gateway.callers import Callers
from selftune.app.gateway.connections import Connections
from selftune.app.gateway.keys import Scope
from selftune.app.gateway.limits import Limits
from selftune.app.gateway.ollama_routes import add_ollama
from selftune.app.gateway.refusals import Refusal, no_such_model, ollama_error, openai_error
from selftune.app.gateway.relaying import Relay
from selftune.app.gateway.shapes.base import JSON
from selftune.app.gateway.shapes.ollama import Ollama
from selftune.app.gateway.shapes.plain import Plain
from selftune.app.gateway.shapes.responses import Responses
from selftune.errors import DamagedFileError, UsageError
from selftune.release.door import PASSED

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from selftune.app.gateway.callers import Caller
    from selftune.app.gateway.counting import Counts
    from selftune.app.gateway.exchange import Capture, Routing
    from selftune.app.gateway.keys import KeyRing
    from selftune.app.gateway.shapes.base import Shape
    from selftune.interactions.privacy.consent import ConsentLevel
    from selftune.loop.fronting import GatewaySection

log = logging.getLogger("selftune.gateway")

HOST: Final = "127.0.0.1"
_BELOW: Final = "/v1"
_MODELS: Final = "/v1/models"
_OLLAMA: Final = "/api/"
_MEGABYTE: Final = 1 << 20
_DRAIN_SECONDS: Final = 5.0
_SETTLE_SECONDS: Final = 1.0

SHAPES: Final[dict[str, Shape]] = {
    **{f"{_BELOW}{path}": Plain(path) for path in PASSED},
    f"{_BELOW}/responses": Responses(),
    "/api/chat": Ollama(chat=True),
    "/api/generate": Ollama(chat=False),
}
"""Every route by which a model is asked."""


class Gateway:
    """Answers requests; made inside the event loop that runs it."""

    def __init__(
        self,
        settings: GatewaySection,
        *,
        relay: Relay,
        callers: Callers,
        routing: Routing,
        counts: Counts,
    ) -> None:
        self._most_bytes = int(settings.most_megabytes * _MEGABYTE)
        self._settings = settings
        self._relay = relay
        self._callers = callers
        self._routing = routing
        self._counts = counts
        self._routes: dict[str, dict[str, Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]]] = {
            **{path: {"POST": self._ask} for path in SHAPES},
            "/health": {"GET": self._health},
            _MODELS: {"GET": self._models},
            "/gateway/status": {"GET": self._status},
        }

    def add_route(
        self, method: str, path: str, handler: Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]
    ) -> None:
        """Answer one more path; its handler raises `Refusal` for what it refuses."""
        self._routes.setdefault(path, {})[method] = handler

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """The answer to any request."""
        try:
            return await self._handler(request)(request)
        except Refusal as refusal:
            return self._refuse(request, refusal)
        except DamagedFileError as error:
            log.exception("a file can't be read")
            return self._refuse(request, Refusal(503, str(error)))

    def _handler(self, request: web.BaseRequest) -> Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]:
        methods = self._routes.get(request.path)
        if methods is None and request.path.startswith(f"{_MODELS}/"):
            methods = {"GET": self._model}
        if methods is None:
            raise Refusal(404, f"There is nothing at this path. Models are asked at {', '.join(SHAPES)}.")
        handler = methods.get(request.method)
        if handler is None:
            raise Refusal(405, f"This path takes {', '.join(methods)} only.")
        return handler

    async def read_body(self, request: web.BaseRequest) -> bytes:
        """A request's body: JSON, of no more bytes than allowed, and come in time.

        Raises:
            Refusal: it is something else, too long, or too slow.
        """
        if request.headers.get("Content-Type") != JSON and request.content_type != JSON:
            raise Refusal(415, f"The body must be {JSON}: send that as its Content-Type.", closes=True)
        if "Content-Encoding" in request.headers:
            raise Refusal(415, "The body must not be compressed.", closes=True)
        if (request.content_length or 0) > self._most_bytes:
            raise self._too_long()
        if request.content.is_eof():  # it came with its head
            data = request.content.read_nowait()
            if len(data) > self._most_bytes:
                raise self._too_long()
            return data
        return await self._read_slowly(request)

    async def _read_slowly(self, request: web.BaseRequest) -> bytes:
        if request.headers.get("Expect", "").lower() == "100-continue" and request.transport is not None:
            request.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")  # curl would wait a second, others for ever
        data = bytearray()
        try:
            async with asyncio.timeout(self._settings.body_seconds):
                while chunk := await request.content.readany():
                    data += chunk
                    if len(data) > self._most_bytes:
                        raise self._too_long()
        except TimeoutError:
            raise Refusal(408, "The body took too long to come.", closes=True) from None
        except web.RequestPayloadError:
            raise Refusal(400, "The body broke off.", closes=True) from None
        return bytes(data)

    def admit(self, request: web.BaseRequest, scope: Scope) -> Caller:
        """Who sends a request that asks no model; `Refusal` where their key does not open what it wants."""
        return self._callers.admit(request.headers, scope)

    def refuse_strangers(self, request: web.BaseRequest) -> None:
        """Return where a request names this machine; `Refusal` otherwise."""
        self._callers.refuse_strangers(request.headers)

    async def _ask(self, request: web.BaseRequest) -> web.StreamResponse:
        caller = self._callers.admit(request.headers, Scope.CHAT)
        body = await self.read_body(request)
        # It is what aiohttp's server asks of a response, and no more.
        return cast("web.StreamResponse", await self._relay.answer(request, SHAPES[request.path], caller, body))

    async def _health(self, request: web.BaseRequest) -> web.StreamResponse:
        self.refuse_strangers(request)
        return _json({"status": "ok", "version": __version__})

    async def _models(self, request: web.BaseRequest) -> web.StreamResponse:
        self._callers.admit(request.headers, Scope.CHAT)
        return _json({"object": "list", "data": [_entry(alias) for alias in self._routing.aliases()]})

    async def _model(self, request: web.BaseRequest) -> web.StreamResponse:
        self._callers.admit(request.headers, Scope.CHAT)
        alias, known = request.path.removeprefix(f"{_MODELS}/"), self._routing.aliases()
        if alias not in known:
            raise no_such_model(known)
        return _json(_entry(alias))

    async def _status(self, request: web.BaseRequest) -> web.StreamResponse:
        self._callers.admit(request.headers, Scope.READ)
        return _json(self._counts.told())

    def _too_long(self) -> Refusal:
        return Refusal(413, f"The body is longer than {self._settings.most_megabytes:g} MB.", closes=True)

    def _refuse(self, request: web.BaseRequest, refusal: Refusal) -> web.Response:
        self._counts.refused(request.path if request.path in self._routes else "elsewhere", refusal.status)
        body = ollama_error(refusal) if request.path.startswith(_OLLAMA) else openai_error(refusal)
        answer = web.Response(status=refusal.status, body=body, content_type=JSON, headers=refusal.headers)
        if refusal.closes:
            answer.force_close()
        return answer


def _entry(alias: str) -> dict[str, object]:
    return {"id": alias, "object": "model", "created": 0, "owned_by": "selftune"}


def _json(value: object) -> web.Response:
    return web.Response(body=json.dumps(value).encode(), content_type=JSON)


@asynccontextmanager
async def serving(
    settings: GatewaySection,
    *,
    keys: KeyRing,
    consent: ConsentLevel,
    routing: Routing,
    capture: Capture,
    counts: Counts,
    add: Callable[[Gateway], None] = lambda _: None,
) -> AsyncIterator[int]:
    """A gateway at its port, until the block ends; what is under way has some seconds to end then.

    Raises:
        UsageError: the port is taken.
    """
    asker = Asker(settings.upstream_seconds)
    relay = Relay(settings, asker=asker, routing=routing, capture=capture, meters=counts)
    callers = Callers(settings, keys, Limits(), consent)
    gateway = Gateway(settings, relay=relay, callers=callers, routing=routing, counts=counts)
    add_ollama(gateway, routing)
    add(gateway)
    server = Connections(gateway.handle, most=settings.connections, head_seconds=settings.head_seconds)
    listener = await _listen(server, settings.port)
    try:
        yield listener.sockets[0].getsockname()[1]
    finally:
        listener.close()
        server.pre_shutdown()
        until = asyncio.get_running_loop().time() + _DRAIN_SECONDS
        await server.shutdown(_DRAIN_SECONDS)
        # What is kept beside an answer needs its moment also where the answers took all of them.
        await relay.settle(max(until - asyncio.get_running_loop().time(), _SETTLE_SECONDS))
        asker.close()


async def _listen(server: web.Server, port: int) -> asyncio.Server:
    try:
        return await asyncio.get_running_loop().create_server(server, HOST, port, backlog=1024)
    except OSError as error:
        raise UsageError(
            f"port {port} is taken ({error.strerror}).",
            next_step="Stop what uses it, or set another under [gateway] port; --port 0 finds a free one.",
        ) from error
