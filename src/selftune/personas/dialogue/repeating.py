"""Whether a persona goes round in a circle: it says again, nearly word for word, what it said before."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Final

from selftune.scoring.embedding import HashedWords, cosine

if TYPE_CHECKING:
    from collections.abc import Sequence

    from selftune.personas.dialogue.base import Turn

NEARLY: Final = 0.97
"""Cosine of hashed words from which on two turns of one persona are the same turn; a changed number stays below it."""


def says_it_again(turn: Turn, earlier: Sequence[Turn]) -> bool:
    """Whether it is nearly a turn that the same persona spoke earlier in the dialogue.

    Agreeing in the words of another persona is no circle.
    """
    own = [one.message.content for one in earlier if one.message.persona == turn.message.persona]
    if not own:
        return False
    said = _vector(turn.message.content)
    return any(cosine(said, _vector(other)) >= NEARLY for other in own)


@lru_cache(maxsize=256)
def _vector(text: str) -> Sequence[float]:
    return HashedWords()(text)
