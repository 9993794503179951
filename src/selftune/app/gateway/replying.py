"""An answer to a client, written straight to its connection: the head goes with the first bytes behind it."""

from __future__ import annotations

import asyncio
from functools import lru_cache
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aiohttp import web

_OLD: Final = (1, 0)
_READ_SECONDS: Final = 60.0
_CHUNKED: Final = "Transfer-Encoding: chunked\r\n"


class Reply:
    """What aiohttp's server takes for a response, and writes nothing of: we have written all of it."""

    def __init__(self, request: web.BaseRequest) -> None:
        self._request = request
        self._writer = request.writer
        self._head = b""
        self._chunked = False
        self._broken = False

    @property
    def keep_alive(self) -> bool:
        """Whether the client may ask again on this connection."""
        return self._request.keep_alive and not self._broken and self._request.version > _OLD

    async def prepare(self, _request: web.BaseRequest) -> None:
        """Nothing: the head is out."""

    async def write_eof(self) -> None:
        """Nothing: the end is out."""

    def begin(self, status: int, headers: Mapping[str, str], length: int | None) -> None:
        """Say what comes; without a length it comes in pieces until its end."""
        told = "".join([f"{name}: {value}\r\n" for name, value in headers.items()])
        # Each ends its own line; a break within one adds to them.
        if told.count("\n") + told.count("\r") != 2 * len(headers) or "\0" in told:
            raise ValueError("a header holds a line break")
        version = self._request.version
        self._chunked = length is None and version > _OLD
        how = f"Content-Length: {length}\r\n" if length is not None else _CHUNKED if self._chunked else ""
        close = "" if self.keep_alive else "Connection: close\r\n"
        self._head = f"{_status_line(status)}{told}{how}{close}\r\n".encode("latin-1", "replace")

    def send(self, data: bytes) -> bool:
        """Send a piece; whether the client reads more slowly than is written, and is to be waited for.

        Raises:
            ConnectionResetError: the client is gone.
        """
        if data:
            self._send(b"%x\r\n%b\r\n" % (len(data), data) if self._chunked else data)
        return self._request.protocol.writing_paused

    def finish(self, data: bytes) -> bool:
        """Send the last piece and the end; as for `send`."""
        if self._chunked:
            last = b"%x\r\n%b\r\n" % (len(data), data) if data else b""
            self._send(last + b"0\r\n\r\n")
        else:
            self._send(data)
        return self._request.protocol.writing_paused

    def break_off(self) -> None:
        """End without an end: whoever reads it must see that it is half an answer."""
        self._broken = True
        if self._writer.transport is not None:
            self._writer.transport.abort()

    async def let_read(self) -> None:
        """Wait for a client that reads more slowly than is written, and not for one that reads nothing.

        Raises:
            ConnectionResetError: the client is gone, or reads nothing.
        """
        try:
            async with asyncio.timeout(_READ_SECONDS):
                await self._writer.drain()
        except TimeoutError:
            self.break_off()
            raise ConnectionResetError("the client reads nothing") from None

    def _send(self, data: bytes) -> None:
        transport = self._writer.transport
        if transport is None or transport.is_closing():
            raise ConnectionResetError("the client is gone")
        if self._head:
            data, self._head = self._head + data, b""
        # What aiohttp looks at before it would answer with an error of its own.
        self._writer.output_size += len(data)
        if data:
            transport.write(data)


@lru_cache(maxsize=64)
def _status_line(status: int) -> str:
    try:
        reason = HTTPStatus(status).phrase
    except ValueError:
        reason = "Unknown"
    return f"HTTP/1.1 {status} {reason}\r\n"
