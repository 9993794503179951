"""Asking an OpenAI-compatible endpoint, and passing on what it says as it comes."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from aiohttp import ClientError, ClientSession, ClientTimeout, DummyCookieJar, TCPConnector

from selftune.release.door import BUILD

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator

    from aiohttp import ClientResponse

    from selftune.app.gateway.exchange import Route

_CONNECT_SECONDS: Final = 5.0


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
    said: ClientResponse

    async def chunks(self) -> AsyncGenerator[bytes, None]:
        """Its body as it comes.

        Raises:
            BrokenOff: it ended in its middle.
        """
        try:
            async for chunk in self.said.content.iter_any():
                yield chunk
        except (ClientError, TimeoutError, OSError) as error:
            raise BrokenOff(str(error)) from error

    async def whole(self, most_bytes: int) -> bytes:
        """Its body at once.

        Raises:
            BrokenOff: it ended in its middle, or is longer than so many bytes.
        """
        data = bytearray()
        async for chunk in self.chunks():
            data += chunk
            if len(data) > most_bytes:
                raise BrokenOff(f"it is longer than {most_bytes} bytes")
        return bytes(data)


class Asker:
    """Asks upstreams over connections that are kept open."""

    def __init__(self, session: ClientSession) -> None:
        self._session = session

    @asynccontextmanager
    async def ask(self, route: Route, path: str, body: bytes) -> AsyncIterator[Answer]:
        """The answer from its head on; leaving the block before its end closes the connection.

        Raises:
            Unreachable: there is none.
        """
        headers = {"Content-Type": "application/json"}
        if route.authorization is not None:
            headers["Authorization"] = route.authorization
        try:
            said = await self._session.post(f"{route.address}{path}", data=body, headers=headers, allow_redirects=False)
        except (ClientError, TimeoutError, OSError) as error:
            raise Unreachable(str(error)) from error
        try:
            yield Answer(
                status=said.status,
                events=said.content_type == "text/event-stream",
                build_digest=said.headers.get(BUILD, route.build_digest),
                said=said,
            )
        finally:
            if said.content.at_eof():
                said.release()
            else:
                said.close()


@asynccontextmanager
async def open_asker(*, silent_seconds: float, connections: int) -> AsyncIterator[Asker]:
    """One pool of connections to all upstreams; nothing of the environment reaches it, no proxy and no netrc."""
    timeout = ClientTimeout(total=None, sock_connect=_CONNECT_SECONDS, sock_read=silent_seconds)
    connector = TCPConnector(limit=connections, keepalive_timeout=15.0)
    async with ClientSession(
        connector=connector,
        trust_env=False,
        timeout=timeout,
        cookie_jar=DummyCookieJar(),
        auto_decompress=False,
        skip_auto_headers=("User-Agent", "Accept-Encoding"),
    ) as session:
        yield Asker(session)
