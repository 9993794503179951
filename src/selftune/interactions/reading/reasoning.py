"""What a model thought, kept apart from what it said."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

_OPENED: Final = re.compile(r"\s*<think>", re.IGNORECASE)
_CLOSED: Final = re.compile(r"\s*<think>(?P<reasoning>.*?)</think>\s*", re.IGNORECASE | re.DOTALL)
_CLOSE_ONLY: Final = re.compile(r"(?P<reasoning>[^<]*(?:<(?!/?think>)[^<]*)*)</think>\s*", re.IGNORECASE)


class Split(NamedTuple):
    """Reasoning if there was any, the answer, and whether a block was opened and never closed."""

    reasoning: str | None
    answer: str
    unclosed: bool = False


def split_reasoning(text: str) -> Split:
    """Reasoning and answer of a reply that may open with a `<think>` block.

    A block that is never closed holds the answer too, and nobody can tell where it begins: all of it stays the answer,
    without the tag. A reply that only closes a block was begun by a template that opened it.
    """
    closed = _CLOSED.match(text) or _CLOSE_ONLY.match(text)
    if closed:
        return Split(closed["reasoning"].strip() or None, text[closed.end() :])
    opened = _OPENED.match(text)
    if opened:
        return Split(None, text[opened.end() :].lstrip(), unclosed=True)
    return Split(None, text)
