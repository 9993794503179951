"""Which gauge measures."""

from __future__ import annotations

from typing import TYPE_CHECKING

from selftune.personas.gauges.by_code import GaugeByCode
from selftune.scoring.embedding import HashedWords

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from selftune.personas.base import Gauge
    from selftune.records import Codex


def make_gauge(codex: Codex, *, embed: Callable[[str], Sequence[float]] | None = None) -> Gauge:
    """The gauge of a codex: by code; `embed` makes vectors of unit length, hashed words by default."""
    return GaugeByCode(codex, HashedWords() if embed is None else embed)
