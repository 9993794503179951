"""What is left of a question when its values are taken out: texts of one template share it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

    from selftune.records import Message

_SLOT: Final = re.compile(r"[\"“«`][^\"”»`]{1,200}[\"”»`]|\w*\d\w*|(?<=\w\s)[^\W\d_]\w*")


def template_of(messages: Sequence[Message]) -> str:
    """The skeleton of the last question: its words, with a slot for each number, quotation and name."""
    turns = [message.content for message in messages if message.role == "user"]
    return " ".join(_SLOT.sub(_slot, turns[-1]).lower().split()) if turns else ""


def _slot(found: re.Match[str]) -> str:
    return found[0] if found[0].islower() else "_"
