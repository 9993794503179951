"""Score sheets typed by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from selftune.records.scores import ScoredRow, ScoreSheet, SheetFacts

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


def sheet(scores: Iterable[float | None] | Mapping[str, float | None], **facts: Any) -> ScoreSheet:
    """A sheet of these scores; without ids they are called `i0`, `i1` …"""
    named = scores if hasattr(scores, "items") else {f"i{place}": score for place, score in enumerate(scores)}
    return sheet_of(*(ScoredRow(item_id=item, score=score, reason="lost") for item, score in named.items()), **facts)


def sheet_of(*rows: ScoredRow, **facts: Any) -> ScoreSheet:
    """A sheet of these rows."""
    return ScoreSheet(rows, SheetFacts(**{"name": "arm", "format": "test", "metric": "score", **facts}))


def labelled(scores: Iterable[float], *, critical: Iterable[int] = (), **labels: str) -> list[ScoredRow]:
    """Rows that all bear these labels; their ids carry them too."""
    marked = set(critical)
    return [
        ScoredRow(item_id=f"{'-'.join(labels.values())}{place}", score=score, critical=place in marked, **labels)
        for place, score in enumerate(scores)
    ]
