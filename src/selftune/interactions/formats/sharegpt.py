"""ShareGPT: `conversations` of turns with `from` and `value`."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from itertools import zip_longest
from typing import TYPE_CHECKING, Any, Final

from selftune.interactions.formats.openai import as_json
from selftune.interactions.reading.assemble import Origin, assemble, is_compared, read_file, said_by_assistant
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
    "human": "user",
    "user": "user",
    "gpt": "assistant",
    "assistant": "assistant",
    "chatgpt": "assistant",
    "bard": "assistant",
    "bing": "assistant",
    "function_call": "call",
    "observation": "tool",
    "tool": "tool",
}


@dataclass(frozen=True)
class ShareGPT:
    """Conversations as the ShareGPT collections hold them, function calls included."""

    path: Path

    @staticmethod
    def recognises(entry: Mapping[str, Any]) -> str | None:
        """Why the entry looks like this format; None when it does not."""
        if not isinstance(entry.get("conversations"), list) or is_compared(entry):
            return None
        return "its entries hold `conversations`"

    def read(self, context: Context) -> Iterator[Interaction | Quarantined]:
        """Each conversation as one interaction."""
        return read_file(self.path, "sharegpt", _parse, context)


def _parse(entry: Mapping[str, Any], origin: Origin) -> Interaction:
    messages, flags = parse_turns(
        [as_mapping(turn, "a turn") for turn in as_list(entry.get("conversations"), "'conversations'")]
    )
    if not messages:
        raise UnreadableError("it holds no turn")
    system = entry.get("system")
    opening = (Message(role="system", content=as_text(system, "'system'")),) if system else ()
    tools = ("tool_definitions_not_kept",) if entry.get("tools") else ()
    return assemble((*opening, *messages), entry, origin, (*flags, *tools))


def parse_turns(turns: list[Mapping[str, Any]]) -> tuple[tuple[Message, ...], tuple[str, ...]]:
    """Turns with `from` and `value` as messages, and the flags that reading them called for.

    Raises:
        UnreadableError: an unknown speaker, or a part of the wrong type.
    """
    parsed = [_parse_turn(turn, number) for number, turn in enumerate(turns, start=1)]
    messages = [message for message, _ in parsed]
    followed = zip_longest(messages, messages[1:])
    return tuple(_with_result(*pair) for pair in followed), tuple(flag for _, new in parsed for flag in new)


def _with_result(message: Message, after: Message | None) -> Message:
    """A call with what was observed in the turn right after it, for ShareGPT gives calls no ids."""
    if not message.tool_calls or after is None or after.role != "tool":
        return message
    (call,) = message.tool_calls
    return replace(message, tool_calls=(replace(call, result=after.content),))


def _parse_turn(turn: Mapping[str, Any], number: int) -> tuple[Message, tuple[str, ...]]:
    speaker = as_text(turn.get("from"), f"'from' of turn {number}")
    text = as_text(turn.get("value"), f"'value' of turn {number}")
    if speaker not in _ROLES:
        raise UnreadableError(f"turn {number} is from {speaker!r}, not one of {', '.join(_ROLES)}")
    role = _ROLES[speaker]
    if role == "assistant":
        return said_by_assistant(text)
    if role == "call":
        return _parse_call(text, number)
    return Message(role=role, content=text), ()


def _parse_call(text: str, number: int) -> tuple[Message, tuple[str, ...]]:
    """A function call of its own turn; one that is no JSON stays as text, flagged."""
    try:
        call = as_mapping(json.loads(text), f"the call in turn {number}")
        name = as_text(call.get("name"), "a function's name")
    except ValueError:
        return Message(role="assistant", content=text), ("call_not_parsed",)
    return Message(
        role="assistant", content="", tool_calls=(ToolCall(name=name, arguments=as_json(call.get("arguments"))),)
    ), ()
