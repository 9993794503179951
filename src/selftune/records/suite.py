"""Suite: held-out items that measure a build."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from selftune.records.build import GenerationParameters
from selftune.records.codec import Record
from selftune.records.interaction import Message


@dataclass(frozen=True, kw_only=True)
class SuiteItem:
    """One thing asked of the model; `expect` is JSON text that only the item's scorer reads.

    Attributes:
        scorer: Who scores it, where that is not the suite's own scorer.
        reference: What a good answer holds, for a judge or a reader.
        weight: How much it counts in a mean beside the other items.
        tier: `gold`, `extended` or `held_out`: the last is never looked at while something is being improved.
        follow_ups: What is said next, turn by turn, whatever the model answers; the item is then a conversation.
        origin: Where it comes from: the id of an interaction or a decision, or the sentence it was drafted from.
    """

    id: str
    category: str
    behaviour: str
    difficulty: str
    messages: tuple[Message, ...]
    expect: str
    pair: str | None = None
    agent: str | None = None
    scorer: str | None = None
    reference: str | None = None
    weight: float = 1.0
    tier: str = "gold"
    follow_ups: tuple[str, ...] = ()
    origin: str | None = None


@dataclass(frozen=True, kw_only=True)
class Suite(Record):
    """Items, how they are asked and who scores them. `unit` is `pair` or `item`: what a mean is taken over.

    Attributes:
        scorer: Who scores, by its registered name.
        categories: Kinds of question; a policy may guard each.
        seed: What the items were drawn with.
        repeats: How many answers are drawn for each item, each with a seed of its own.
        purpose: `gate`, it may decide; `regression`, grown of what was put right, it may stop a candidate and promotes
            none; `screen`, a part of a suite for a cheap look, it decides nothing.
    """

    KIND: ClassVar[str] = "suite"

    name: str
    version: str
    description: str
    scorer: str
    unit: str
    categories: tuple[str, ...]
    generation: GenerationParameters
    seed: int
    items: tuple[SuiteItem, ...]
    repeats: int = 1
    purpose: str = "gate"
