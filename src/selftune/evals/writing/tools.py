"""Calls of tools: in each pair one question needs a tool, with exact arguments, and one needs none."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from selftune.evals.writing.items import make_item, sentences_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from random import Random

    from selftune.records import SuiteItem

CATEGORY: Final = "tool_calls"
_DIFFICULTIES: Final = ("easy", "medium", "hard", "hard")
_SYSTEM: Final = (
    "You can use these tools:\n{tools}\n\n"
    'To use one, answer with a single JSON object and nothing else: {{"name": "...", "arguments": {{...}}}}. '
    "When no tool is needed, answer in plain words."
)


def write_tool_calls(rng: Random) -> Iterator[SuiteItem]:
    """Four pairs for each tool; beside it two others are offered, in an order that is drawn."""
    tools = sentences_of("tools.toml")["tools"]
    for number, tool in enumerate(tools):
        for place, difficulty in enumerate(_DIFFICULTIES):
            offered = [tool, *rng.sample([other for other in tools if other is not tool], 2)]
            rng.shuffle(offered)
            system = _SYSTEM.format(tools="\n".join(map(described, offered)))
            drawn = {slot: rng.choice(values) for slot, values in tool["draws"].items()}
            call, spoken = tool["calls"][place], tool["spoken"][place]
            name = f"{CATEGORY}-{number:02d}-{place}"
            yield make_item(
                f"{name}a",
                CATEGORY,
                "call",
                difficulty,
                call["asked"].format(**drawn),
                {"call": tool["name"], "arguments": _filled(call["arguments"], drawn)},
                scorer="tool_call",
                system=system,
                pair=name,
            )
            yield make_item(
                f"{name}b",
                CATEGORY,
                "no_call",
                difficulty,
                spoken["asked"],
                {"holds": spoken["holds"]},
                scorer="tool_call",
                system=system,
                pair=name,
            )


def described(tool: Mapping[str, Any]) -> str:
    """A tool as the model is told of it."""
    return f"- {tool['name']}: {tool['says']} Arguments: {json.dumps(tool['arguments'])}"


def _filled(arguments: Mapping[str, Any], drawn: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments with `{slot}` replaced by what was drawn, a number staying a number."""
    return {key: drawn[value[1:-1]] if str(value).startswith("{") else value for key, value in arguments.items()}
