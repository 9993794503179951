"""A text as a vector without any model: hashed words and parts of words.

Signed feature hashing (Weinberger et al., "Feature Hashing for Large Scale Multitask Learning", ICML 2009): each
feature adds plus or minus its weight at a place that its hash names. It knows spelling and no meaning: texts with the
same words in another order or form are near, a paraphrase in other words is not.
"""

from __future__ import annotations

import math
import re
import unicodedata
import zlib
from collections import Counter
from functools import lru_cache
from itertools import starmap
from operator import mul
from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

_WORD: Final = re.compile(r"\w+")
_PART_LETTERS: Final = 4
# A part is seen once per letter, so a long word would outweigh a short one several times.
_PART_WEIGHT: Final = 0.3
_SIGN_BIT: Final = 1 << 31


class Embedding(Protocol):
    """Makes vectors of unit length out of texts, zero for a text of which nothing is known."""

    @property
    def name(self) -> str:
        """What made the vectors; those of two makers can't be compared."""
        ...

    def __call__(self, text: str) -> Sequence[float]:
        """The vector of one text."""
        ...

    def many(self, texts: Sequence[str]) -> Sequence[Sequence[float]]:
        """The vectors of texts, in their order."""
        ...


class HashedWords:
    """Words and their parts of four letters, hashed into a vector of unit length; zero for a text without words.

    The hash is CRC-32 of the UTF-8 bytes: the same on every machine and in every process.
    """

    name: str = "hashed-words-1"

    def __init__(self, size: int = 256) -> None:
        self.size = size

    def __call__(self, text: str) -> Sequence[float]:
        """The vector, `size` floats."""
        vector = [0.0] * self.size
        for feature, count in _counted(text).items():
            digest, weight = _hashed(feature)
            vector[digest % self.size] += (1.0 + math.log(count)) * weight
        length = math.sqrt(math.fsum(value * value for value in vector))
        return [value / length for value in vector] if length else vector

    def many(self, texts: Sequence[str]) -> Sequence[Sequence[float]]:
        """The vectors of texts, in their order."""
        return [self(text) for text in texts]


def cosine(first: Sequence[float], second: Sequence[float]) -> float:
    """The cosine of two vectors of unit length or zero."""
    return math.fsum(starmap(mul, zip(first, second, strict=True)))


def _counted(text: str) -> dict[str, int]:
    """Each feature with how often it occurs, in the order in which they come: sums of floats depend on it."""
    counted: dict[str, int] = {}
    for word, count in Counter(_WORD.findall(unicodedata.normalize("NFKC", text).lower())).items():
        for feature in _features(word):
            counted[feature] = counted.get(feature, 0) + count
    return counted


@lru_cache(maxsize=4096)
def _features(word: str) -> tuple[str, ...]:
    padded = f"#{word}#"
    parts = (padded[at : at + _PART_LETTERS] for at in range(len(padded) - _PART_LETTERS + 1))
    return (word, *(f"#{part}" for part in parts))


@lru_cache(maxsize=16384)
def _hashed(feature: str) -> tuple[int, float]:
    """The hash of a feature, and its weight with the sign that the hash gives it."""
    digest = zlib.crc32(feature.encode("utf-8", "surrogatepass"))
    weight = _PART_WEIGHT if feature.startswith("#") else 1.0
    return digest, weight if digest & _SIGN_BIT else -weight
