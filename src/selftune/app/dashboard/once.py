"""A form that was sent twice from one and the same page, as by a double click: it is done once.

What a page sends names the page by a number of its own beside the form's token, so that everything that was sent tells
one form of one page from all others. One that failed may be sent again as it is.
"""

from __future__ import annotations

import asyncio
import hashlib
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from starlette.types import Message, Send

_MOST: Final = 200
_SEE_OTHER: Final = 303


@dataclass(eq=False)
class SentForm:
    """A form that was sent; `led_to` is the path of the page that said that it was done."""

    turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    led_to: str = ""

    def noting(self, send: Send) -> Send:
        """The same way out, on which it is seen where the form leads."""

        async def noted(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] == _SEE_OTHER:
                self.led_to = dict(message["headers"])[b"location"].decode("latin-1")
            await send(message)

        return noted


class Once:
    """The forms that were sent of late; of two that are the same, one waits for the other."""

    def __init__(self) -> None:
        self._sent: dict[str, SentForm] = {}

    @asynccontextmanager
    async def turn(self, session: str, path: str, body: bytes) -> AsyncIterator[SentForm]:
        """While this lasts, nobody else is at the same form."""
        name = hashlib.sha256(f"{session}\0{path}\0".encode() + body).hexdigest()
        form = self._sent.setdefault(name, SentForm())
        for old in list(self._sent)[:-_MOST]:
            del self._sent[old]
        async with form.turn:
            yield form
