"""One knob at a time, around what is best so far: the proposer whose results a person can read by eye."""

from __future__ import annotations

import random
from itertools import islice
from typing import TYPE_CHECKING, Final

from selftune.loop.experiments.agenda.points import changes_of, place_of, value_at, values_in
from selftune.loop.experiments.base import Proposal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from selftune.loop.experiments.base import Asked, Knob, Seen

# Shares of a knob's range, in the order in which they are tried.
_STEPS: Final = (1 / 4, 1 / 2, 1 / 8, 1.0)


class OneFactor:
    """Turns one knob up or down, all else as in the best try whose gain was clear of noise, or as it is in force."""

    def propose(self, asked: Asked) -> tuple[Proposal, ...]:
        """The next steps; none when all have been taken."""
        done = asked.done | {()}
        fresh: dict[tuple[str, ...], Proposal] = {}
        for one in islice((one for one in _around(asked) if one.changes not in done), 4 * asked.count):
            fresh.setdefault(one.changes, one)
        return tuple(fresh.values())[: asked.count]


def best_of(asked: Asked) -> Seen | None:
    """The try with the largest gain among those whose interval lies above zero, and whose knobs are in the space."""
    known = {knob.key for knob in asked.agenda.knobs}
    better = [
        seen
        for seen in asked.seen
        if seen.effect is not None and seen.effect.interval[0] > 0 and values_in(seen.changes).keys() <= known
    ]
    return max(better, key=lambda seen: seen.effect.mean if seen.effect else 0.0, default=None)


def _around(asked: Asked) -> Iterator[Proposal]:
    best, most = best_of(asked), asked.agenda.constraints.most_changes
    knobs = list(asked.agenda.knobs)
    random.Random(asked.seed).shuffle(knobs)  # noqa: S311 - draws must repeat, not be secret
    if best is not None:
        centre = values_in(best.changes)
        near = [
            knob for knob in knobs if knob.lane == best.lane and (knob.key in centre or not most or len(centre) < most)
        ]
        yield from _steps(near, centre, asked, f"as in {best.experiment}, the best so far")
    yield from _steps(knobs, {}, asked, "as it is in force")


def _steps(knobs: list[Knob], centre: dict[str, str], asked: Asked, where: str) -> Iterator[Proposal]:
    for step in _STEPS:
        for sign in (1, -1):
            for knob in knobs:
                yield from _step(knob, centre, sign * step, asked, where)


def _step(knob: Knob, centre: dict[str, str], step: float, asked: Asked, where: str) -> Iterator[Proposal]:
    now = centre.get(knob.key, knob.now)
    values = (
        [one for one in knob.choices if one != now] if knob.choices else [value_at(knob, place_of(knob, now) + step)]
    )
    for value in values:
        if value != now:
            changes = changes_of({**centre, knob.key: value}, asked.agenda.knobs)
            reason = f"{knob.key} from {now} to {value}, all else {where}"
            yield Proposal(lane=knob.lane, changes=changes, reason=reason)
