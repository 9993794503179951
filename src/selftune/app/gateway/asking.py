"""Asking an OpenAI-compatible endpoint, and passing on what it says as it comes.

aiohttp parses what comes back. Its client is left out: what it does around a request takes longer than all the rest of
an exchange (decisions/0102).
"""

from __future__ import annotations

import asyncio
import time
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from aiohttp import ClientError
from aiohttp.client_proto import ResponseHandler
from aiohttp.http_exceptions import HttpProcessingError

from selftune.release.door import BUILD

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator

    from aiohttp import StreamReader

    from selftune.app.gateway.exchange import Route

_CONNECT_SECONDS: Final = 10.0
_CONNECTING: Final = 64
_IDLE_SECONDS: Final = 15.0
_EVENTS: Final = "text/event-stream"
_FAULTS: Final = (ClientError, HttpProcessingError, TimeoutError, OSError)


class Unreachable(Exception):  # noqa: N818 - it is answered with another upstream, or with a sentence
    """An upstream gave no answer at all."""


class BrokenOff(Exception):  # noqa: N818 - it marks an answer
    """An upstream's answer ended in its middle."""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """An upstream's answer, of which the head is there.

    Attributes:
        events: Whether it comes as server-sent events.
        build_digest: The Build that answers, by the upstream's own word.
    """

    status: int
    events: bool
    build_digest: str | None
    body: StreamReader

    async def chunks(self) -> AsyncGenerator[bytes, None]:
        """Its body as it comes.

        Raises:
            BrokenOff: it ended in its middle.
        """
        try:
            while chunk := await self.body.readany():
                yield chunk
        except _FAULTS as error:
            raise BrokenOff(str(error) or type(error).__name__) from error

    async def whole(self, most_bytes: int) -> bytes:
        """Its body at once.

        Raises:
            BrokenOff: it ended in its middle, or is longer than so many bytes.
        """
        if self.body.is_eof() and self.body.exception() is None:  # it came with its head
            whole = self.body.read_nowait()
            if len(whole) <= most_bytes:
                return whole
        data = bytearray()
        async for chunk in self.chunks():
            data += chunk
            if len(data) > most_bytes:
                break
        else:
            return bytes(data)
        raise BrokenOff(f"it is longer than {most_bytes} bytes")


@dataclass(frozen=True, kw_only=True)
class _Place:
    """Where an endpoint listens."""

    host: str
    port: int
    secure: bool
    path: str


@dataclass(kw_only=True, eq=False)
class _Link:
    """A connection to an endpoint; since when it has been idle."""

    handler: ResponseHandler
    idle_since: float = 0.0
    used: bool = False


class Asker:
    """Asks upstreams over connections that are kept open; nothing of the environment reaches it, no proxy and no netrc.

    Args:
        silent_seconds: How long an upstream may say nothing.
    """

    def __init__(self, silent_seconds: float) -> None:
        self._silent_seconds = silent_seconds
        self._idle: dict[_Place, list[_Link]] = {}
        self._turns = asyncio.Semaphore(_CONNECTING)

    @asynccontextmanager
    async def ask(self, route: Route, path: str, body: bytes) -> AsyncIterator[Answer]:
        """The answer from its head on; leaving the block before its end closes the connection.

        Raises:
            Unreachable: there is none.
        """
        place = _place(route.address)
        request = _head(place, path, len(body), route.authorization) + body
        link, answer = await self._begin(place, route, request)
        try:
            yield answer
        finally:
            self._let_go(place, link)

    def close(self) -> None:
        """Close what is open and idle."""
        for links in self._idle.values():
            for link in links:
                link.handler.close()
        self._idle.clear()

    async def _begin(self, place: _Place, route: Route, request: bytes) -> tuple[_Link, Answer]:
        while True:
            link = self._idle_link(place) or await self._connect(place)
            try:
                return link, await self._send(link, route, request)
            except _FAULTS as error:
                link.handler.close()
                # A connection that was kept open may have been closed from the other side just now; a new one tells.
                if not link.used or isinstance(error, TimeoutError):
                    raise Unreachable(str(error) or type(error).__name__) from error
            except asyncio.CancelledError:
                link.handler.close()
                raise

    async def _send(self, link: _Link, route: Route, request: bytes) -> Answer:
        handler = link.handler
        if handler.transport is None:
            raise ConnectionResetError("the connection is closed")
        handler.transport.write(request)
        handler.start_timeout()
        message, body = await handler.read()
        return Answer(
            status=message.code,
            events=message.headers.get("Content-Type", "").startswith(_EVENTS),
            build_digest=message.headers.get(BUILD, route.build_digest),
            body=body,
        )

    def _idle_link(self, place: _Place) -> _Link | None:
        links, now = self._idle.get(place, []), time.monotonic()
        while links:
            link = links.pop()
            if link.handler.is_connected() and now - link.idle_since < _IDLE_SECONDS:
                return link
            link.handler.close()
        return None

    async def _connect(self, place: _Place) -> _Link:
        loop = asyncio.get_running_loop()
        try:
            # Whoever waits for a turn is not out of time: a thousand at once would all be, on a busy machine.
            async with self._turns, asyncio.timeout(_CONNECT_SECONDS):
                _, handler = await loop.create_connection(
                    lambda: ResponseHandler(loop), place.host, place.port, ssl=True if place.secure else None
                )
        except OSError as error:
            raise Unreachable(str(error) or type(error).__name__) from error
        handler.set_response_params(
            read_until_eof=True, auto_decompress=False, read_timeout=self._silent_seconds, read_bufsize=1 << 16
        )
        return _Link(handler=handler)

    def _let_go(self, place: _Place, link: _Link) -> None:
        """Keep a connection whose answer was read whole; close any other, so that nothing is worked out for nobody."""
        if link.handler.should_close or not link.handler.is_connected():
            link.handler.close()
            return
        link.used, link.idle_since = True, time.monotonic()
        self._idle.setdefault(place, []).append(link)


@lru_cache(maxsize=256)
def _place(address: str) -> _Place:
    parts = urlsplit(address)
    secure = parts.scheme == "https"
    return _Place(
        host=parts.hostname or "",
        port=parts.port or (443 if secure else 80),
        secure=secure,
        path=parts.path.rstrip("/"),
    )


def _head(place: _Place, path: str, length: int, authorization: str | None) -> bytes:
    host = f"[{place.host}]" if ":" in place.host else place.host
    shown = "" if authorization is None else f"Authorization: {authorization}\r\n"
    return (
        f"POST {place.path}{path} HTTP/1.1\r\nHost: {host}:{place.port}\r\nAccept: */*\r\n"
        f"Content-Type: application/json\r\nContent-Length: {length}\r\n{shown}\r\n"
    ).encode("latin-1")
