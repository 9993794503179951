"""Ollama's `/api/chat` and `/api/generate`, brought onto OpenAI's chat and back; streams are lines of JSON."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import msgspec

from selftune.app.gateway.refusals import Refusal, ollama_error
from selftune.app.gateway.shapes.base import LINES, Asked, alias_of, id_in, named, new_id, split, value_of
from selftune.app.gateway.shapes.events import CallPlaces, EventReader, completion_in, first_choice, thought_in
from selftune.release.door import CHAT, COMPLETIONS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from selftune.app.gateway.shapes.base import Teller

_LATEST: Final = ":latest"
_OPTIONS: Final = {
    "temperature": "temperature",
    "top_p": "top_p",
    "top_k": "top_k",
    "seed": "seed",
    "stop": "stop",
    "num_predict": "max_tokens",
    "presence_penalty": "presence_penalty",
    "frequency_penalty": "frequency_penalty",
}
_KNOWN: Final = frozenset({
    "model", "messages", "prompt", "system", "stream", "options", "format", "tools", "images", "raw",
})  # fmt: skip
_USAGE: Final = {"include_usage": True}
_ENDLESS: Final = frozenset({-1, -2})


class Ollama:
    """One of Ollama's two routes by which a model is asked."""

    def __init__(self, *, chat: bool) -> None:
        self._chat = chat

    def read(self, body: bytes) -> Asked:
        """The request, as a chat, or as a text to go on with where it is `raw`; `Refusal` where it is none."""
        fields = split(body)
        raw = bool(not self._chat and value_of(fields, "raw", bool))
        options = value_of(fields, "options", dict[str, Any]) or {}
        told = _options(options)
        if raw:
            told["prompt"] = value_of(fields, "prompt", str) or ""
        else:
            told["messages"] = _messages(fields) if self._chat else _turns(fields)
            if tools := value_of(fields, "tools", list[dict[str, Any]]):
                told["tools"] = tools
        told |= _format(value_of(fields, "format", str | dict[str, Any]))
        wanted = value_of(fields, "stream", bool)
        streamed = wanted is None or bool(wanted)
        if streamed:
            told |= {"stream": True, "stream_options": _USAGE}
        return Asked(
            alias=alias_of(fields).removesuffix(_LATEST),
            streamed=streamed,
            user=None,
            path=COMPLETIONS if raw else CHAT,
            fields={name: msgspec.json.encode(value) for name, value in told.items()},
            dropped=(
                *named(name for name in fields if name not in _KNOWN),
                *(f"options.{name}" for name in named(name for name in options if name not in _OPTIONS)),
            ),
        )

    def teller(self, asked: Asked) -> Teller:
        """One that speaks as Ollama does."""
        return OllamaTeller(asked.alias, chat=self._chat)

    def error(self, refusal: Refusal) -> bytes:
        """In Ollama's shape."""
        return ollama_error(refusal)


class OllamaTeller:
    """Tells an OpenAI answer as Ollama would."""

    content_type = LINES

    def __init__(self, model: str, *, chat: bool) -> None:
        self.completion_id = ""
        self.complete = False
        self._model = model
        self._chat = chat
        self._began = time.perf_counter_ns()
        self._first = 0
        self._events = EventReader()
        self._calls: dict[int, dict[str, str]] = {}
        self._places = CallPlaces()
        self._reason = "stop"
        self._usage: dict[str, int] = {}

    def whole(self, body: bytes) -> bytes:
        """An OpenAI completion as one line."""
        self.completion_id = id_in(body) or new_id("cmpl")
        self._first = time.perf_counter_ns()
        completion = completion_in(body)
        choice = first_choice(completion)
        message = choice.get("message") or {"content": choice.get("text")}
        self._note(completion, choice)
        for index, call in enumerate(message.get("tool_calls") or ()):
            self._calls[index] = dict(call["function"])
        text, thought = str(message.get("content") or ""), thought_in(message)
        return self._line(text, thought=thought, calls=self._told_calls(), end=True)

    def begin(self) -> bytes:
        """Nothing."""
        return b""

    def feed(self, chunk: bytes) -> bytes:
        """A line for each event that says something."""
        if not self.completion_id:
            self.completion_id = id_in(chunk) or new_id("cmpl")
            self._first = time.perf_counter_ns()
        lines = []
        for event in self._events.feed(chunk):
            choice = first_choice(event)
            self._note(event, choice)
            delta = choice.get("delta") or {"content": choice.get("text")}
            for call in delta.get("tool_calls") or ():
                self._add_call(call)
            text, thought = str(delta.get("content") or ""), thought_in(delta)
            if text or thought:
                lines.append(self._line(text, thought=thought))
        self.complete = self._events.done and not self._events.failed
        return b"".join(lines)

    def end(self) -> bytes:
        """The calls, which Ollama tells whole, and the line that ends it."""
        calls = self._told_calls()
        before = self._line("", calls=calls) if calls else b""
        return before + self._line("", end=True)

    def _note(self, event: Mapping[str, Any], choice: Mapping[str, Any]) -> None:
        if usage := event.get("usage"):
            self._usage = usage
        if reason := choice.get("finish_reason"):
            self._reason = "length" if reason == "length" else "stop"

    def _add_call(self, call: Mapping[str, Any]) -> None:
        kept = self._calls.setdefault(self._places.of(call), {"name": "", "arguments": ""})
        told = call.get("function") or {}
        kept["name"] += told.get("name") or ""
        kept["arguments"] += told.get("arguments") or ""

    def _told_calls(self) -> list[dict[str, Any]]:
        return [
            {"function": {"name": call["name"], "arguments": _arguments(call["arguments"])}}
            for _, call in sorted(self._calls.items())
        ]

    def _line(
        self, text: str, *, thought: str = "", calls: list[dict[str, Any]] | None = None, end: bool = False
    ) -> bytes:
        now = datetime.now(UTC).isoformat().replace("+00:00", "Z")
        told: dict[str, Any] = {"model": self._model, "created_at": now}
        thinking = {"thinking": thought} if thought else {}
        if self._chat:
            message: dict[str, Any] = {"role": "assistant", "content": text} | thinking
            told["message"] = message | ({"tool_calls": calls} if calls else {})
        else:
            told |= {"response": text} | thinking
        told["done"] = end
        # As ASCII: half of a character, which a piece of an answer may hold, stands in no other JSON.
        return json.dumps(told | (self._counts() if end else {})).encode() + b"\n"

    def _counts(self) -> dict[str, Any]:
        now = time.perf_counter_ns()
        first = self._first or now
        return {
            "done_reason": self._reason,
            "total_duration": now - self._began,
            "load_duration": 0,
            "prompt_eval_count": self._usage.get("prompt_tokens") or 0,
            "prompt_eval_duration": first - self._began,
            "eval_count": self._usage.get("completion_tokens") or 0,
            "eval_duration": now - first,
        }


def _options(options: Mapping[str, Any]) -> dict[str, Any]:
    told = {ours: options[theirs] for theirs, ours in _OPTIONS.items() if options.get(theirs) is not None}
    if told.get("max_tokens") in _ENDLESS:
        del told["max_tokens"]
    return told


def _format(wanted: str | dict[str, Any] | None) -> dict[str, Any]:
    if not wanted:
        return {}
    if isinstance(wanted, dict):
        return {"response_format": {"type": "json_schema", "json_schema": {"name": "answer", "schema": wanted}}}
    if wanted != "json":
        raise Refusal(400, "The field 'format' must be 'json' or a JSON schema.")
    return {"response_format": {"type": "json_object"}}


def _messages(fields: Mapping[str, msgspec.Raw]) -> list[dict[str, Any]]:
    """The chat's messages as OpenAI has them: a call of a tool has an id there, and its answer names it."""
    told: list[dict[str, Any]] = []
    waiting: list[str] = []
    for message in value_of(fields, "messages", list[dict[str, Any]]) or ():
        turn: dict[str, Any] = {"role": message.get("role"), "content": _content(message)}
        if calls := message.get("tool_calls"):
            turn["tool_calls"] = [_call(call, f"call_{len(told)}_{place}") for place, call in enumerate(calls)]
            waiting = [call["id"] for call in turn["tool_calls"]]
        if message.get("role") == "tool":
            turn["tool_call_id"] = waiting.pop(0) if waiting else "call_unknown"
        told.append(turn)
    if not told:
        raise Refusal(400, "There are no messages. Send at least one.")
    return told


def _turns(fields: Mapping[str, msgspec.Raw]) -> list[dict[str, Any]]:
    """A prompt as the chat that Ollama makes of it."""
    prompt = value_of(fields, "prompt", str)
    if not prompt:
        raise Refusal(400, "There is no prompt. Send one.")
    system = value_of(fields, "system", str)
    message = {"content": prompt, "images": value_of(fields, "images", list[str])}
    user = {"role": "user", "content": _content(message)}
    return [{"role": "system", "content": system}, user] if system else [user]


def _content(message: Mapping[str, Any]) -> Any:
    text, images = message.get("content") or "", message.get("images")
    if not images:
        return text
    shown = [{"type": "image_url", "image_url": {"url": f"data:image/png;base64,{image}"}} for image in images]
    return [{"type": "text", "text": text}, *shown]


def _call(call: Any, name: str) -> dict[str, Any]:
    told = call.get("function") if isinstance(call, dict) else None
    if not isinstance(told, dict):
        raise Refusal(400, "A call of a tool has no function.")
    arguments = json.dumps(told.get("arguments") or {}, ensure_ascii=False)
    return {"id": name, "type": "function", "function": {"name": told.get("name"), "arguments": arguments}}


def _arguments(text: str) -> Any:
    """The arguments as Ollama tells them: an object; what is none stays a text."""
    try:
        return json.loads(text or "{}")
    except (ValueError, RecursionError):
        return text
