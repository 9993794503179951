"""A goal that the system sets itself, and where such goals come from."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Source(StrEnum):
    """Where a goal comes from, in the order in which they are served when none is behind."""

    DISSONANCE = "dissonance"
    WEAKNESS = "weakness"
    CURIOSITY = "curiosity"
    MODEL = "model"


SOURCES: Final = tuple(source.value for source in Source)


@dataclass(frozen=True, kw_only=True)
class Goal:
    """What the system might ask itself.

    Attributes:
        text: The prompt, in our own words.
        why: Why it was picked, in words that quote nobody.
        rests_on: Ids of the records that it was made from; the codex's, where it comes from nothing else.
        worth: By how much it comes before others of its source.
    """

    text: str
    source: Source
    why: str
    rests_on: tuple[str, ...]
    worth: float = 0.0
