"""A streamed answer put together again: the body that the same request would have got without a stream."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from selftune.interactions.reading.lines import UnreadableError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

_DATA: Final = b"data:"
_DONE: Final = b"[DONE]"


def chat_of_events(data: bytes) -> dict[str, Any]:
    """A chat completion out of its chunks: texts, reasoning and tool calls of each choice, as far as they came.

    Raises:
        UnreadableError: a whole event is no object.
    """
    whole: dict[str, Any] = {}
    choices: dict[int, dict[str, Any]] = {}
    for chunk in events_in(data):
        whole |= {key: chunk[key] for key in ("id", "model", "created") if chunk.get(key) is not None}
        for part in _mappings(chunk.get("choices")):
            choice = choices.setdefault(_index(part), {"message": {"role": "assistant", "content": ""}})
            choice["finish_reason"] = part.get("finish_reason") or choice.get("finish_reason")
            _grow(choice["message"], part.get("delta"))
    for choice in choices.values():
        calls = choice["message"].pop("_calls", None)
        if calls:
            choice["message"]["tool_calls"] = [calls[at] for at in sorted(calls)]
    return {**whole, "choices": [{**choices[at], "index": at} for at in sorted(choices)]}


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

    The format: https://html.spec.whatwg.org/multipage/server-sent-events.html. Events of several data lines are joined.

    Raises:
        UnreadableError: an event is no object.
    """
    *whole, _ = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n\n")
    for block in whole:
        lines = (line[len(_DATA) :].removeprefix(b" ") for line in block.split(b"\n") if line.startswith(_DATA))
        text = b"\n".join(lines)
        if text and text.strip() != _DONE:
            yield _object(text)


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


def _grow(message: dict[str, Any], delta: Any) -> None:
    """Add what a chunk says to what was said before it."""
    if not isinstance(delta, dict):
        return
    _add(message, delta, "content", "reasoning_content", "reasoning", "refusal")
    calls = message.setdefault("_calls", {})
    for part in _mappings(delta.get("tool_calls")):
        call = calls.setdefault(_index(part), {"id": part.get("id"), "function": {"name": "", "arguments": ""}})
        function = part.get("function")
        if isinstance(function, dict):
            _add(call["function"], function, "name", "arguments")


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
