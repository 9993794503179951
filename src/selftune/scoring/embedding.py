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
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_WORD: Final = re.compile(r"\w+")
_PART_LETTERS: Final = 4
# A part is seen once per letter, so a long word would outweigh a short one several times.
_PART_WEIGHT: Final = 0.3
_SIGN_BIT: Final = 1 << 31


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
        for feature, count in Counter(_features(text)).items():
            weight = (1.0 + math.log(count)) * (_PART_WEIGHT if feature.startswith("#") else 1.0)
            digest = zlib.crc32(feature.encode("utf-8", "surrogatepass"))
            vector[digest % self.size] += weight if digest & _SIGN_BIT else -weight
        length = math.sqrt(math.fsum(value * value for value in vector))
        return [value / length for value in vector] if length else vector


def cosine(first: Sequence[float], second: Sequence[float]) -> float:
    """The cosine of two vectors of unit length or zero."""
    return math.fsum(one * other for one, other in zip(first, second, strict=True))


def _features(text: str) -> Iterator[str]:
    for word in _WORD.findall(unicodedata.normalize("NFKC", text).lower()):
        yield word
        padded = f"#{word}#"
        for at in range(len(padded) - _PART_LETTERS + 1):
            yield f"#{padded[at : at + _PART_LETTERS]}"
