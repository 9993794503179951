"""A chat completion that comes in pieces (server-sent events, as OpenAI's API has them), put together again."""

from __future__ import annotations

import http.client
import json
from contextlib import closing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from selftune.errors import RequestRefusedError, ServingError
from selftune.records import ToolCall

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_OK: Final = 200
_REFUSALS: Final = frozenset({400, 413, 422})
_MOST_BYTES: Final = 8 << 20
_CHUNK: Final = 65_536
_DONE: Final = "[DONE]"
_DATA: Final = b"data:"
_MOST_CALLS: Final = 64


@dataclass(frozen=True, kw_only=True)
class Streamed:
    """A whole answer; token counts are 0 where the server did not count."""

    text: str
    finish_reason: str
    prompt_tokens: int
    completion_tokens: int
    model: str | None
    reasoning: str | None
    tool_calls: tuple[ToolCall, ...]


@dataclass(kw_only=True)
class Pieces:
    """Puts an answer together out of the bytes of its stream, in whatever portions they come.

    Attributes:
        heard: Is given the text of the answer piece by piece.
        done: Whether the stream said that it is over.
    """

    heard: Callable[[str], None]
    done: bool = False
    _rest: bytes = b""
    _read: int = 0
    _text: list[str] = field(default_factory=list)
    _reasoning: list[str] = field(default_factory=list)
    _calls: dict[int, list[str]] = field(default_factory=dict)
    _finish_reason: str = ""
    _usage: tuple[int, int] = (0, 0)
    _model: str | None = None

    def feed(self, portion: bytes) -> None:
        """Take in the next bytes.

        Raises:
            ServingError: they are no such stream, the server tells of an error in it, or it does not end.
        """
        self._read += len(portion)
        if self._read > _MOST_BYTES:
            raise ServingError(
                f"an answer of more than {_MOST_BYTES >> 20} MiB came.", next_step="Look at what serves there."
            )
        *lines, self._rest = (self._rest + portion).split(b"\n")
        for line in lines:
            if line.startswith(_DATA):
                self._event(line.removeprefix(_DATA).strip().decode("utf-8", "replace"))

    def whole(self) -> Streamed:
        """The answer.

        Raises:
            ServingError: the stream broke off before its end.
        """
        if not self._finish_reason:
            raise ServingError("the answer broke off before its end.", next_step="Ask again.")
        named = (self._calls[place] for place in sorted(self._calls))
        return Streamed(
            text="".join(self._text),
            finish_reason=self._finish_reason,
            prompt_tokens=self._usage[0],
            completion_tokens=self._usage[1],
            model=self._model,
            reasoning="".join(self._reasoning) or None,
            tool_calls=tuple(ToolCall(name=name, arguments=arguments or "{}") for name, arguments in named),
        )

    def _event(self, data: str) -> None:
        if data == _DONE:
            self.done = True
            return
        try:
            event = json.loads(data)
        except (ValueError, RecursionError) as error:
            raise ServingError("a piece of the answer is no JSON.", next_step="Look at what serves there.") from error
        if not isinstance(event, dict):
            return
        if "error" in event:
            raise ServingError(f"the answer broke off: {_told(event)}.", next_step="Ask again.")
        if isinstance(event.get("model"), str):
            self._model = event["model"]
        self._count(event.get("usage"))
        choices = event.get("choices")
        if isinstance(choices, list) and choices and isinstance(choices[0], dict):
            self._choice(choices[0])

    def _choice(self, choice: Mapping[str, Any]) -> None:
        delta = choice.get("delta")
        if isinstance(delta, dict):
            self._say(delta.get("content"))
            thought = delta.get("reasoning_content")
            if isinstance(thought, str):
                self._reasoning.append(thought)
            for call in delta.get("tool_calls") or ():
                self._call(call)
        if isinstance(choice.get("finish_reason"), str):
            self._finish_reason = choice["finish_reason"]

    def _say(self, content: object) -> None:
        if isinstance(content, str) and content:
            self._text.append(content)
            self.heard(content)

    def _call(self, call: object) -> None:
        """A piece of a tool call: its name comes once, its arguments letter by letter."""
        told = call.get("function") if isinstance(call, dict) else None
        place = call.get("index", 0) if isinstance(call, dict) else 0
        if not isinstance(told, dict) or not isinstance(place, int) or not 0 <= place < _MOST_CALLS:
            return
        known = self._calls.setdefault(place, ["", ""])
        for at, key in enumerate(("name", "arguments")):
            if isinstance(told.get(key), str):
                known[at] += told[key]

    def _count(self, usage: object) -> None:
        if isinstance(usage, dict):
            counts = (usage.get("prompt_tokens"), usage.get("completion_tokens"))
            self._usage = (_number(counts[0]), _number(counts[1]))


def stream_chat(
    port: int, body: Mapping[str, Any], heard: Callable[[str], None], *, timeout_seconds: float
) -> Streamed:
    """One answer of a server on 127.0.0.1, never through a proxy; `heard` is given its text as it comes.

    Raises:
        ServingError: it can't be reached, does not answer in time, or breaks off.
        RequestRefusedError: it works, and will not answer this one request.
    """
    wanted = json.dumps({**body, "stream": True, "stream_options": {"include_usage": True}}).encode()
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout_seconds)
    try:
        with closing(connection):
            connection.request("POST", "/v1/chat/completions", wanted, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            if answer.status != _OK:
                raise refusal_of(answer.status, answer.read(_CHUNK))
            pieces = Pieces(heard=heard)
            while not pieces.done and (portion := answer.read1(_CHUNK)):
                pieces.feed(portion)
            return pieces.whole()
    except (OSError, http.client.HTTPException) as error:
        raise ServingError(
            f"the server on port {port} broke off: {error!r}.", next_step="Ask again, or look at its log."
        ) from error


def refusal_of(status: int, body: bytes) -> ServingError:
    """The error to raise for an answer that is none."""
    try:
        told = _told(json.loads(body))
    except (ValueError, RecursionError):
        told = body[:300].decode("utf-8", "replace")
    kind = RequestRefusedError if status in _REFUSALS else ServingError
    return kind(f"the server refused ({status}): {told}.", next_step="Ask for less, or look at its log.")


def _told(event: object) -> str:
    told = event.get("error") if isinstance(event, dict) else None
    message = told.get("message") if isinstance(told, dict) else told
    return str(message)[:300].rstrip(".")


def _number(value: object) -> int:
    return value if isinstance(value, int) and value > 0 else 0
