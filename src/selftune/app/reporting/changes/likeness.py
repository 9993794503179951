"""How much two answers to one question differ: a stated measure between 0, the same words, and 1, none in common."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

from selftune.scoring.reading import words

MEASURE = "1 less the share of words and neighbouring pairs of words that both answers have (Sørensen-Dice)"


def difference_of(one: str, other: str) -> float:
    """One less the Sørensen-Dice coefficient over words and pairs of neighbouring words, as often as they stand.

    Source:
        L. R. Dice, "Measures of the amount of ecologic association between species", Ecology 26 (1945), 297-302.
    """
    first, second = _pieces(one), _pieces(other)
    total = first.total() + second.total()
    return 1 - 2 * (first & second).total() / total if total else 0.0


def _pieces(text: str) -> Counter[tuple[str, ...]]:
    said = words(text)
    return Counter([*((word,) for word in said), *pairwise(said)])
