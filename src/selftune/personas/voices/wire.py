"""A call as it goes over the wire: an OpenAI chat completion; what tools answered is marked as data."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any, Final

from selftune.errors import RequestRefusedError
from selftune.personas.base import Said
from selftune.personas.data import as_data

if TYPE_CHECKING:
    from collections.abc import Iterator

    from selftune.personas.base import Call
    from selftune.records import Message, ToolCall, ToolSchema
    from selftune.serving.streaming import Streamed

ESTIMATED: Final = "tokens_estimated"
"""Marks a turn whose tokens nobody counted: its server says nothing of them."""
_LETTERS_A_TOKEN: Final = 4


def body_of(call: Call) -> dict[str, Any]:
    """The request for one turn."""
    drawn = call.parameters
    body: dict[str, Any] = {
        "messages": [told for message in call.messages for told in _messages(message)],
        "temperature": drawn.temperature,
        "top_p": drawn.top_p,
        "max_tokens": drawn.max_tokens,
        "seed": call.seed,
    }
    if drawn.top_k:
        body["top_k"] = drawn.top_k
    if drawn.stop:
        body["stop"] = list(drawn.stop)
    if call.tools:
        body["tools"] = [_tool(tool) for tool in call.tools]
    return body


def said_of(answer: Streamed, generated_by: str | None, call: Call) -> Said:
    """The answer to a call as a turn's words.

    A server that counts no tokens would make every limit of them endless: what it did not count is estimated by its
    letters, and the turn is flagged.
    """
    read = answer.prompt_tokens or _by_letters(json.dumps(body_of(call)["messages"], ensure_ascii=False))
    written = (answer.text, answer.reasoning or "", *(f"{one.name}{one.arguments}" for one in answer.tool_calls))
    said = answer.completion_tokens or _by_letters("".join(written))
    counted = (read, said) == (answer.prompt_tokens, answer.completion_tokens)
    return Said(
        text=answer.text,
        finish_reason=answer.finish_reason,
        prompt_tokens=read,
        completion_tokens=said,
        generated_by=generated_by,
        reasoning=answer.reasoning,
        tool_calls=answer.tool_calls,
        flags=() if counted else (ESTIMATED,),
    )


def _by_letters(text: str) -> int:
    return math.ceil(len(text) / _LETTERS_A_TOKEN)


def refuse_tools(call: Call, who: str) -> None:
    """Return where no tool is offered to whoever knows none.

    Raises:
        RequestRefusedError: some are; they are never silently left out.
    """
    if call.tools:
        raise RequestRefusedError(
            f"{who} can't call tools: its chat template knows none.",
            next_step="Give the persona an endpoint whose model calls tools, under [[personas.voices]].",
        )


def _messages(message: Message) -> Iterator[dict[str, Any]]:
    told: dict[str, Any] = {"role": message.role, "content": message.content}
    if not message.tool_calls:
        yield told
        return
    called = [(f"call{at}", call) for at, call in enumerate(message.tool_calls)]
    yield told | {"tool_calls": [_called(name, call) for name, call in called]}
    for name, call in called:
        result = as_data(f"result of the tool {call.name}", call.result or "")
        yield {"role": "tool", "tool_call_id": name, "content": result}


def _called(name: str, call: ToolCall) -> dict[str, Any]:
    return {"id": name, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}


def _tool(tool: ToolSchema) -> dict[str, Any]:
    told = {"name": tool.name, "description": tool.description, "parameters": json.loads(tool.parameters)}
    return {"type": "function", "function": told}
