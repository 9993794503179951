"""What was asked and answered, out of the two bodies of an exchange, as messages of OpenAI's chat API."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from selftune.app.gateway.capture.streams import (
    chat_of_events,
    chat_of_lines,
    response_of_events,
    text_of_events,
    text_of_lines,
)
from selftune.interactions.reading.expect import as_list, as_mapping, as_text
from selftune.interactions.reading.lines import UnreadableError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_CUT_OFF: Final = {"length": "cut_short", "content_filter": "content_filtered"}


@dataclass(frozen=True, kw_only=True)
class Talk:
    """What an exchange says.

    Attributes:
        asked: The messages that were sent, in the shape of OpenAI's chat API.
        answer: The assistant's, in the same shape; None where none came.
        flags: What reading it called for.
        model: Who answered, by the answer's own word.
    """

    asked: tuple[Mapping[str, Any], ...]
    answer: Mapping[str, Any] | None
    flags: tuple[str, ...] = ()
    model: str | None = None


@dataclass(frozen=True, kw_only=True)
class Shape:
    """How the bodies of one route are read.

    Attributes:
        asked: The messages in a request.
        streamed: The whole answer out of a stream of it.
        answered: The message in an answer, with flags; None for none.
    """

    asked: Callable[[Mapping[str, Any]], list[Mapping[str, Any]]]
    streamed: Callable[[bytes], Mapping[str, Any]]
    answered: Callable[[Mapping[str, Any]], tuple[Mapping[str, Any] | None, tuple[str, ...]]]


def read_talk(route: str, request: bytes, response: bytes, *, streamed: bool) -> Talk:
    """What was asked and answered on a route.

    Raises:
        UnreadableError: nobody talks on this route, or a body is not of its shape.
    """
    shape = _shape_of(route)
    body = _json(request, "the request")
    asked = shape.asked(body)
    if not response.strip():
        return Talk(asked=tuple(asked), answer=None, flags=_sent(body))
    whole = _whole(shape, response, streamed=streamed)
    answer, flags = shape.answered(whole)
    model = whole.get("model")
    return Talk(
        asked=tuple(asked),
        answer=answer,
        flags=(*_sent(body), *flags),
        model=model if isinstance(model, str) else None,
    )


def read_answer(route: str, response: bytes, *, streamed: bool) -> Mapping[str, Any] | None:
    """The answer alone, in the shape of OpenAI's chat API; None where none came. Errors as `read_talk`."""
    shape = _shape_of(route)
    return shape.answered(_whole(shape, response, streamed=streamed))[0] if response.strip() else None


def _shape_of(route: str) -> Shape:
    shape = SHAPES.get(route)
    if shape is None:
        raise UnreadableError(f"nothing is said on {route}")
    return shape


def _whole(shape: Shape, response: bytes, *, streamed: bool) -> Mapping[str, Any]:
    return shape.streamed(response) if streamed else _json(response, "the answer")


def _sent(body: Mapping[str, Any]) -> tuple[str, ...]:
    """Flags for what a request holds beside its messages."""
    tools = ("tool_definitions_not_kept",) if body.get("tools") or body.get("functions") else ()
    earlier = ("earlier_turns_not_sent",) if body.get("previous_response_id") or body.get("context") else ()
    return tools + earlier


# --- OpenAI's chat and text completions -------------------------------------------------------------------------------


def _messages(body: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [as_mapping(value, "a message") for value in as_list(body.get("messages"), "'messages'")]


def _choice(whole: Mapping[str, Any]) -> tuple[Mapping[str, Any] | None, tuple[str, ...]]:
    """The first choice, and the flags that it and those beside it call for."""
    if "error" in whole:
        return None, ()
    choices = as_list(whole.get("choices"), "'choices'")
    if not choices:
        return None, ()
    first = as_mapping(choices[0], "a choice")
    more = ("choices_not_kept",) if len(choices) > 1 else ()
    reason = first.get("finish_reason")
    cut = (_CUT_OFF[reason],) if isinstance(reason, str) and reason in _CUT_OFF else ()
    return first, more + cut


def _chat_answer(whole: Mapping[str, Any]) -> tuple[Mapping[str, Any] | None, tuple[str, ...]]:
    choice, flags = _choice(whole)
    if choice is None:
        return None, flags
    message = dict(as_mapping(choice.get("message"), "the answer"))
    if message.get("content") is None and isinstance(message.get("refusal"), str):
        message["content"] = message["refusal"]
    return {**message, "role": "assistant"}, flags


def _prompt(body: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    prompt = body.get("prompt")
    if isinstance(prompt, list) and len(prompt) == 1:
        prompt = prompt[0]
    return [{"role": "user", "content": as_text(prompt, "'prompt', one alone,")}]


def _text_answer(whole: Mapping[str, Any]) -> tuple[Mapping[str, Any] | None, tuple[str, ...]]:
    choice, flags = _choice(whole)
    if choice is None:
        return None, flags
    return {"role": "assistant", "content": as_text(choice.get("text"), "the answer's text")}, (*flags, "raw_text")


# --- OpenAI's responses -----------------------------------------------------------------------------------------------


def _input(body: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    instructions = body.get("instructions")
    opening = [{"role": "system", "content": as_text(instructions, "'instructions'")}] if instructions else []
    given = body.get("input")
    if isinstance(given, str):
        return [*opening, {"role": "user", "content": given}]
    items = [as_mapping(item, "an item of 'input'") for item in as_list(given, "'input'")]
    return [*opening, *_as_messages(items)]


def _as_messages(items: list[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Items of the Responses API as messages of the chat API; what was thought stands with the answer behind it."""
    found: list[Mapping[str, Any]] = []
    thought: list[str] = []
    for item in items:
        kind = item.get("type", "message")
        if kind == "reasoning":
            thought += [
                part["text"] for part in _parts(item, "content", "summary") if isinstance(part.get("text"), str)
            ]
        elif kind == "message":
            extra = {"reasoning_content": "\n".join(thought)} if thought and item.get("role") == "assistant" else {}
            thought = [] if extra else thought
            found.append({"role": item.get("role"), "content": _content(item.get("content")), **extra})
        elif kind == "function_call":
            function = {"name": item.get("name"), "arguments": item.get("arguments")}
            found.append({"role": "assistant", "tool_calls": [{"id": item.get("call_id"), "function": function}]})
        elif kind == "function_call_output":
            found.append({"role": "tool", "tool_call_id": item.get("call_id"), "content": str(item.get("output"))})
        else:
            raise UnreadableError(f"an item of the type {kind!r}")
    return found


def _content(content: Any) -> Any:
    """The content of a message; what was refused in words stands in them."""
    if not isinstance(content, list):
        return content
    parts = [as_mapping(part, "a part") for part in content]
    return [{"type": "text", "text": part["refusal"]} if "refusal" in part else part for part in parts]


def _response_answer(whole: Mapping[str, Any]) -> tuple[Mapping[str, Any] | None, tuple[str, ...]]:
    items = [as_mapping(item, "an item of 'output'") for item in as_list(whole.get("output") or [], "'output'")]
    said = [one for one in _as_messages(items) if one["role"] == "assistant"]
    if not said:
        return None, ()
    calls = [call for one in said for call in one.get("tool_calls", ())]
    texts = [part for one in said for part in _texts(one.get("content"))]
    thoughts = [one["reasoning_content"] for one in said if one.get("reasoning_content")]
    answer: dict[str, Any] = {"role": "assistant", "content": "\n".join(texts)}
    if calls:
        answer["tool_calls"] = calls
    if thoughts:
        answer["reasoning_content"] = "\n".join(thoughts)
    return answer, ("cut_short",) if whole.get("status") == "incomplete" else ()


def _texts(content: Any) -> list[str]:
    if isinstance(content, str):
        return [content]
    return [part["text"] for part in content or () if isinstance(part.get("text"), str)]


def _parts(item: Mapping[str, Any], *keys: str) -> list[Mapping[str, Any]]:
    found = (item.get(key) for key in keys)
    return [value for values in found if isinstance(values, list) for value in values if isinstance(value, dict)]


# --- Ollama's ---------------------------------------------------------------------------------------------------------


def _ollama_messages(body: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [_of_ollama(message) for message in _messages(body)]


def _of_ollama(message: Mapping[str, Any]) -> Mapping[str, Any]:
    """A message of Ollama's, with its pictures as parts and its thoughts under the name that the chat API has."""
    found = {key: value for key, value in message.items() if key not in {"thinking", "images"}}
    if message.get("thinking"):
        found["reasoning_content"] = message["thinking"]
    if message.get("images"):
        pictures = [{"type": "image_url"} for _ in as_list(message["images"], "'images'")]
        found["content"] = [{"type": "text", "text": message.get("content") or ""}, *pictures]
    return found


def _ollama_answer(whole: Mapping[str, Any]) -> tuple[Mapping[str, Any] | None, tuple[str, ...]]:
    if "error" in whole:
        return None, ()
    message = _of_ollama(as_mapping(whole.get("message"), "'message'"))
    return {**message, "role": "assistant"}, _done(whole)


def _generate_prompt(body: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    system = [{"role": "system", "content": body["system"]}] if body.get("system") else []
    asked: Mapping[str, Any] = {"role": "user", "content": body.get("prompt", ""), "images": body.get("images")}
    return [*system, _of_ollama(asked)]


def _generate_answer(whole: Mapping[str, Any]) -> tuple[Mapping[str, Any] | None, tuple[str, ...]]:
    if "error" in whole:
        return None, ()
    message = {"role": "assistant", "content": as_text(whole.get("response"), "'response'")}
    thinking = whole.get("thinking")
    return {**message, "reasoning_content": thinking} if thinking else message, _done(whole)


def _done(whole: Mapping[str, Any]) -> tuple[str, ...]:
    return ("cut_short",) if whole.get("done_reason") == "length" else ()


def _json(data: bytes, what: str) -> Mapping[str, Any]:
    try:
        value = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise UnreadableError(f"{what} is no JSON") from error
    return as_mapping(value, what)


SHAPES: Final[dict[str, Shape]] = {
    "/v1/chat/completions": Shape(asked=_messages, streamed=chat_of_events, answered=_chat_answer),
    "/v1/completions": Shape(asked=_prompt, streamed=text_of_events, answered=_text_answer),
    "/v1/responses": Shape(asked=_input, streamed=response_of_events, answered=_response_answer),
    "/api/chat": Shape(asked=_ollama_messages, streamed=chat_of_lines, answered=_ollama_answer),
    "/api/generate": Shape(asked=_generate_prompt, streamed=text_of_lines, answered=_generate_answer),
}
"""The routes on which something is said; on any other there is nothing to keep."""
