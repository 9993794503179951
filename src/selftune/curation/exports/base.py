"""What a format of export must do, and what a conversation is made into before it is written."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol

if TYPE_CHECKING:
    from selftune.records import Example, Message

REASONING: Final = "reasoning"
PERSONAS: Final = "personas"
REJECTED: Final = "rejected answers"
RESULTS: Final = "results of calls that no tool turn repeats"
_NOTHING: Final = frozenset[str]()


class CannotCarryError(ValueError):
    """A format can't hold this conversation without changing what it says; the text says why."""


class Row(NamedTuple):
    """One example as a format holds it, and what of the example it does not hold."""

    body: dict[str, Any]
    lost: frozenset[str] = frozenset()


class Format(Protocol):
    """Turns examples into rows; `note` says how the program that reads the file is told of it."""

    @property
    def note(self) -> str:
        """What to write into the other program's config; empty when the file is enough."""
        ...

    def row(self, example: Example) -> Row:
        """The example as a row; `CannotCarryError` when the format has no place for it."""
        ...


@dataclass(frozen=True, kw_only=True)
class Carries:
    """What a format has a place for.

    Attributes:
        tools: Calls of tools and the turns that answer them.
        reasoning: What the model thought before it answered.
        personas: Who of several speakers said a turn.
        rejected: The worse answer of a pair.
        any_order: Turns in whatever order; else a system turn first, then user and assistant in turn.
    """

    tools: bool = False
    reasoning: bool = False
    personas: bool = False
    rejected: bool = False
    any_order: bool = False


class Fitted(NamedTuple):
    """A conversation as far as a format carries it: the prompt, the answer, the worse answer, and what is lost."""

    prompt: tuple[Message, ...]
    answer: Message
    rejected: str | None
    lost: frozenset[str]


def fit(example: Example, carries: Carries) -> Fitted:
    """The example without what the format has no place for, which is named.

    Dropped is only what stands beside the words. A turn is never dropped: the others would mean something else.

    Raises:
        CannotCarryError: the format has no place for one of the turns, or for their order.
    """
    messages = example.messages
    if not messages or messages[-1].role != "assistant":
        raise CannotCarryError("it does not end with an answer")
    plain = all(map(_is_plain, messages))
    if not plain and not carries.tools and any(message.tool_calls or message.role == "tool" for message in messages):
        raise CannotCarryError("it calls tools")
    if not carries.any_order:
        check_order(messages)
    lost = [REJECTED] if example.rejected is not None and not carries.rejected else []
    if not plain:
        lost += _losses(messages, carries)
        messages = tuple(_without(message, carries) for message in messages)
    return Fitted(
        prompt=messages[:-1],
        answer=messages[-1],
        rejected=example.rejected if carries.rejected else None,
        lost=frozenset(lost) if lost else _NOTHING,
    )


def _is_plain(message: Message) -> bool:
    """Whether it holds nothing but words; nearly all do, and any format carries these."""
    beside = message.tool_calls or message.reasoning is not None or message.persona is not None
    return not beside and message.role != "tool"


def _losses(messages: tuple[Message, ...], carries: Carries) -> list[str]:
    lost = {
        REASONING: not carries.reasoning and any(message.reasoning for message in messages),
        PERSONAS: not carries.personas and any(message.persona for message in messages),
        RESULTS: _holds_unrepeated_result(messages),
    }
    return [name for name, is_lost in lost.items() if is_lost]


def check_order(messages: tuple[Message, ...]) -> None:
    """Refuse what is not: a system turn or none, then user and assistant in turn.

    Raises:
        CannotCarryError: another order.
    """
    roles = [message.role for message in messages]
    spoken = roles[1:] if roles[0] == "system" else roles
    if "system" in spoken:
        raise CannotCarryError("a system turn stands within it")
    if any(role != ("user", "assistant")[place % 2] for place, role in enumerate(spoken)):
        raise CannotCarryError("user and assistant do not take turns in it")


def _without(message: Message, carries: Carries) -> Message:
    reasoning = message.reasoning if carries.reasoning else None
    persona = message.persona if carries.personas else None
    if reasoning == message.reasoning and persona == message.persona:
        return message
    return replace(message, reasoning=reasoning, persona=persona)


def _holds_unrepeated_result(messages: tuple[Message, ...]) -> bool:
    said = {message.content for message in messages if message.role == "tool"}
    return any(call.result is not None and call.result not in said for each in messages for call in each.tool_calls)
