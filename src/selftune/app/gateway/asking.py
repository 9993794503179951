"""Asking an OpenAI-compatible endpoint, and passing on what it says as it comes.

aiohttp parses what comes back. Its client is left out: what it does around a request takes longer than all the rest of
an exchange (decisions/0102).
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from aiohttp import ClientError
from aiohttp.client_proto import ResponseHandler
from aiohttp.http_exceptions import HttpProcessingError

from selftune.release.door import BUILD

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator
    from types import TracebackType

    from aiohttp import StreamReader

    from selftune.app.gateway.exchange import Route

_CONNECT_SECONDS: Final = 10.0
_CONNECTING: Final = 64
_IDLE_SECONDS: Final = 15.0
_EVENTS: Final = "text/event-stream"
_ON_ITS_WAY: Final = range(100, 200)
_FAULTS: Final = (ClientError, HttpProcessingError, TimeoutError, OSError)


class Unreachable(Exception):  # noqa: N818 - it is answered with another upstream, or with a sentence
    """An upstream gave no answer at all.

    Attributes:
        status: What it said in place of one; 502 where it said nothing.
    """

    def __init__(self, why: str, *, status: int = 502) -> None:
        super().__init__(why)
        self.status = status


class BrokenOff(Exception):  # noqa: N818 - it marks an answer
    """An upstream's answer ended in its middle."""


class _Handler(ResponseHandler):
    """aiohttp's own, which goes on with what it held back only where it held something back.

    Else each piece of a stream, however many come together, sends its parser on an errand for nothing.
    """

    _holds = False

    def pause_reading(self) -> None:
        """Hold back what comes, since it is not read as fast."""
        self._holds = True
        super().pause_reading()

    def resume_reading(self, resume_parser: bool = True) -> None:
        """Go on with what was held back."""
        if self._holds:
            self._holds = False  # before it goes on, which may hold back again
            super().resume_reading(resume_parser)


@dataclass(kw_only=True, eq=False)
class _Link:
    """A connection to an endpoint.

    Attributes:
        since: Since when it has been idle, or its answer waited for; None while neither is so.
        used: Whether it has brought an answer before.
        body: The answer that comes.
    """

    handler: _Handler
    since: float | None = None
    used: bool = False
    body: StreamReader | None = None

    def end(self, why: TimeoutError) -> None:
        """Have whoever waits for its answer hear that there will be none."""
        self.handler.set_exception(why)
        if self.body is not None:
            self.body.set_exception(why)


@dataclass(frozen=True, kw_only=True)
class Answer:
    """An upstream's answer, of which the head is there.

    Attributes:
        events: Whether it comes as server-sent events.
        build_digest: The Build that answers, by the upstream's own word.
        retry_after: When to ask again, by the same; None where it does not say.
    """

    status: int
    events: bool
    build_digest: str | None
    retry_after: str | None
    body: StreamReader
    link: _Link

    async def chunks(self) -> AsyncGenerator[bytes, None]:
        """Its body as it comes.

        Raises:
            BrokenOff: it ended in its middle.
        """
        link, read, now = self.link, self.body.readany, time.monotonic
        try:
            while True:
                link.since = now()
                chunk = await read()
                link.since = None
                if not chunk:
                    return
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
        else:
            data = bytearray()
            async for chunk in self.chunks():
                data += chunk
                if len(data) > most_bytes:
                    break
            whole = bytes(data)
        if len(whole) <= most_bytes:
            return whole
        raise BrokenOff(f"it is longer than {most_bytes} bytes")


class Asker:
    """Asks upstreams over connections that are kept open; nothing of the environment reaches it, no proxy and no netrc.

    Args:
        silent_seconds: How long an upstream may say nothing.
    """

    def __init__(self, silent_seconds: float) -> None:
        self._silent_seconds = silent_seconds
        self._idle: dict[str, list[_Link]] = {}
        self._turns = asyncio.Semaphore(_CONNECTING)
        self._asked: set[_Link] = set()
        self._look: asyncio.TimerHandle | None = None

    def ask(self, route: Route, path: str, body: bytes) -> Asking:
        """The answer from its head on; leaving the block before its end closes the connection.

        Entering the block raises `Unreachable` where there is none.
        """
        return Asking(self, route, path, body)

    def close(self) -> None:
        """Close what is open and idle."""
        for links in self._idle.values():
            for link in links:
                link.handler.close()
        self._idle.clear()
        if self._look is not None:
            self._look.cancel()

    async def begin(self, route: Route, path: str, body: bytes) -> Answer:
        """The answer's head; its link is to be let go of.

        Raises:
            Unreachable: there is none.
        """
        request = b"%b%d\r\n\r\n%b" % (_opening(route.address, path, route.authorization), len(body), body)
        while True:
            link = self._idle_link(route.address) or await self._connect(route.address)
            try:
                return await self._send(link, route, request)
            except _FAULTS as error:
                self._asked.discard(link)
                link.handler.close()
                # A connection that was kept open may have been closed from the other side just now; a new one tells.
                if not link.used or isinstance(error, TimeoutError):
                    raise Unreachable(str(error) or type(error).__name__) from error
            except asyncio.CancelledError:
                self._asked.discard(link)
                link.handler.close()
                raise

    async def _send(self, link: _Link, route: Route, request: bytes) -> Answer:
        handler = link.handler
        if handler.transport is None:
            raise ConnectionResetError("the connection is closed")
        handler.transport.write(request)
        self._watch(link)
        message, body = await handler.read()
        while message.code in _ON_ITS_WAY:
            message, body = await handler.read()
        link.since, link.body = None, body
        return Answer(
            status=message.code,
            events=message.headers.get("Content-Type", "").startswith(_EVENTS),
            build_digest=message.headers.get(BUILD, route.build_digest),
            retry_after=message.headers.get("Retry-After"),
            body=body,
            link=link,
        )

    def _watch(self, link: _Link) -> None:
        """Wait for a link's answer, no longer than it may be silent.

        One timer serves all links: aiohttp would set and drop one for each piece of each answer, which takes as long
        as passing the piece on.
        """
        link.since = time.monotonic()
        self._asked.add(link)
        if self._look is None:
            self._look = asyncio.get_running_loop().call_later(self._silent_seconds, self._end_silent)

    def _end_silent(self) -> None:
        """End the links that were silent for too long, and look again when the next one may have been."""
        self._look, now = None, time.monotonic()
        longest = 0.0
        for link in self._asked:
            silent = 0.0 if link.since is None else now - link.since
            if silent >= self._silent_seconds:
                link.end(TimeoutError(f"it said nothing for {self._silent_seconds:g} seconds"))
            else:
                longest = max(longest, silent)
        if self._asked:
            self._look = asyncio.get_running_loop().call_later(self._silent_seconds - longest, self._end_silent)

    def _idle_link(self, address: str) -> _Link | None:
        links, now = self._idle.get(address), time.monotonic()
        while links:
            link = links.pop()
            handler = link.handler
            fresh = link.since is not None and now - link.since < _IDLE_SECONDS
            # What came though nobody asked must not be taken for the next one's answer.
            if fresh and handler.is_connected() and not handler.should_close:
                return link
            handler.close()
        return None

    async def _connect(self, address: str) -> _Link:
        loop, place = asyncio.get_running_loop(), _place(address)
        try:
            # Whoever waits for a turn is not out of time: a thousand at once would all be, on a busy machine.
            async with self._turns, asyncio.timeout(_CONNECT_SECONDS):
                _, handler = await loop.create_connection(
                    lambda: _Handler(loop), place.host, place.port, ssl=True if place.secure else None
                )
        except OSError as error:
            raise Unreachable(str(error) or type(error).__name__) from error
        handler.set_response_params(read_until_eof=True, read_bufsize=1 << 16)
        return _Link(handler=handler)

    def let_go(self, address: str, link: _Link) -> None:
        """Keep a connection whose answer was read whole; close any other, so that nothing is worked out for nobody."""
        self._asked.discard(link)
        link.body = None
        if link.handler.should_close or not link.handler.is_connected():
            link.handler.close()
            return
        link.used, link.since = True, time.monotonic()
        self._idle.setdefault(address, []).append(link)


class Asking:
    """A block in which an answer is there; a class, as a generator would cost each request twice as much."""

    __slots__ = ("_asker", "_body", "_link", "_path", "_route")

    def __init__(self, asker: Asker, route: Route, path: str, body: bytes) -> None:
        self._asker = asker
        self._route = route
        self._path = path
        self._body = body

    async def __aenter__(self) -> Answer:
        answer = await self._asker.begin(self._route, self._path, self._body)
        self._link = answer.link
        return answer

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._asker.let_go(self._route.address, self._link)


@dataclass(frozen=True, kw_only=True)
class _Place:
    """Where an endpoint listens."""

    host: str
    port: int
    secure: bool
    path: str


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


@lru_cache(maxsize=256)
def _opening(address: str, path: str, authorization: str | None) -> bytes:
    """A request's head, up to the number of its body's bytes."""
    place = _place(address)
    host = f"[{place.host}]" if ":" in place.host else place.host
    shown = "" if authorization is None else f"Authorization: {authorization}\r\n"
    return (
        f"POST {place.path}{path} HTTP/1.1\r\nHost: {host}:{place.port}\r\nAccept: */*\r\nAccept-Encoding: identity\r\n"
        f"{shown}Content-Type: application/json\r\nContent-Length: "
    ).encode("latin-1")
