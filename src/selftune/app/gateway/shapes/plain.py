"""OpenAI's own routes: the answer's bytes go to the client as they are."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from selftune.app.gateway.refusals import Refusal, openai_error
from selftune.app.gateway.shapes.base import EVENTS, Asked, alias_of, id_in, new_id, passing, split, value_of
from selftune.app.gateway.shapes.events import says_failure
from selftune.release.door import CHAT, COMPLETIONS, EMBEDDINGS

if TYPE_CHECKING:
    from selftune.app.gateway.shapes.base import Teller

_NEEDED: Final = {CHAT: "messages", COMPLETIONS: "prompt", EMBEDDINGS: "input"}
_DONES: Final = (b"data: [DONE]", b"data:[DONE]")
# Who fails says so last, and to search all of a long answer takes longer than to pass it on.
_LAST_BYTES: Final = 1 << 12
# With a literal at its beginning it is searched for many times faster.
_MARK: Final = re.compile(rb"\ndata: ?\[DONE\]")
_MARK_FIRST: Final = re.compile(rb"data: ?\[DONE\]")


class Plain:
    """A route of OpenAI's that goes on as it is."""

    def __init__(self, path: str) -> None:
        self._path = path

    def read(self, body: bytes) -> Asked:
        """The request, with the fields that are known; `Refusal` where it is none."""
        fields = split(body)
        if _NEEDED[self._path] not in fields:
            raise Refusal(400, f"The body has no {_NEEDED[self._path]}. Send what OpenAI's {self._path} takes.")
        if self._path == CHAT and not bytes(fields["messages"]).startswith(b"["):
            raise Refusal(400, "The field 'messages' must be a list of messages.")
        told, dropped = passing(fields, self._path)
        return Asked(
            alias=alias_of(fields),
            streamed=bool(value_of(fields, "stream", bool)),
            user=value_of(fields, "user", str),
            path=self._path,
            fields=told,
            dropped=dropped,
        )

    def teller(self, _asked: Asked) -> Teller:
        """One that changes nothing."""
        return PlainTeller()

    def error(self, refusal: Refusal) -> bytes:
        """In OpenAI's shape."""
        return openai_error(refusal)


class PlainTeller:
    """Passes bytes on, and holds a stream's mark of its end back."""

    content_type = EVENTS

    def __init__(self) -> None:
        self.completion_id = ""
        self.complete = False
        self._held = b""
        self._last = b""
        self._ended = False
        self._at_line_start = True

    def whole(self, body: bytes) -> bytes:
        """The body itself."""
        self.completion_id = id_in(body) or new_id("cmpl")
        return body

    def begin(self) -> bytes:
        """Nothing."""
        return b""

    def feed(self, chunk: bytes) -> bytes:
        """The bytes, up to the mark of the end."""
        if not self.completion_id:
            self.completion_id = id_in(chunk) or new_id("cmpl")
        data = self._held + chunk if self._held else chunk
        if self._ended:
            self._held = data
            return b""
        mark = self._mark_in(data)
        if mark is not None:
            self._held, self._ended = data[mark:], True
            self.complete = not says_failure((self._last + data[:mark])[-_LAST_BYTES:])
            return data[:mark]
        last = data.rfind(b"\n") + 1
        # A mark that was cut in two is held until its other half comes.
        cut = data[last:] if last or self._at_line_start else b""
        self._held = cut if cut and any(done.startswith(cut) for done in _DONES) else b""
        sent = data[: len(data) - len(self._held)]
        if sent:
            self._last = (self._last + sent)[-_LAST_BYTES:]
            self._at_line_start = sent.endswith(b"\n")
        return sent

    def _mark_in(self, data: bytes) -> int | None:
        """Where a line begins that is the mark of the end; None where there is none."""
        if b"[DONE]" not in data:
            return None
        if self._at_line_start and _MARK_FIRST.match(data):
            return 0
        found = _MARK.search(data)
        return None if found is None else found.start() + 1

    def end(self) -> bytes:
        """The mark, and what came behind it."""
        return self._held
