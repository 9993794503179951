"""JSON in an answer: the answer itself, what stands in a code fence, or a tool call between its tags."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any, Final

_FENCE: Final = re.compile(r"\A\s*```(?:json)?\s*\n(?P<body>.*?)\n?\s*```\s*\Z", re.DOTALL | re.IGNORECASE)
# What the templates of several model families write around a call.
_TAGS: Final = re.compile(r"<tool_call>\s*(?P<body>.*?)\s*</tool_call>", re.DOTALL)
_NAMES: Final = ("name", "tool")
_ARGUMENTS: Final = ("arguments", "parameters")


@dataclass(frozen=True, kw_only=True)
class ToolCall:
    """One call of a tool; `arguments` are JSON text in canonical form, so that equal calls are equal."""

    name: str
    arguments: str


def read_json(answer: str) -> Any:
    """The JSON that the whole answer is, a code fence around it or not.

    Raises:
        ValueError: the answer is no JSON, holds more than JSON, or a key of it twice.
    """
    fenced = _FENCE.match(answer)
    return json.loads(fenced["body"] if fenced else answer, object_pairs_hook=_distinct)


def tool_calls(answer: str) -> tuple[ToolCall, ...]:
    """The tool calls that an answer makes: between tags, or as the whole answer; none where it is plain words.

    A call is an object with a name (`name` or `tool`) and an object of arguments (`arguments` or `parameters`), or such
    an object under `function`, where the arguments may be JSON text.
    """
    bodies = [found["body"] for found in _TAGS.finditer(answer)] or [answer]
    calls = [call for body in bodies for call in _calls(body)]
    return tuple(calls)


def value_at(tree: Any, path: str) -> Any:
    """What stands at a dotted path (`order.items.0.name`).

    Raises:
        LookupError: nothing does.
    """
    for part in path.split("."):
        if isinstance(tree, list) and part.isdecimal():
            tree = tree[int(part)]
        elif isinstance(tree, dict):
            tree = tree[part]
        else:
            raise LookupError(path)
    return tree


def same_json(one: Any, other: Any) -> bool:
    """Whether two JSON values are equal: true is not 1, and 2.0 is 2."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same_json(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same_json, one, other))
    return bool(one == other)


def canonical(tree: Any) -> str:
    """A JSON value as text with its keys in order."""
    return json.dumps(tree, sort_keys=True, ensure_ascii=False, separators=(",", ":"))


def _calls(body: str) -> list[ToolCall]:
    try:
        tree = read_json(body)
    except (ValueError, RecursionError):
        return []
    calls = [_call(entry) for entry in (tree if isinstance(tree, list) else [tree])]
    return [call for call in calls if call is not None]


def _call(entry: Any) -> ToolCall | None:
    if not isinstance(entry, dict):
        return None
    entry = entry["function"] if isinstance(entry.get("function"), dict) else entry
    name = next((entry[key] for key in _NAMES if isinstance(entry.get(key), str)), None)
    arguments = next((entry[key] for key in _ARGUMENTS if key in entry), None)
    if isinstance(arguments, str):
        try:
            arguments = json.loads(arguments)
        except (ValueError, RecursionError):
            return None
    if name is None or not isinstance(arguments, dict):
        return None
    return ToolCall(name=name, arguments=canonical(arguments))


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    tree = dict(pairs)
    if len(tree) != len(pairs):
        raise ValueError("a key stands twice")
    return tree
