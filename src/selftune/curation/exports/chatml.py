"""Rows of `text` in ChatML."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from selftune.curation.exports.base import CannotCarryError, Carries, Row, fit

if TYPE_CHECKING:
    from selftune.records import Example, Message

_START: Final = "<|im_start|>"
_END: Final = "<|im_end|>"
_CARRIES: Final = Carries(personas=True, any_order=True)


class ChatML:
    """ChatML in the `text` of JSON rows, personas behind the role; it has no place for calls or a worse answer."""

    note = "the rows hold text with its control tokens: train on them without another template"

    def row(self, example: Example) -> Row:
        """The example as one text; a control token in the words would open a turn of its own."""
        fitted = fit(example, _CARRIES)
        text = "".join(_turn(message) for message in (*fitted.prompt, fitted.answer))
        return Row(body={"text": text}, lost=fitted.lost)


def _turn(message: Message) -> str:
    words = f"{message.persona or ''}{message.content}"
    if _START in words or _END in words:
        raise CannotCarryError("a control token stands in its words")
    if message.persona is not None and ("\n" in message.persona or not message.persona):
        raise CannotCarryError("a persona's name is no single line")
    name = f" name={message.persona}" if message.persona else ""
    return f"{_START}{message.role}{name}\n{message.content}{_END}\n"
