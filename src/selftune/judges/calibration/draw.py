"""Which interactions a person is asked to judge: evenly over score bands and categories, with what judges dispute."""

from __future__ import annotations

import random
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

    from selftune.records import Rubric

_DISPUTED_EVERY: Final = 3


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """A judged interaction that a person could judge as well.

    Attributes:
        overall: What the judge gave, which a person never sees; None where people are the judge.
        disputed: Whether judges lie far apart on it.
    """

    interaction_id: str
    overall: float | None
    category: str
    disputed: bool = False


def band_of(overall: float | None, rubric: Rubric) -> str:
    """The part of the scale that a score lies in: a few errors at the golden line matter more than many far off."""
    if overall is None:
        return "unjudged"
    middle = (rubric.lowest + rubric.highest) / 2
    if overall >= rubric.golden:
        return "golden"
    if overall >= (middle + rubric.golden) / 2:
        return "near golden"
    return "middle" if overall >= middle else "low"


def draw_for_review(candidates: Iterable[Candidate], count: int, rubric: Rubric, seed: int) -> tuple[str, ...]:
    """Ids of up to `count` interactions, the same ones for the same seed.

    Strata (band and category) take turns, so that rare ones are seen; every third place goes to a disputed one as long
    as there are any.
    """
    draw = random.Random(seed)  # noqa: S311 - a draw must repeat, not be secret
    strata: dict[tuple[str, str], list[str]] = defaultdict(list)
    disputed: list[str] = []
    for item in candidates:
        if item.disputed:
            disputed.append(item.interaction_id)
        else:
            strata[band_of(item.overall, rubric), item.category].append(item.interaction_id)
    queues = [strata[name] for name in sorted(strata)]
    for queue in (disputed, *queues):
        draw.shuffle(queue)
    draw.shuffle(queues)
    drawn: list[str] = []
    while len(drawn) < count and (disputed or queues):
        if disputed and (not queues or len(drawn) % _DISPUTED_EVERY == _DISPUTED_EVERY - 1):
            drawn.append(disputed.pop())
            continue
        queue = queues.pop(0)
        drawn.append(queue.pop())
        if queue:
            queues.append(queue)
    return tuple(drawn)
