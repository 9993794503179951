"""Suite: held-out items that measure a build."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from selftune.records.build import GenerationParameters
from selftune.records.codec import Record
from selftune.records.interaction import Message


@dataclass(frozen=True, kw_only=True)
class SuiteItem:
    """One thing asked of the model; `expect` is JSON text that only the suite's scorer reads."""

    id: str
    category: str
    behaviour: str
    difficulty: str
    messages: tuple[Message, ...]
    expect: str
    pair: str | None = None
    agent: str | None = None


@dataclass(frozen=True, kw_only=True)
class Suite(Record):
    """Items, how they are asked and who scores them. `unit` is `pair` or `item`: what a mean is taken over."""

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
