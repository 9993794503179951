"""How alike many texts are: to each other, and in style to somebody else's.

Source:
    Style: J. Burrows, "'Delta': a measure of stylistic difference and a guide to likely authorship", Lit. Linguist.
    Comput. 17 (2002), 267-287: how often the commonest words of a corpus stand in a text, in standard deviations. The
    commonest words carry manner, not matter, and no list of them is needed in any language.
"""

from __future__ import annotations

import math
from collections import Counter
from statistics import fmean, pstdev
from typing import TYPE_CHECKING, Any, Final

from selftune.scoring.embedding import HashedWords
from selftune.scoring.reading import words

if TYPE_CHECKING:
    from collections.abc import Sequence

_COMMONEST: Final = 60
_LEAST_SPREAD: Final = 1e-9


def likeness(texts: Sequence[str]) -> Any:
    """How alike each two texts are [texts, texts]: the cosine of their hashed words; 0 for a text without words."""
    import numpy as np

    embed = HashedWords()
    vectors = np.array([embed(text) for text in texts]).reshape(len(texts), embed.size)
    return vectors @ vectors.T


class Style:
    """The manner of one author, as how often the commonest words stand in their texts; by it others are held against.

    Args:
        own: The author's texts.
        others: Texts that the commonest words and their spread are taken from besides; both kinds count alike.
    """

    def __init__(self, own: Sequence[str], others: Sequence[str]) -> None:
        pooled: Counter[str] = Counter()
        for texts in (own, others):
            counts = Counter(word for text in texts for word in words(text))
            whole = max(1, counts.total())
            pooled.update({word: count / whole for word, count in counts.items()})
        self._words = [word for word, _ in sorted(pooled.items(), key=lambda one: (-one[1], one[0]))[:_COMMONEST]]
        rates = [self._rates(text) for text in (*own, *others)]
        self._spreads = [max(_LEAST_SPREAD, pstdev(column)) for column in zip(*rates, strict=True)]
        self._own = self._mean(own)

    def distance(self, texts: Sequence[str]) -> float:
        """Burrows's Delta between these texts together and the author's: 0 for the same manner.

        Raises:
            ValueError: there are none.
        """
        if not texts:
            raise ValueError("no texts")
        both = zip(self._mean(texts), self._own, self._spreads, strict=True)
        return fmean(abs(rate - own) / spread for rate, own, spread in both) if self._words else 0.0

    def deviations(self, text: str) -> tuple[float, ...]:
        """How far one text lies from the author's manner word by word, in spreads, as Delta counts them."""
        both = zip(self._rates(text), self._own, self._spreads, strict=True)
        return tuple((rate - own) / spread for rate, own, spread in both)

    def _mean(self, texts: Sequence[str]) -> list[float]:
        rates = [self._rates(text) for text in texts]
        return [math.fsum(column) / len(column) for column in zip(*rates, strict=True)]

    def _rates(self, text: str) -> list[float]:
        counts = Counter(words(text))
        whole = max(1, counts.total())
        return [counts[word] / whole for word in self._words]
