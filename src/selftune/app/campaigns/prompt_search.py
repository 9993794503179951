"""Planted worlds in which one prompt helps, or none: how often the search finds it, and how far its figures flatter."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass
from statistics import fmean, stdev
from typing import TYPE_CHECKING, Final

from selftune.app.campaigns.base import Figure, Section
from selftune.loop.prompts.drafts import Draft
from selftune.loop.prompts.search import Budget, search
from selftune.records import Example

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

SEEDS: Final = 200
GAINS: Final = (0.0, 0.1, 0.2, 0.4)

_DRAFTS: Final = tuple(Draft(made_of=str(place), instruction=str(place) if place else None) for place in range(6))
_PLANTED: Final = _DRAFTS[-1].made_of
_ASKED, _FRESH, _POOL = 64, 32, 8
_BARE: Final = 0.4
_CHANGED: Final = 0.4
_BUDGET: Final = Budget(answers=336, shown=4)
_LEAST: Final = 0.9
_SURE_FROM: Final = 0.4
_SIGMAS: Final = 3


class World:
    """Right-or-wrong answers: under each prompt a share of the questions is answered otherwise than without, by chance.

    The planted draft is right more often by `gain`; no lesson that is shown helps.
    """

    def __init__(self, gain: float, seed: int) -> None:
        self._gain = gain
        self._name = f"{seed} {gain}"

    def share_of(self, draft: Draft) -> float:
        """How often a draft is right in truth."""
        return _BARE + (self._gain if draft.made_of == _PLANTED else 0.0)

    def __call__(self, drafts: Sequence[Draft], lessons: Sequence[Example]) -> list[list[float]]:
        """Scores, as the search asks for them."""
        return [[self._score(draft, lesson.interaction_id) for lesson in lessons] for draft in drafts]

    def _score(self, draft: Draft, question: str) -> float:
        alike = self._luck(question)
        own = self._luck(f"{question} {draft.text}")
        luck = own if self._luck(f"{draft.text} {question}") < _CHANGED else alike
        return float(luck < self.share_of(draft))

    def _luck(self, what: str) -> float:
        return random.Random(f"{self._name} {what}").random()  # noqa: S311 - the draw must repeat, not be secret


@dataclass(frozen=True, kw_only=True)
class Ended:
    """One search: whether it took the planted draft, and by how much two figures of the winner exceed the truth.

    Attributes:
        chosen_by: The score that chose it.
        fresh: Its gain on questions that had no part in the search.
        left: Whether a build is left: that gain is above zero.
    """

    found: bool
    chosen_by: float
    fresh: float
    left: bool


def try_once(gain: float, seed: int) -> Ended:
    """Search in one world."""
    world = World(gain, seed)
    found = search(_DRAFTS, _lessons("shown", _POOL), _lessons("asked", _ASKED), world, _BUDGET)
    best, last = found.best, max(one.round for one in found.tried if one.name == found.best.name)
    chosen_by = max(
        one.mean for one in found.tried if (one.round, one.name) == (last, best.name) and one.mean is not None
    )
    bare, won = map(fmean, world([_DRAFTS[0], best], _lessons("fresh", _FRESH)))
    true = world.share_of(best)
    return Ended(
        found=best.made_of == _PLANTED,
        chosen_by=chosen_by - true,
        fresh=won - bare - (true - _BARE),
        left=won > bare,
    )


def _lessons(part: str, count: int) -> tuple[Example, ...]:
    return tuple(Example(salt="", interaction_id=f"{part} {n}", judgement_id=None, messages=()) for n in range(count))


def report() -> Section:
    """How often the planted prompt is taken, and what the two figures of a search are worth."""
    return Section(
        title="Searching a prompt",
        method=f"{SEEDS} seeds of each world: {len(_DRAFTS)} drafts, the base alone right on {_BARE:.0%} of the "
        f"questions, one draft right on more, {_CHANGED:.0%} of the answers changed at random by each prompt; "
        f"{_BUDGET.answers} answers to search with, {_ASKED} questions to choose by, {_FRESH} for one last look.",
        figures=tuple(_figures()),
        limits="Answers of models. Real drafts differ in more than one way, and real lessons help or harm.",
    )


def _figures() -> Iterator[Figure]:
    for gain in GAINS:
        ended = [try_once(gain, seed) for seed in range(SEEDS)]
        hits, left = sum(one.found for one in ended), sum(one.left for one in ended)
        sure = gain >= _SURE_FROM
        if gain:
            yield Figure(
                name=f"a prompt right on {gain:+.0%} more is planted",
                measured=f"taken in {hits} of {SEEDS}, a build left in {left}",
                promised=f"taken in at least {_LEAST:.0%}" if sure else None,
                held=hits >= _LEAST * SEEDS if sure else None,
            )
        else:
            yield Figure(name="no prompt helps", measured=f"a build left for the gate in {left} of {SEEDS}")
        yield _flattery("the score that chose it", gain, [one.chosen_by for one in ended])
        yield _flattery("the gain on fresh questions", gain, [one.fresh for one in ended], honest=True)


def _flattery(what: str, gain: float, beyond: Sequence[float], *, honest: bool = False) -> Figure:
    mean, error = fmean(beyond), stdev(beyond) / math.sqrt(len(beyond))
    return Figure(
        name=f"planted {gain:+.0%}: {what} exceeds the truth by",
        measured=f"{mean:+.3f} ± {1.96 * error:.3f} (95 %, n = {len(beyond)})",
        promised="0, within chance" if honest else None,
        held=abs(mean) <= _SIGMAS * error if honest else None,
    )
