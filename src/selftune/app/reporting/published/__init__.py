"""Figures that others published without their items: facts to stand beside what a project measured, and labelled so."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

REPORTED: Final = "reported, no items"
"""The label of such a figure: nobody can reckon it again, and it has no interval."""

MEASURED: Final = "measured"
RAW: Final = "raw"
CORRECTED: Final = "corrected"


@dataclass(frozen=True, kw_only=True)
class ReportedRun:
    """One model as its page reports it; None and empty where the page gives nothing.

    Attributes:
        raw: Mean of the judge's own overall; `corrected`: of the overall by weights.
        difficulty: Raw means.
    """

    name: str
    base: str
    dataset: str
    pairs: str = ""
    date: str = ""
    raw: float | None = None
    corrected: float | None = None
    critical_failures: int | None = None
    rank: int | None = None
    alpha: int | None = None
    learning_rate: str | None = None
    steps: str | None = None
    note: str = ""
    raw_categories: Mapping[str, float]
    corrected_categories: Mapping[str, float]
    difficulty: Mapping[str, float]

    def overall(self, method: str) -> float | None:
        """The overall by one method."""
        return self.raw if method == RAW else self.corrected

    def categories(self, method: str) -> Mapping[str, float]:
        """The categories by one method."""
        return self.raw_categories if method == RAW else self.corrected_categories


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Two runs that a page sets side by side, and by which method each figure was made.

    Attributes:
        stated, stated_first: Category figures that the page gives for the second and the first run in this place,
            where its own tables hold others or none.
    """

    title: str
    sides: tuple[str, str]
    methods: tuple[str, str]
    stated: Mapping[str, float]
    stated_first: Mapping[str, float]
    critical_failures: tuple[int, int] | None

    @property
    def mixes(self) -> bool:
        """Whether a figure of one method stands against one of another."""
        return self.methods[0] != self.methods[1]


@dataclass(frozen=True, kw_only=True)
class Published:
    """One page of results.

    Attributes:
        last_updated: What the page says of itself; empty where it says nothing.
        items: How many items each evaluation is said to have; `items_by_category`: of which category.
        datasets, sweep, probes, breaks, judge_history, costs: Rows of its further tables, by column.
        pairs: Two figures each that the page holds against each other.
    """

    name: str
    source: str
    scale: tuple[float, float]
    configuration: str
    runs: tuple[ReportedRun, ...]
    categories: Mapping[str, str]
    items_by_category: Mapping[str, int]
    last_updated: str = ""
    items: int | None = None
    judge: str = ""
    generation: str = ""
    comparisons: tuple[Comparison, ...] = ()
    datasets: tuple[Mapping[str, Any], ...] = ()
    sweep: tuple[Mapping[str, Any], ...] = ()
    probes: tuple[Mapping[str, Any], ...] = ()
    breaks: tuple[Mapping[str, Any], ...] = ()
    judge_history: tuple[Mapping[str, Any], ...] = ()
    costs: tuple[Mapping[str, Any], ...] = ()
    pairs: tuple[Mapping[str, Any], ...] = ()

    def weighted(self, categories: Mapping[str, float]) -> float | None:
        """The mean over all items that category means come to; None where one of them is missing."""
        if not categories or set(categories) != set(self.items_by_category):
            return None
        total = sum(categories[name] * count for name, count in self.items_by_category.items())
        return total / sum(self.items_by_category.values())

    def run(self, name: str) -> ReportedRun:
        """The run of this name."""
        return next(run for run in self.runs if run.name == name)


def load_published() -> tuple[Published, ...]:
    """Every page that comes with the package."""
    texts = (entry for entry in files(__name__).iterdir() if entry.name.endswith(".toml"))
    return tuple(
        _read(tomllib.loads(entry.read_text(encoding="utf-8"))) for entry in sorted(texts, key=lambda one: one.name)
    )


def _read(found: dict[str, Any]) -> Published:
    low, high = found.pop("scale")
    no_figures: dict[str, Mapping[str, float]] = {"raw_categories": {}, "corrected_categories": {}, "difficulty": {}}
    runs = tuple(ReportedRun(**(no_figures | run)) for run in found.pop("runs"))
    comparisons = tuple(map(_comparison, found.pop("comparisons", ())))
    tables: dict[str, Any] = {"categories": {}, "items_by_category": {}}
    tables |= {key: tuple(value) if isinstance(value, list) else value for key, value in found.items()}
    return Published(scale=(low, high), runs=runs, comparisons=comparisons, **tables)


def _comparison(found: dict[str, Any]) -> Comparison:
    return Comparison(
        title=found["title"],
        sides=tuple(found["sides"]),
        methods=tuple(found["methods"]),
        stated=found.get("stated", {}),
        stated_first=found.get("stated_first", {}),
        critical_failures=tuple(found["critical_failures"]) if "critical_failures" in found else None,
    )
