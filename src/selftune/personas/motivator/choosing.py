"""Which goal is next: new against all that was asked, from the source that is most behind, the worthiest first.

Novelty is 1 minus the greatest cosine with anything asked before, of hashed words unless another embedding is given.
Hashed words know spelling and no meaning: the same question in other words is new to them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from selftune.personas.motivator.goals import Source
from selftune.personas.motivator.objections import objection
from selftune.scoring.embedding import HashedWords

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Callable, Sequence

    from selftune.personas.motivator.goals import Goal
    from selftune.personas.motivator.noticed import Noticed
    from selftune.records import Codex
    from selftune.scoring.embedding import Embedding

LEAST_NOVELTY: Final = 0.1
"""A goal nearer than this to one that was taken, or to a person's question, is the same again."""


@dataclass(frozen=True, kw_only=True)
class Refused:
    """A goal that was not taken because something speaks against it."""

    goal: Goal
    why: str


@dataclass(frozen=True, kw_only=True)
class Choice:
    """What was chosen.

    Attributes:
        goal: None where none is left.
        novelty: Of the goal, 0 to 1.
        refused: What came before it and was refused.
        passed_over: How many were too near to what was asked before.
        made: How many candidates there were.
    """

    goal: Goal | None
    novelty: float
    refused: tuple[Refused, ...]
    passed_over: int
    made: int


def choose(
    candidates: Sequence[Goal],
    codex: Codex,
    noticed: Noticed,
    *,
    served: Counter[Source],
    is_known: Callable[[str], bool],
    embed: Embedding | None = None,
) -> Choice:
    """The next goal, the same one for the same records.

    Args:
        candidates: What there is to choose from.
        codex: In force.
        noticed: What they are held against.
        served: How many goals of each source were taken.
        is_known: Whether this text was taken or refused before; it is neither again.
        embed: What novelty is told by; hashed words by default.
    """
    fresh = [goal for goal in candidates if not is_known(goal.text)]
    new = _novelties([goal.text for goal in fresh], (*noticed.asked, *noticed.taken), embed or HashedWords())
    usable = [(goal, novelty) for goal, novelty in zip(fresh, new, strict=True) if novelty >= LEAST_NOVELTY]
    order = list(Source)
    usable.sort(key=lambda one: (served[one[0].source], order.index(one[0].source), -one[0].worth, -one[1]))
    refused: list[Refused] = []
    for goal, novelty in usable:
        why = objection(goal.text, codex, noticed)
        if not why:
            return _choice(goal, novelty, refused, candidates, usable)
        refused.append(Refused(goal=goal, why=why))
    return _choice(None, 0.0, refused, candidates, usable)


def _choice(
    goal: Goal | None, novelty: float, refused: Sequence[Refused], made: Sequence[Goal], usable: Sequence[Any]
) -> Choice:
    return Choice(
        goal=goal, novelty=novelty, refused=tuple(refused), passed_over=len(made) - len(usable), made=len(made)
    )


def _novelties(texts: Sequence[str], known: Sequence[str], embed: Embedding) -> list[float]:
    """Of each text, 1 minus its greatest cosine with what is known; 1 where nothing is."""
    if not texts or not known:
        return [1.0] * len(texts)
    import numpy as np

    near = np.array(embed.many(texts)) @ np.array(embed.many(known)).T
    return [float(1.0 - value) for value in near.max(axis=1).clip(0.0, 1.0)]
