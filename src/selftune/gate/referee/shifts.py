"""How each category, difficulty and agent moved: paired within it, p-values adjusted for looking at several."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Final

from selftune.gate.referee.verdict import Shift
from selftune.gate.statistics.many import benjamini_hochberg
from selftune.gate.statistics.means import mean_difference

if TYPE_CHECKING:
    from collections.abc import Iterator

    from selftune.gate.referee.pairing import Paired
    from selftune.records.scores import ScoreSheet

KINDS: Final = ("category", "difficulty", "agent")
"""What the shifts are told by."""

_MOST: Final = 200
"""A label with more values than that is no category."""


def find_shifts(champion: ScoreSheet, paired: Paired, *, level: float, width: float) -> tuple[Shift, ...]:
    """The difference in each category, difficulty and agent that the champion's file names."""
    return tuple(shift for kind in KINDS for shift in _shifts_by(kind, champion, paired, level=level, width=width))


def places_by(kind: str, champion: ScoreSheet, paired: Paired) -> dict[str, list[int]]:
    """Which of the pairs, by number, belong to each category, difficulty or agent, in the champion's order."""
    held: dict[str, list[int]] = defaultdict(list)
    if champion.has(kind):
        names = champion.labels(kind)
        for number, place in enumerate(paired.places):
            if (name := names[place]) is not None:
                held[name].append(number)
    return dict(held)


def _shifts_by(kind: str, champion: ScoreSheet, paired: Paired, *, level: float, width: float) -> Iterator[Shift]:
    held = places_by(kind, champion, paired)
    if not 0 < len(held) <= _MOST:
        return
    found = {
        name: mean_difference(
            [paired.differences[number] for number in numbers],
            None if paired.labels is None else [paired.labels[number] for number in numbers],
            level=level,
            width=width,
        )
        for name, numbers in held.items()
    }
    adjusted = benjamini_hochberg([one.p_value for one in found.values()])
    for (name, one), p_value in zip(found.items(), adjusted, strict=True):
        yield Shift(kind=kind, name=name, difference=one.mean, interval=one.interval, p_value=p_value, n=one.n)
