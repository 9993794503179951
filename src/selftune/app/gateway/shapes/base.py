"""What a way of speaking must do: read a request, and bring an answer into the client's words."""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, Protocol

import msgspec

from selftune.app.gateway.exchange import CHAMPION
from selftune.app.gateway.refusals import Refusal
from selftune.release.door import PASSED

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

JSON: Final = "application/json"
EVENTS: Final = "text/event-stream"
LINES: Final = "application/x-ndjson"
# Shorter ones, such as Ollama's chatcmpl-123, come again: the second would be taken for the first.
_ID: Final = re.compile(r"[A-Za-z0-9_.:-]{16,128}")
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,39}")
_FIELDS: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])
# Fields that mean something to us or to nobody: that they go no further is no loss to tell of.
_OURS: Final = frozenset({"model", "user", "metadata", "store", "n", "stream_options", "safety_identifier"})


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A request as it goes on.

    Attributes:
        alias: The model's name as the client wrote it.
        path: Where an OpenAI-compatible endpoint takes it, below its base URL.
        fields: What it is told, name by name, each value as JSON; the model's name comes with the route.
        dropped: Names of fields that went no further.
    """

    alias: str
    streamed: bool
    user: str | None
    path: str
    fields: Mapping[str, bytes] = field(repr=False)
    dropped: tuple[str, ...] = ()

    def body(self, model: str | None) -> bytes:
        """What the upstream is sent; the values are the client's bytes."""
        told = [b'"%b":%b' % (name.encode(), value) for name, value in self.fields.items()]
        if model is not None:
            told.insert(0, b'"model":' + msgspec.json.encode(model))
        return b"{%b}" % b",".join(told)


class Teller(Protocol):
    """Brings one answer to the client."""

    content_type: str
    """Of a stream."""
    completion_id: str
    complete: bool
    """Whether the stream came to its proper end, and said of no failure before it."""

    def whole(self, body: bytes) -> bytes:
        """An answer that is no stream."""
        ...

    def begin(self) -> bytes:
        """What stands before a stream's first words."""
        ...

    def feed(self, chunk: bytes) -> bytes:
        """What the client is sent for these bytes of a stream; its end is held back."""
        ...

    def end(self) -> bytes:
        """The end that was held back."""
        ...


class Shape(Protocol):
    """One way of speaking."""

    def read(self, body: bytes) -> Asked:
        """The request as it goes on.

        Raises:
            Refusal: it is not one.
        """
        ...

    def teller(self, asked: Asked) -> Teller:
        """Who brings the answer."""
        ...

    def error(self, refusal: Refusal) -> bytes:
        """A refusal's body."""
        ...


def split(body: bytes) -> dict[str, msgspec.Raw]:
    """The fields of a JSON object, their values as they came.

    Raises:
        Refusal: it is no JSON object.
    """
    try:
        if not body.isascii():
            body.decode()
        return _FIELDS.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise Refusal(400, "The body is not a JSON object. Send one, as UTF-8.") from None


def value_of(fields: Mapping[str, msgspec.Raw], name: str, kind: Any) -> Any:
    """A field's value of this kind; None where it is absent or null.

    Raises:
        Refusal: it is of another kind.
    """
    raw = fields.get(name)
    if raw is None:
        return None
    try:
        return _decoder_of(kind)(raw)
    except (msgspec.MsgspecError, RecursionError):
        raise Refusal(400, f"The field {name!r} is not what it should be. Look at the API's own page for it.") from None


@lru_cache(maxsize=64)
def _decoder_of(kind: Any) -> Callable[[msgspec.Raw], Any]:
    """What reads a value of this kind, or null; making one takes longer than reading."""
    return msgspec.json.Decoder(kind | None, strict=True).decode


def passing(fields: Mapping[str, msgspec.Raw], path: str) -> tuple[dict[str, bytes], tuple[str, ...]]:
    """What of the fields goes on to an endpoint's path, and the names of what does not."""
    known = PASSED[path]
    told = {name: bytes(value) for name, value in fields.items() if name in known}
    if len(told) == len(fields):
        return told, ()
    return told, named(name for name in fields if name not in known and name not in _OURS)


def named(names: Iterable[str]) -> tuple[str, ...]:
    """Those of these names that a header can tell."""
    return tuple(name for name in names if _NAME.fullmatch(name))


def alias_of(fields: Mapping[str, msgspec.Raw]) -> str:
    """The model's name; the champion's where the client names none."""
    return value_of(fields, "model", str) or CHAMPION


def new_id(kind: str) -> str:
    """An id of the gateway's own."""
    return f"{kind}-{secrets.token_hex(12)}"


class _Named(msgspec.Struct):
    id: str = ""


_NAMED: Final = msgspec.json.Decoder(_Named)


def id_in(data: bytes) -> str | None:
    """The id that a completion or the first event of a stream bears, where it is one to ask for later."""
    start = data.find(b"{")
    line = data[start : data.find(b"\n", start)] if data.startswith((b"data:", b":", b"event:")) else data
    try:
        found = _NAMED.decode(line).id
    except (msgspec.MsgspecError, RecursionError):
        return None
    return found if _ID.fullmatch(found) else None
