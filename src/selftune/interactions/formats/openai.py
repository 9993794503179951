"""OpenAI `messages`: one conversation a line, or a JSON array of them."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from selftune.interactions.reading.assemble import (
    Origin,
    assemble,
    find_state,
    is_compared,
    read_file,
    said_by_assistant,
)
from selftune.interactions.reading.expect import as_list, as_mapping, as_text
from selftune.interactions.reading.lines import UnreadableError
from selftune.records import Interaction, Message, ToolCall

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from selftune.context import Context
    from selftune.records import Quarantined

_ROLES: Final = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "assistant": "assistant",
    "tool": "tool",
    "function": "tool",
}


@dataclass(frozen=True)
class OpenAIMessages:
    """Conversations in the shape of OpenAI's chat API, tool calls included, with what the entry says beside them."""

    path: Path

    @staticmethod
    def recognises(entry: Mapping[str, Any]) -> str | None:
        """Why the entry looks like this format; None when it does not."""
        messages = entry.get("messages")
        if not isinstance(messages, list) or _opens_with_state(messages):
            return None
        versions = any(isinstance(value, dict) and "versions" in value for value in messages[:1])
        if versions or "choices" in entry or is_compared(entry):
            return None
        return "its entries hold `messages`"

    def read(self, context: Context) -> Iterator[Interaction | Quarantined]:
        """Each conversation as one interaction."""
        return read_file(self.path, "openai", parse_conversation, context)


@dataclass(frozen=True)
class StateSet:
    """State-obedience sets: OpenAI `messages` whose system message holds a `== STATE ==` block."""

    path: Path

    @staticmethod
    def recognises(entry: Mapping[str, Any]) -> str | None:
        """Why the entry looks like this format; None when it does not."""
        messages = entry.get("messages")
        if not isinstance(messages, list) or not _opens_with_state(messages):
            return None
        return "its entries hold `messages` that begin with a STATE block"

    def read(self, context: Context) -> Iterator[Interaction | Quarantined]:
        """Each conversation as one interaction; one without a readable block is flagged `no_state_block`."""
        return read_file(self.path, "state_obedience", _parse_with_state, context)


def parse_conversation(entry: Mapping[str, Any], origin: Origin) -> Interaction:
    """One entry as an interaction.

    Raises:
        UnreadableError: no messages, an unknown role, or a part of the wrong type.
    """
    messages, flags = parse_messages(
        [as_mapping(value, "a message") for value in as_list(entry.get("messages"), "'messages'")]
    )
    tools = ("tool_definitions_not_kept",) if entry.get("tools") or entry.get("functions") else ()
    return assemble(messages, entry, origin, (*tools, *flags))


def parse_messages(values: list[Mapping[str, Any]]) -> tuple[tuple[Message, ...], tuple[str, ...]]:
    """Messages of OpenAI's chat API, and the flags that reading them called for.

    Raises:
        UnreadableError: an unknown role, or a part of the wrong type.
    """
    results = _tool_results(values)
    parsed = [_parse_message(value, number, results) for number, value in enumerate(values, start=1)]
    return tuple(message for message, _ in parsed), tuple(flag for _, new in parsed for flag in new)


def _parse_with_state(entry: Mapping[str, Any], origin: Origin) -> Interaction:
    interaction = parse_conversation(entry, origin)
    if find_state(interaction.messages) is not None:
        return interaction
    return replace(interaction, flags=(*interaction.flags, "no_state_block"))


def _opens_with_state(messages: list[Any]) -> bool:
    first = messages[0] if messages and isinstance(messages[0], dict) else {}
    return first.get("role") == "system" and "== STATE ==" in str(first.get("content"))


def _parse_message(
    value: Mapping[str, Any], number: int, results: Mapping[str, str]
) -> tuple[Message, tuple[str, ...]]:
    role = as_text(value.get("role"), f"the role of message {number}")
    if role not in _ROLES:
        raise UnreadableError(f"message {number} has the role {role!r}, not one of {', '.join(_ROLES)}")
    content, flags = _content(value.get("content"), number)
    persona = _optional_text(value, "persona")
    if role != "assistant":
        return Message(role=_ROLES[role], content=content, persona=persona), flags
    message, new = said_by_assistant(
        content,
        persona=persona,
        reasoning=_optional_text(value, "reasoning_content") or _optional_text(value, "reasoning"),
        tool_calls=_tool_calls(value, results),
    )
    return message, flags + new


def _optional_text(value: Mapping[str, Any], key: str) -> str | None:
    return None if value.get(key) is None else as_text(value[key], repr(key))


def _content(value: Any, number: int) -> tuple[str, tuple[str, ...]]:
    """Text of a message that may come in parts; a part that is no text leaves its type in brackets, and a flag."""
    if value is None:
        return "", ()
    if isinstance(value, str):
        return value, ()
    parts = [as_mapping(part, f"a part of message {number}") for part in as_list(value, f"content of message {number}")]
    texts = [as_text(part["text"], "a text part") if "text" in part else f"[{part.get('type')}]" for part in parts]
    return "\n".join(texts), () if all("text" in part for part in parts) else ("parts_not_kept",)


def _tool_calls(message: Mapping[str, Any], results: Mapping[str, str]) -> tuple[ToolCall, ...]:
    calls = as_list(message.get("tool_calls") or [], "'tool_calls'")
    if message.get("function_call") is not None:
        calls = [*calls, {"function": message["function_call"]}]
    return tuple(_tool_call(as_mapping(call, "a tool call"), results) for call in calls)


def _tool_call(call: Mapping[str, Any], results: Mapping[str, str]) -> ToolCall:
    function = as_mapping(call.get("function"), "a tool call's function")
    return ToolCall(
        name=as_text(function.get("name"), "a tool's name"),
        arguments=as_json(function.get("arguments")),
        result=results.get(str(call.get("id"))),
    )


def as_json(value: Any) -> str:
    """Arguments as the model wrote them: a string stays, a value becomes JSON."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _tool_results(messages: list[Mapping[str, Any]]) -> dict[str, str]:
    """What the tools answered, by the id of the call; an id that is answered twice belongs to no call for sure."""
    answers = [message for message in messages if message.get("tool_call_id") is not None]
    ids = Counter(str(message["tool_call_id"]) for message in answers)
    return {
        name: _content(message.get("content"), 0)[0]
        for message in answers
        if ids[name := str(message["tool_call_id"])] == 1
    }
