"""Rows of `messages` with role and content, as OpenAI's API has them and most programs since."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from selftune.curation.exports.base import CannotCarryError, Carries, Row, fit

if TYPE_CHECKING:
    from collections.abc import Sequence

    from selftune.records import Example, Message

_EVERYTHING: Final = Carries(tools=True, reasoning=True, personas=True, rejected=True, any_order=True)


class OpenAI:
    """OpenAI fine-tuning files: `messages`; a pair as `input`, `preferred_output` and `non_preferred_output`."""

    note = ""
    _carries = Carries(tools=True, rejected=True, any_order=True)

    def row(self, example: Example) -> Row:
        """The example as the fine-tuning API takes it; fields it does not know are left out."""
        fitted = fit(example, self._carries)
        turns = message_rows((*fitted.prompt, fitted.answer))
        if fitted.rejected is None:
            return Row(body={"messages": turns}, lost=fitted.lost)
        body = {
            "input": {"messages": turns[:-1]},
            "preferred_output": turns[-1:],
            "non_preferred_output": [_answer(fitted.rejected)],
        }
        return Row(body=body, lost=fitted.lost)


class Together(OpenAI):
    """Together's fine-tuning files: as OpenAI's, without tools, and user and assistant must take turns."""

    _carries = Carries(rejected=True)


class Axolotl:
    """Axolotl's `chat_template` rows; a pair as `messages`, `chosen` and `rejected`."""

    note = (
        "datasets: [{path: FILE, ds_type: json, type: chat_template, field_messages: messages}]; for pairs rl: dpo and "
        "type: chat_template.default with field_chosen: chosen, field_rejected: rejected"
    )

    def row(self, example: Example) -> Row:
        """The example with all its turns."""
        fitted = fit(example, _EVERYTHING)
        turns = message_rows((*fitted.prompt, fitted.answer))
        if fitted.rejected is None:
            return Row(body={"messages": turns}, lost=fitted.lost)
        body = {"messages": turns[:-1], "chosen": turns[-1], "rejected": _answer(fitted.rejected)}
        return Row(body=body, lost=fitted.lost)


class Parquet:
    """Hugging Face columns: `messages`; a pair as `prompt`, `chosen` and `rejected`, as TRL has them."""

    note = ""

    def row(self, example: Example) -> Row:
        """The example with all its turns."""
        fitted = fit(example, _EVERYTHING)
        turns = message_rows((*fitted.prompt, fitted.answer))
        if fitted.rejected is None:
            return Row(body={"messages": turns}, lost=fitted.lost)
        body = {"prompt": turns[:-1], "chosen": turns[-1:], "rejected": [_answer(fitted.rejected)]}
        return Row(body=body, lost=fitted.lost)


def message_rows(messages: Sequence[Message]) -> list[dict[str, Any]]:
    """Each message; calls get ids, by which the turns of tools name what they answer.

    Raises:
        CannotCarryError: a tool's turn answers no call.
    """
    rows: list[dict[str, Any]] = []
    unanswered: list[tuple[str, str | None]] = []
    made = 0
    for message in messages:
        row: dict[str, Any] = {"role": message.role, "content": message.content}
        rows.append(row)
        if message.persona is not None:
            row["persona"] = message.persona
        if message.reasoning is not None:
            row["reasoning_content"] = message.reasoning
        if message.tool_calls:
            names = [f"call_{made + number}" for number in range(len(message.tool_calls))]
            made += len(names)
            calls = zip(names, message.tool_calls, strict=True)
            row["tool_calls"] = [
                {"id": name, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
                for name, call in calls
            ]
            unanswered += [(name, call.result) for name, call in zip(names, message.tool_calls, strict=True)]
        if message.role == "tool":
            row["tool_call_id"] = _answered(message.content, unanswered)
    return rows


def _answered(content: str, unanswered: list[tuple[str, str | None]]) -> str:
    """The id of the call that a tool's turn answers: the one with this result, else the first that waits."""
    if not unanswered:
        raise CannotCarryError("a tool's turn in it answers no call")
    place = next((at for at, (_, result) in enumerate(unanswered) if result == content), 0)
    return unanswered.pop(place)[0]


def _answer(content: str) -> dict[str, str]:
    return {"role": "assistant", "content": content}
