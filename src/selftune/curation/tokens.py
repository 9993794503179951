"""How much a dataset is in tokens: what a model reads of it, by the base's own template (mission B15)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from selftune.context import Context
    from selftune.records import Example, Message


def count_lesson_tokens(lessons: Sequence[Example], context: Context) -> int | None:
    """Tokens of all lessons, of a pair both conversations; None where nobody can tell."""
    return None if context.count_tokens is None else context.count_tokens(conversations_of(lessons))


def conversations_of(lessons: Iterable[Example]) -> Iterator[tuple[Message, ...]]:
    """What is read of each lesson: the conversation, and the same with the answer that lost."""
    for lesson in lessons:
        yield lesson.messages
        if lesson.rejected is not None:
            *before, last = lesson.messages
            yield (*before, replace(last, content=lesson.rejected))


def describe_tokens(tokens: int | None, lessons: int) -> str:
    """The count in one line for the card."""
    if tokens is None:
        return "\nTokens: not counted; the base's files or the packages for training are not here.\n"
    return f"\n{tokens:,} tokens by the base's own template, {tokens / lessons:.0f} a lesson.\n"
