"""Which gauge measures."""

from __future__ import annotations

from typing import TYPE_CHECKING

from selftune.personas.gauges.by_code import GaugeByCode
from selftune.personas.gauges.judged import GaugeByJudge
from selftune.scoring.embedding import HashedWords

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from selftune.personas.base import Gauge, Voice
    from selftune.records import Codex


def make_gauge(
    codex: Codex, *, embed: Callable[[str], Sequence[float]] | None = None, judge: Voice | None = None
) -> Gauge:
    """The gauge of a codex: by code, and beside it by a judge where one is given.

    Args:
        codex: Whose principles and probes are held up.
        embed: Makes vectors of unit length; hashed words by default.
        judge: A model that is asked twice at each measuring.
    """
    plain = GaugeByCode(codex, HashedWords() if embed is None else embed)
    return plain if judge is None else GaugeByJudge(plain, judge)
