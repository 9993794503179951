"""What a mean hides: scores in two heaps, and answers without a score. Told in one way on every page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from selftune.app.reporting.pages import figures
from selftune.app.reporting.pages.parts import Said, Table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from selftune.app.reporting.pages.parts import Part
    from selftune.gate.statistics.effects import Bimodality

_NAMED: Final = 50


def tell_heaps(name: str, heaps: Bimodality | None, places: int) -> str:
    """A sentence where the scores of `name` fall into two heaps; empty where they do not."""
    if heaps is None or not heaps.two_heaps:
        return ""
    below, above = (f"{count} around {figures.number(at, places)}" for at, count in (heaps.low, heaps.high))
    return f"The scores of {name} fall into two heaps: {below}, {above}. The mean between them describes neither."


def unscored_part(rows: Sequence[tuple[str, str, str]], who: str) -> Part:
    """Every answer without a score by item, by who gave it (an arm, a model) and by its reason; none counts as zero."""
    if not rows:
        return Said(text="Every answer has a score.")
    beyond = f", the first {_NAMED}" if len(rows) > _NAMED else ""
    caption = f"Left out of every mean, never counted as zero: {figures.counted(len(rows), 'answer')}{beyond}"
    return Table(caption=caption, head=("item", who, "reason"), rows=tuple(rows[:_NAMED]))
