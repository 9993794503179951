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
class CriticalFailure:
    """What no mean may hide: reported by name, and never part of the overall."""

    name: str
    description: str


@dataclass(frozen=True, kw_only=True)
class Rubric(Record):
    """Criteria on a scale of `lowest` to `highest`; golden means overall at or above `golden`.

    `persona` says who judges, in the second person; empty for an analyst without further traits.
    """

    KIND: ClassVar[str] = "rubric"

    name: str
    version: str
    description: str
    criteria: tuple[Criterion, ...]
    lowest: float = 1.0
    highest: float = 5.0
    golden: float = 4.5
    persona: str = ""
    critical_failures: tuple[CriticalFailure, ...] = ()
