"""The gateway's connections: how many there may be, and how long one may take to say what it wants."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from aiohttp import web
from aiohttp.web_protocol import RequestHandler

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Awaitable, Callable

_KEPT_OPEN_SECONDS: Final = 75.0
_LINGERS_SECONDS: Final = 1.0
_MOST_HEADERS: Final = 64


class Connections(web.Server):
    """A server whose connections are bounded, in number and in patience.

    Args:
        handler: Answers a request; cancelled when its client goes away.
        most: How many may be open at a time; a further one is closed at once.
        head_seconds: How long the first head may take; a later one as long as a connection is kept open.
    """

    def __init__(
        self, handler: Callable[[web.BaseRequest], Awaitable[web.StreamResponse]], *, most: int, head_seconds: float
    ) -> None:
        super().__init__(
            handler,
            handler_cancellation=True,
            access_log=None,
            keepalive_timeout=_KEPT_OPEN_SECONDS,
            lingering_time=_LINGERS_SECONDS,
            max_headers=_MOST_HEADERS,
        )
        self.most = most
        self.head_seconds = head_seconds

    def __call__(self) -> RequestHandler:
        """The protocol of one connection."""
        return _Connection(self, loop=self._loop, **self._kwargs)


class _Connection(RequestHandler):
    """One connection."""

    __slots__ = ("_bounds",)

    def __init__(self, manager: Connections, **settings: Any) -> None:
        super().__init__(manager, **settings)
        self._bounds = manager

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin, unless there are too many."""
        super().connection_made(transport)
        if len(self._bounds.connections) > self._bounds.most:
            self.force_close()
            return
        self._loop.call_later(self._bounds.head_seconds, self._close_if_silent)

    def _close_if_silent(self) -> None:
        if self._request_count == 0:
            self.force_close()
