"""Rows of `conversations` with `from` and `value`, as the ShareGPT collections and LLaMA-Factory have them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from selftune.curation.exports.base import CannotCarryError, Carries, Row, fit

if TYPE_CHECKING:
    from selftune.records import Example, Message, ToolCall

_SPEAKERS: Final = {"system": "system", "user": "human", "assistant": "gpt", "tool": "observation"}
_ASKING: Final = frozenset({"human", "observation"})
_CARRIES: Final = Carries(tools=True, rejected=True, any_order=True)


class ShareGPT:
    """ShareGPT: turns in their order, a call as a turn of its own; a pair as `chosen` and `rejected` turns."""

    note = ""

    def row(self, example: Example) -> Row:
        """The example's turns; one that both speaks and calls has no place."""
        fitted = fit(example, _CARRIES)
        prompt, answer = [_turn(message) for message in fitted.prompt], _turn(fitted.answer)
        if fitted.rejected is None:
            return Row(body={"conversations": [*prompt, answer]}, lost=fitted.lost)
        rejected = {"from": "gpt", "value": fitted.rejected}
        return Row(body={"conversations": prompt, "chosen": answer, "rejected": rejected}, lost=fitted.lost)


class LLaMAFactory:
    """ShareGPT as LLaMA-Factory asks for it: the system turn apart, who asks and who answers in turn."""

    note = (
        'dataset_info.json: {"NAME": {"file_name": "FILE", "formatting": "sharegpt", "columns": {"messages": '
        '"conversations", "system": "system"}}}; for pairs also "ranking": true, "chosen": "chosen", "rejected": '
        '"rejected"'
    )

    def row(self, example: Example) -> Row:
        """The example's turns, checked for their order."""
        row = ShareGPT().row(example)
        turns = list(row.body["conversations"])
        system = [turns.pop(0)["value"]] if turns[0]["from"] == "system" else []
        _check_turns([*turns, *([row.body["chosen"]] if "chosen" in row.body else [])])
        told = {"system": system[0]} if system else {}
        return Row(body={**row.body, "conversations": turns, **told}, lost=row.lost)


def _check_turns(turns: list[dict[str, Any]]) -> None:
    if any(turn["from"] == "system" for turn in turns):
        raise CannotCarryError("a system turn stands within it")
    if any((turn["from"] in _ASKING) == bool(place % 2) for place, turn in enumerate(turns)):
        raise CannotCarryError("who asks and who answers do not take turns in it")


def _turn(message: Message) -> dict[str, str]:
    if not message.tool_calls:
        return {"from": _SPEAKERS[message.role], "value": message.content}
    if message.content or len(message.tool_calls) > 1:
        raise CannotCarryError("one of its turns does more than a single call")
    return {"from": "function_call", "value": _call(message.tool_calls[0])}


def _call(call: ToolCall) -> str:
    """The call as JSON; its arguments as the object they are, unless their spelling would change."""
    try:
        arguments = json.loads(call.arguments)
    except ValueError:
        arguments = call.arguments
    if json.dumps(arguments, ensure_ascii=False) != call.arguments:
        arguments = call.arguments
    return json.dumps({"name": call.name, "arguments": arguments}, ensure_ascii=False)
