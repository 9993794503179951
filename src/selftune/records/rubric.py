"""Rubric: the criteria by which a judge scores, their weights, and the line above which an answer is golden."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from selftune.records.codec import Record


@dataclass(frozen=True, kw_only=True)
class Criterion:
    """What is looked at; weights are relative, a criterion that does not apply leaves the mean."""

    name: str
    weight: float
    description: str


@dataclass(frozen=True, kw_only=True)
class Rubric(Record):
    """Criteria on a scale of `lowest` to `highest`; golden means overall at or above `golden`."""

    KIND: ClassVar[str] = "rubric"

    name: str
    version: str
    description: str
    criteria: tuple[Criterion, ...]
    lowest: float = 1.0
    highest: float = 5.0
    golden: float = 4.5
