"""A streamed answer put together again: the body that the same request would have got without a stream."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import msgspec

from selftune.app.gateway.shapes.events import CallPlaces
from selftune.interactions.reading.lines import UnreadableError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

_DATA: Final = b"data:"
_DONE: Final = b"[DONE]"
_SAID: Final = ("content", "reasoning_content", "reasoning", "refusal")


class _Delta(msgspec.Struct):
    """What a chunk adds to a message."""

    content: Any = None
    reasoning_content: Any = None
    reasoning: Any = None
    refusal: Any = None
    tool_calls: Any = None


class _Part(msgspec.Struct):
    """A chunk's part of one choice."""

    index: Any = 0
    delta: _Delta | None = None
    finish_reason: Any = None


class _Chunk(msgspec.Struct):
    """A chunk of a streamed chat, as far as it is read: sixty of them make an answer, so they are read fast."""

    id: Any = None
    model: Any = None
    choices: list[_Part] | None = None


_CHUNKS: Final = msgspec.json.Decoder(list[_Chunk])


@dataclass
class _Choice:
    """A choice as it grows."""

    texts: dict[str, list[str]] = field(default_factory=dict)
    calls: dict[int, dict[str, Any]] = field(default_factory=dict)
    places: CallPlaces = field(default_factory=CallPlaces)
    reason: Any = None

    def grow(self, delta: _Delta) -> None:
        for key, text in zip(
            _SAID, (delta.content, delta.reasoning_content, delta.reasoning, delta.refusal), strict=True
        ):
            if text and isinstance(text, str):
                self.texts.setdefault(key, []).append(text)
        if not delta.tool_calls:
            return
        for part in _mappings(delta.tool_calls):
            call = self.calls.setdefault(
                self.places.of(part), {"id": part.get("id"), "function": {"name": "", "arguments": ""}}
            )
            function = part.get("function")
            if isinstance(function, dict):
                _add(call["function"], function, "name", "arguments")

    def message(self) -> dict[str, Any]:
        said = {"role": "assistant", "content": ""} | {key: "".join(parts) for key, parts in self.texts.items()}
        return {**said, "tool_calls": [self.calls[at] for at in sorted(self.calls)]} if self.calls else said


def chat_of_events(data: bytes) -> dict[str, Any]:
    """A chat completion out of its chunks: texts, reasoning and tool calls of each choice, as far as they came.

    Raises:
        UnreadableError: a whole event is no chunk.
    """
    model: Any = None
    choices: dict[int, _Choice] = {}
    for chunk in _chunks_in(data):
        model = chunk.model or model
        for part in chunk.choices or ():
            choice = choices.setdefault(part.index if isinstance(part.index, int) else 0, _Choice())
            choice.reason = part.finish_reason or choice.reason
            if part.delta is not None:
                choice.grow(part.delta)
    told = [
        {"index": at, "message": choices[at].message(), "finish_reason": choices[at].reason} for at in sorted(choices)
    ]
    return {"model": model, "choices": told}


def _chunks_in(data: bytes) -> Iterable[_Chunk]:
    """The chunks of a body, read all at once where each is as it should be."""
    texts = list(_texts_in(data))
    try:
        chunks = _CHUNKS.decode(b"[" + b",".join(texts) + b"]")
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return [_chunk_of(_object(text)) for text in texts]
    # Two halves that are no chunk each may be one together.
    return chunks if len(chunks) == len(texts) else [_chunk_of(_object(text)) for text in texts]


def _chunk_of(value: Mapping[str, Any]) -> _Chunk:
    """A chunk that holds what the fast reader refuses, such as half of a character."""
    try:
        return msgspec.convert(value, _Chunk)
    except msgspec.ValidationError as error:
        raise UnreadableError(f"a piece of the answer is no chunk: {error}") from error


def text_of_events(data: bytes) -> dict[str, Any]:
    """A text completion out of its chunks; errors as `chat_of_events`."""
    texts: dict[int, str] = {}
    reasons: dict[int, Any] = {}
    for chunk in events_in(data):
        for part in _mappings(chunk.get("choices")):
            at = _index(part)
            texts[at] = texts.get(at, "") + _text(part.get("text"))
            reasons[at] = part.get("finish_reason") or reasons.get(at)
    return {"choices": [{"index": at, "text": texts[at], "finish_reason": reasons[at]} for at in sorted(texts)]}


def response_of_events(data: bytes) -> dict[str, Any]:
    """A response of OpenAI's Responses API: its last event holds it whole; without one, what its pieces come to.

    Raises:
        UnreadableError: a whole event is no object.
    """
    said: list[str] = []
    thought: list[str] = []
    for event in events_in(data):
        kind, whole = event.get("type"), event.get("response")
        if kind in {"response.completed", "response.incomplete", "response.failed"} and isinstance(whole, dict):
            return whole
        if kind == "response.output_text.delta":
            said.append(_text(event.get("delta")))
        if kind in {"response.reasoning_text.delta", "response.reasoning_summary_text.delta"}:
            thought.append(_text(event.get("delta")))
    if not said and not thought:
        return {"status": "incomplete", "output": []}
    content = [{"type": "output_text", "text": "".join(said)}]
    reasoning = {"type": "reasoning", "content": [{"type": "reasoning_text", "text": "".join(thought)}]}
    message = {"type": "message", "role": "assistant", "content": content}
    return {"status": "incomplete", "output": [*([reasoning] if thought else []), message]}


def chat_of_lines(data: bytes) -> dict[str, Any]:
    """An answer of Ollama's `/api/chat` out of its lines; errors as `chat_of_events`."""
    message: dict[str, Any] = {"role": "assistant", "content": ""}
    last: Mapping[str, Any] = {}
    for last in lines_in(data):
        part = last.get("message")
        if isinstance(part, dict):
            _add(message, part, "content", "thinking")
            message.setdefault("tool_calls", []).extend(_mappings(part.get("tool_calls")))
    return {**last, "message": message}


def text_of_lines(data: bytes) -> dict[str, Any]:
    """An answer of Ollama's `/api/generate` out of its lines; errors as `chat_of_events`."""
    whole: dict[str, Any] = {"response": ""}
    last: Mapping[str, Any] = {}
    for last in lines_in(data):
        _add(whole, last, "response", "thinking")
    return {**last, **whole}


def events_in(data: bytes) -> Iterator[Mapping[str, Any]]:
    """The objects of a body of server-sent events, without the half of one at its end.

    Raises:
        UnreadableError: an event is no object.
    """
    return (_object(text) for text in _texts_in(data))


def _texts_in(data: bytes) -> Iterator[bytes]:
    """What each whole event says, without the mark of the end; several data lines of one event are joined.

    The format: https://html.spec.whatwg.org/multipage/server-sent-events.html
    """
    if b"\r" in data:
        data = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    *whole, _ = data.split(b"\n\n")
    for block in whole:
        if block.startswith(_DATA) and b"\n" not in block:
            text = block[len(_DATA) :].strip()
            if text and text != _DONE:
                yield text
            continue
        lines = [line[len(_DATA) :].strip() for line in block.split(b"\n") if line.startswith(_DATA)]
        text = b"\n".join(lines)
        if text and text != _DONE:
            yield text


def lines_in(data: bytes) -> Iterator[Mapping[str, Any]]:
    """The objects of a body of JSON lines, without the half of one at its end.

    Raises:
        UnreadableError: a whole line is no object.
    """
    *whole, rest = data.split(b"\n")
    for line in whole:
        if line.strip():
            yield _object(line)
    with suppress(UnreadableError):
        yield _object(rest)


def _add(whole: dict[str, Any], part: Mapping[str, Any], *keys: str) -> None:
    for key in keys:
        text = _text(part.get(key))
        if text:
            whole[key] = whole.get(key, "") + text


def _mappings(value: Any) -> Iterable[dict[str, Any]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _index(part: Mapping[str, Any]) -> int:
    index = part.get("index")
    return index if isinstance(index, int) else 0


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _object(text: bytes) -> Mapping[str, Any]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UnreadableError("a piece of the answer is no JSON") from error
    if not isinstance(value, dict):
        raise UnreadableError("a piece of the answer is no object")
    return value
