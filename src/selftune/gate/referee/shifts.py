"""How each category moved: paired within it, p-values adjusted for looking at several."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Final

from selftune.gate.referee.verdict import Shift
from selftune.gate.statistics.many import benjamini_hochberg
from selftune.gate.statistics.means import mean_difference

if TYPE_CHECKING:
    from selftune.gate.referee.pairing import Paired
    from selftune.records.scores import ScoreSheet

_MOST: Final = 200
"""A label with more values than that is no category."""


def find_shifts(champion: ScoreSheet, paired: Paired, *, level: float, width: float) -> tuple[Shift, ...]:
    """The difference in each category that the champion's file names, the largest fall first."""
    if not champion.has("category"):
        return ()
    places: dict[str, list[int]] = defaultdict(list)
    for place, item in enumerate(paired.items):
        if (name := champion.label("category", item)) is not None:
            places[name].append(place)
    if len(places) > _MOST:
        return ()
    found = {
        name: mean_difference(
            [paired.differences[place] for place in held],
            None if paired.labels is None else [paired.labels[place] for place in held],
            level=level,
            width=width,
        )
        for name, held in places.items()
    }
    adjusted = benjamini_hochberg([one.p_value for one in found.values()])
    shifts = [
        Shift(name=name, difference=one.mean, interval=one.interval, p_value=p_value, n=one.n)
        for (name, one), p_value in zip(found.items(), adjusted, strict=True)
    ]
    return tuple(sorted(shifts, key=lambda shift: shift.difference))
