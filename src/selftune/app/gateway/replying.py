"""An answer to a client, written straight to its connection: the head goes with the first bytes behind it."""

from __future__ import annotations

import asyncio
import re
from functools import lru_cache
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aiohttp import web

_OLD: Final = (1, 0)
_READ_SECONDS: Final = 60.0
_BREAKS: Final = re.compile(r"[\r\n\0]")


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
        if any(map(_BREAKS.search, headers.values())):
            raise ValueError("a header holds a line break")
        self._chunked = length is None and self._request.version > _OLD
        lines = [_status_line(status), *(f"{name}: {value}" for name, value in headers.items())]
        if length is not None:
            lines.append(f"Content-Length: {length}")
        if self._chunked:
            lines.append("Transfer-Encoding: chunked")
        if not self.keep_alive:
            lines.append("Connection: close")
        self._head = "\r\n".join([*lines, "\r\n"]).encode("latin-1", "replace")

    async def write(self, data: bytes) -> None:
        """Send a piece; waits while the client reads more slowly than is written.

        Raises:
            ConnectionResetError: the client is gone.
        """
        if data:
            self._send(b"%x\r\n%b\r\n" % (len(data), data) if self._chunked else data)
            await self._let_read()

    async def finish(self, data: bytes) -> None:
        """Send the last piece and the end; `ConnectionResetError` as for `write`."""
        if self._chunked:
            last = b"%x\r\n%b\r\n" % (len(data), data) if data else b""
            self._send(last + b"0\r\n\r\n")
        else:
            self._send(data)
        await self._let_read()

    def break_off(self) -> None:
        """End without an end: whoever reads it must see that it is half an answer."""
        self._broken = True
        if self._writer.transport is not None:
            self._writer.transport.abort()

    async def _let_read(self) -> None:
        """Wait for a client that reads more slowly than is written, and not for one that reads nothing."""
        if self._request.protocol.writing_paused:
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
    return f"HTTP/1.1 {status} {reason}"
