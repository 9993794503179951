"""OpenAI's `/v1/responses`, brought onto chat and back, for models that know only chat.

What it keeps on OpenAI's side, such as an earlier response to go on from, is not here: each request says everything.
"""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any, Final

import msgspec

from selftune.app.gateway.refusals import Refusal, openai_error
from selftune.app.gateway.shapes.base import EVENTS, Asked, alias_of, named, new_id, split, value_of
from selftune.app.gateway.shapes.events import CallPlaces, EventReader, completion_in, first_choice, thought_in
from selftune.release.door import CHAT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from selftune.app.gateway.shapes.base import Teller

_SAME: Final = ("temperature", "top_p", "tool_choice", "parallel_tool_calls")
_KNOWN: Final = frozenset({
    *_SAME, "model", "input", "instructions", "stream", "max_output_tokens", "tools", "text", "user", "metadata",
    "store",
    "safety_identifier",
})  # fmt: skip
_ELSEWHERE: Final = ("previous_response_id", "conversation", "prompt")
_PARTS: Final = {"input_text": "text", "output_text": "text", "text": "text"}


class Responses:
    """The route of OpenAI's newer clients."""

    def read(self, body: bytes) -> Asked:
        """The request as a chat; `Refusal` where it is none, or where it rests on what is kept elsewhere."""
        fields = split(body)
        for name in _ELSEWHERE:
            if value_of(fields, name, Any) is not None:
                raise Refusal(400, f"The field {name!r} names what is kept at OpenAI. Send the whole conversation.")
        told: dict[str, Any] = {name: json.loads(bytes(fields[name])) for name in _SAME if name in fields}
        if "tool_choice" in told and isinstance(told["tool_choice"], dict):
            told["tool_choice"] = {"type": "function", "function": {"name": told["tool_choice"].get("name")}}
        told["messages"] = list(_messages(fields))
        if most := value_of(fields, "max_output_tokens", int):
            told["max_tokens"] = most
        if tools := value_of(fields, "tools", list[dict[str, Any]]):
            told["tools"] = [_tool(tool) for tool in tools]
        told |= _format(value_of(fields, "text", dict[str, Any]))
        streamed = bool(value_of(fields, "stream", bool))
        if streamed:
            told |= {"stream": True, "stream_options": {"include_usage": True}}
        return Asked(
            alias=alias_of(fields),
            streamed=streamed,
            user=value_of(fields, "user", str),
            path=CHAT,
            fields={name: msgspec.json.encode(value) for name, value in told.items()},
            dropped=named(name for name in fields if name not in _KNOWN),
        )

    def teller(self, asked: Asked) -> Teller:
        """One that tells a chat's answer as a response."""
        return ResponsesTeller(asked)

    def error(self, refusal: Refusal) -> bytes:
        """In OpenAI's shape."""
        return openai_error(refusal)


class ResponsesTeller:
    """Tells a chat's answer as a response, whole or by its events."""

    content_type = EVENTS

    def __init__(self, asked: Asked) -> None:
        self.completion_id = new_id("resp").replace("-", "_")
        self.complete = False
        self._asked = asked
        self._created = int(time.time())
        self._events = EventReader()
        self._number = 0
        self._text = self._thought = ""
        # Ids of what was thought and said; places are those of their first words.
        self._message = self._reasoning = ""
        self._order: list[str] = []
        self._calls: dict[int, dict[str, Any]] = {}
        self._places = CallPlaces()
        self._reason = "stop"
        self._usage: dict[str, Any] = {}

    def whole(self, body: bytes) -> bytes:
        """A completion as a response."""
        completion = completion_in(body)
        choice = first_choice(completion)
        message = choice.get("message") or {}
        self._note(completion, choice)
        if thought := thought_in(message):
            self._thought, self._reasoning = thought, self._new_item("rs")
        if message.get("content"):
            self._text, self._message = str(message["content"]), self._new_item("msg")
        for index, call in enumerate(message.get("tool_calls") or ()):
            self._calls[index] = self._item_of(call, index)
        return json.dumps(self._response(self._status())).encode()

    def begin(self) -> bytes:
        """The two events that open a response."""
        response = self._response("in_progress")
        return self._event("response.created", response=response) + self._event(
            "response.in_progress", response=response
        )

    def feed(self, chunk: bytes) -> bytes:
        """Events for what these bytes say."""
        told: list[bytes] = []
        for event in self._events.feed(chunk):
            choice = first_choice(event)
            self._note(event, choice)
            delta = choice.get("delta") or {}
            if thought := thought_in(delta):
                told += self._think(thought)
            if text := delta.get("content"):
                told += self._say(str(text))
            for call in delta.get("tool_calls") or ():
                told += self._call(call)
        self.complete = self._events.done and not self._events.failed
        return b"".join(told)

    def end(self) -> bytes:
        """The events that close what was said, and the response."""
        told: list[bytes] = []
        if self._reasoning:
            told += self._close(self._reasoning, "response.reasoning_text.done", self._thought_item, text=self._thought)
        if self._message:
            told += self._close(self._message, "response.output_text.done", self._item, text=self._text, logprobs=[])
        for item in self._calls.values():
            place = {"item_id": item["id"], "output_index": self._place(item["id"])}
            arguments = item["arguments"]
            told.append(
                self._event("response.function_call_arguments.done", **place, arguments=arguments, name=item["name"])
            )
            item["status"] = "completed"
            told.append(self._event("response.output_item.done", output_index=place["output_index"], item=item))
        status = self._status()
        told.append(self._event(f"response.{status}", response=self._response(status)))
        return b"".join(told)

    def _say(self, text: str) -> Iterator[bytes]:
        if not self._message:
            self._message = self._new_item("msg")
            yield from self._open(self._message, self._item("in_progress"), self._part())
        self._text += text
        yield self._event("response.output_text.delta", **self._at(self._message), delta=text, logprobs=[])

    def _think(self, text: str) -> Iterator[bytes]:
        if not self._reasoning:
            self._reasoning = self._new_item("rs")
            yield from self._open(self._reasoning, self._thought_item("in_progress"), self._thought_part())
        self._thought += text
        yield self._event("response.reasoning_text.delta", **self._at(self._reasoning), delta=text)

    def _open(self, name: str, item: Mapping[str, Any], part: Mapping[str, Any]) -> Iterator[bytes]:
        """The events before an item's first words."""
        yield self._event("response.output_item.added", output_index=self._place(name), item=item)
        yield self._event("response.content_part.added", **self._at(name), part=part)

    def _close(self, name: str, done: str, item_in: Callable[[str], dict[str, Any]], **told: Any) -> Iterator[bytes]:
        """The events behind an item's last words."""
        item = item_in("completed")
        yield self._event(done, **self._at(name), **told)
        yield self._event("response.content_part.done", **self._at(name), part=item["content"][0])
        yield self._event("response.output_item.done", output_index=self._place(name), item=item)

    def _call(self, call: Mapping[str, Any]) -> Iterator[bytes]:
        index, said = self._places.of(call), call.get("function") or {}
        item = self._calls.get(index)
        if item is None:
            item = self._calls[index] = self._item_of({**call, "function": {"name": said.get("name")}}, index)
            item["status"] = "in_progress"
            yield self._event("response.output_item.added", output_index=self._place(item["id"]), item=dict(item))
        if more := said.get("arguments"):
            item["arguments"] += more
            yield self._event(
                "response.function_call_arguments.delta",
                item_id=item["id"],
                output_index=self._place(item["id"]),
                delta=more,
            )

    def _note(self, event: Mapping[str, Any], choice: Mapping[str, Any]) -> None:
        if usage := event.get("usage"):
            self._usage = usage
        self._reason = choice.get("finish_reason") or self._reason

    def _status(self) -> str:
        return "incomplete" if self._reason == "length" else "completed"

    def _new_item(self, kind: str) -> str:
        """The id of the next thing that is told."""
        self._order.append(new_id(kind).replace("-", "_"))
        return self._order[-1]

    def _place(self, name: str) -> int:
        return self._order.index(name)

    def _at(self, name: str) -> dict[str, Any]:
        return {"item_id": name, "output_index": self._place(name), "content_index": 0}

    def _item_of(self, call: Mapping[str, Any], index: int) -> dict[str, Any]:
        said = call.get("function") or {}
        return {
            "type": "function_call",
            "id": self._new_item("fc"),
            "call_id": call.get("id") or f"call_{index}",
            "name": said.get("name") or "",
            "arguments": said.get("arguments") or "",
            "status": "completed",
        }

    def _part(self) -> dict[str, Any]:
        return {"type": "output_text", "text": self._text, "annotations": [], "logprobs": []}

    def _item(self, status: str) -> dict[str, Any]:
        content = [self._part()] if status == "completed" else []
        return {"type": "message", "id": self._message, "role": "assistant", "status": status, "content": content}

    def _thought_part(self) -> dict[str, Any]:
        return {"type": "reasoning_text", "text": self._thought}

    def _thought_item(self, status: str) -> dict[str, Any]:
        content = [self._thought_part()] if status == "completed" else []
        return {"type": "reasoning", "id": self._reasoning, "status": status, "summary": [], "content": content}

    def _output(self) -> list[dict[str, Any]]:
        """All that was told, in its order."""
        items = {item["id"]: item for item in self._calls.values()}
        if self._message:
            items[self._message] = self._item("completed")
        if self._reasoning:
            items[self._reasoning] = self._thought_item("completed")
        return [items[name] for name in self._order]

    def _response(self, status: str) -> dict[str, Any]:
        ended = status != "in_progress"
        read, said = int(self._usage.get("prompt_tokens") or 0), int(self._usage.get("completion_tokens") or 0)
        usage = {
            "input_tokens": read,
            "input_tokens_details": {"cached_tokens": 0},
            "output_tokens": said,
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": read + said,
        }
        return {
            "id": self.completion_id,
            "object": "response",
            "created_at": self._created,
            "status": status,
            "error": None,
            "incomplete_details": {"reason": "max_output_tokens"} if status == "incomplete" else None,
            "instructions": None,
            "metadata": {},
            "model": self._asked.alias,
            "output": self._output() if ended else [],
            "parallel_tool_calls": True,
            "temperature": None,
            "tool_choice": "auto",
            "tools": [],
            "top_p": None,
            "usage": usage if ended else None,
        }

    def _event(self, kind: str, **told: Any) -> bytes:
        event = {"type": kind, "sequence_number": self._number} | told
        self._number += 1
        return f"event: {kind}\ndata: {json.dumps(event)}\n\n".encode()


def _messages(fields: Mapping[str, msgspec.Raw]) -> Iterator[dict[str, Any]]:
    if instructions := value_of(fields, "instructions", str):
        yield {"role": "system", "content": instructions}
    given = value_of(fields, "input", str | list[dict[str, Any]])
    if not given:
        raise Refusal(400, "The body has no input. Send what OpenAI's /responses takes.")
    if isinstance(given, str):
        yield {"role": "user", "content": given}
        return
    # Clients send back all that they were told. Of what was thought a chat takes nothing back.
    yield from _joined(_message(item) for item in given if item.get("type") != "reasoning")


def _joined(messages: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """The messages, with what an assistant calls in the message before: a chat wants all calls of a turn in one."""
    waiting: dict[str, Any] | None = None
    for message in messages:
        if waiting is not None and waiting.get("role") == "assistant" and "tool_calls" in message:
            waiting["tool_calls"] = [*waiting.get("tool_calls", ()), *message["tool_calls"]]
            continue
        if waiting is not None:
            yield waiting
        waiting = message
    if waiting is not None:
        yield waiting


def _message(item: Mapping[str, Any]) -> dict[str, Any]:
    kind = item.get("type", "message")
    if kind == "function_call":
        called = {"name": item.get("name"), "arguments": item.get("arguments")}
        call = {"id": item.get("call_id"), "type": "function", "function": called}
        return {"role": "assistant", "content": None, "tool_calls": [call]}
    if kind == "function_call_output":
        return {"role": "tool", "tool_call_id": item.get("call_id"), "content": _text(item.get("output"))}
    if kind != "message":
        raise Refusal(400, f"An input of the type {str(kind)[:40]!r} can't be brought to a model that knows only chat.")
    role = item.get("role")
    return {"role": "system" if role == "developer" else role, "content": _text(item.get("content"))}


def _text(content: Any) -> str:
    """What parts say in words; other parts are refused, not left out."""
    if isinstance(content, str):
        return content
    words = []
    for part in content or ():
        kind = part.get("type") if isinstance(part, dict) else None
        if kind not in _PARTS:
            raise Refusal(
                400, f"A part of the type {str(kind)[:40]!r} can't be brought to a model that knows only chat."
            )
        words.append(str(part.get("text", "")))
    return "".join(words)


def _tool(tool: Mapping[str, Any]) -> dict[str, Any]:
    if tool.get("type") != "function":
        raise Refusal(400, f"A tool of the type {str(tool.get('type'))[:40]!r} is not here. Offer functions.")
    told = {name: tool[name] for name in ("name", "description", "parameters", "strict") if tool.get(name) is not None}
    return {"type": "function", "function": told}


def _format(text: Mapping[str, Any] | None) -> dict[str, Any]:
    wanted = (text or {}).get("format")
    if not isinstance(wanted, dict) or wanted.get("type") in {None, "text"}:
        return {}
    if wanted["type"] == "json_object":
        return {"response_format": {"type": "json_object"}}
    told = {name: wanted[name] for name in ("name", "schema", "strict") if name in wanted}
    return {"response_format": {"type": "json_schema", "json_schema": told}}
