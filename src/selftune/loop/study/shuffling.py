"""The control that learns by verdicts on other answers: every verdict stays, and is dealt to another answer."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING, Final

from selftune.curation.base import Key

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

DEALT: Final = 64
"""So many neighbours of the log exchange their verdicts: what was dealt stays dealt when the log grows behind it."""


def deal_verdicts(names: Sequence[Key], seed: int) -> tuple[Key, ...]:
    """The same answers in the same order, each with the verdict on one of its neighbours, opinions along with it.

    Every verdict is used once, so that as many answers count as good as before; which ones, chance says.
    """
    return tuple(key for start in range(0, len(names), DEALT) for key in _dealt(names[start : start + DEALT], seed))


def _dealt(neighbours: Sequence[Key], seed: int) -> Iterator[Key]:
    verdicts = [(key.judgement_id, key.opinion_ids) for key in neighbours]
    Random(f"{seed}:{neighbours[0].interaction_id}").shuffle(verdicts)  # noqa: S311 - reproducible draws, no secrets
    for key, (judgement, opinions) in zip(neighbours, verdicts, strict=True):
        yield Key(key.interaction_id, judgement, opinions)
