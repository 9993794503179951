"""A grid: every combination of a few values of each knob, the fewest changes first."""

from __future__ import annotations

from itertools import combinations, islice, product
from typing import TYPE_CHECKING, Final

from selftune.loop.experiments.agenda.points import changes_of, spread
from selftune.loop.experiments.base import Proposal

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from selftune.loop.experiments.base import Agenda, Asked, Knob

_VALUES: Final = 3


class Grid:
    """Goes through the grid in the same order each night, past what was tried."""

    def propose(self, asked: Asked) -> tuple[Proposal, ...]:
        """The next ones; none when it is through."""
        done = asked.done
        return tuple(islice((one for one in _cells(asked.agenda) if one.changes not in done), asked.count))


def _cells(agenda: Agenda) -> Iterator[Proposal]:
    most = agenda.constraints.most_changes or len(agenda.knobs)
    for turned in range(1, most + 1):
        for lane in agenda.lanes:
            knobs = [knob for knob in agenda.knobs if knob.lane is lane]
            for some in combinations(knobs, turned):
                for changes in _values(some):
                    yield Proposal(lane=lane, changes=changes, reason=f"one of the grid's cells with {turned} changed")


def _values(knobs: Sequence[Knob]) -> Iterator[tuple[str, ...]]:
    others = ([value for value in spread(knob, _VALUES) if value != knob.now] for knob in knobs)
    for values in product(*others):
        yield changes_of({knob.key: value for knob, value in zip(knobs, values, strict=True)}, knobs)
