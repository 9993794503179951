"""Near-duplicates: texts that say the same facts in nearly the same words.

Two texts are compared by the Jaccard similarity of their word trigrams, but only if their facts are equal: the state
they stand under, and each quoted, capitalised or numeric word. Sentences of one template with different values share
nearly all trigrams and teach different things.

Candidates come from MinHash (`lsh.py`); each one is measured exactly, so nothing is called alike that is not.
A trigram is a hash of 64 bits of its words' CRC-32, the same in every process.
"""

from __future__ import annotations

import hashlib
import re
import sys
import unicodedata
from array import array
from functools import lru_cache
from typing import TYPE_CHECKING, Final, NamedTuple
from zlib import crc32

from selftune.curation.likeness.alike import Sketch, compare
from selftune.curation.likeness.lsh import buckets_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence

    from selftune.curation.likeness.alike import Likeness
    from selftune.records import Message

Shingles = frozenset[int]

_WORD: Final = re.compile(r"\w+(?:['\u2019.]\w+)*")
_QUOTED: Final = re.compile(r"[\"“«]([^\"”»]{1,200})[\"”»]|`([^`]{1,200})`")
_MARK: Final = re.compile(r"[\"“«`\d]")
_ASCII_MARKS: Final = '"`0123456789'
_DIGIT: Final = re.compile(r"\d")
_SHINGLE_WORDS: Final = 3
# Words whose numbers are at hand: some megabytes, and most of what people write.
_MOST_WORDS: Final = 50_000
HASHES: Final = f"{sys.implementation.cache_tag} {sys.hash_info.algorithm} {sys.hash_info.width} {sys.byteorder}"
"""What numbers out of tuples depend on: how this Python hashes."""


class Fingerprint(NamedTuple):
    """What a text is compared by: its facts as a digest, and its shingles."""

    facts: str
    shingles: Shingles


class NearDuplicates:
    """Likeness of fingerprints with equal facts, by the Jaccard similarity of their shingles."""

    def __init__(self, threshold: float) -> None:
        self.threshold = threshold
        self.form = f"near 2 {threshold} {HASHES}"

    def sketch(self, item: Fingerprint) -> Sketch:
        """The shingles in their facts."""
        facts = number_of(item.facts)
        return Sketch(hash((facts, hash(item.shingles))), facts, array("q", item.shingles).tobytes())

    def spread(self, blocks: Sequence[int], bodies: Sequence[bytes]) -> Iterator[Sequence[int]]:
        """Bands of a MinHash signature; above a threshold of 1 nothing meets."""
        if self.threshold > 1:
            return (() for _ in bodies)
        return buckets_of(blocks, bodies, self.threshold)

    def similarity(self, one: bytes, other: bytes) -> float:
        """Exactly measured."""
        return jaccard(_unpack(one), _unpack(other))


def normalise(text: str) -> str:
    """The text in normal form C with each run of white space as one space."""
    return " ".join((text if text.isascii() else unicodedata.normalize("NFC", text)).split())


def fingerprint(messages: Iterable[Message], state: str | None) -> Fingerprint:
    """The fingerprint of a conversation; its system message counts as a fact, its turns as words."""
    listed = list(messages)
    system = [normalise(message.content) for message in listed if message.role == "system"]
    text = normalise("\n".join(f"{message.role}: {message.content}" for message in listed if message.role != "system"))
    words = _WORD.findall(text)
    # Most texts in lower case hold no such word: one look at the whole spares one at each.
    marked = [] if text.islower() else sorted({word for word in words if not word.islower()})
    quoted, numbers = (quotations(text), sorted(filter(_DIGIT.search, words))) if has_marks(text) else ([], [])
    facts = digest_facts(state or "", *system, "", *quoted, "", *marked, *numbers)
    return Fingerprint(facts, shingles_of(words))


def digest_facts(*facts: str) -> str:
    """One name for a list of facts in this order."""
    return hashlib.blake2b("\x1f".join(facts).encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def number_of(text: str) -> int:
    """A text as a signed number of 64 bits, the same in every process."""
    digest = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True)


def quotations(text: str) -> list[str]:
    """What stands in quotation marks or as code, each once, in alphabetical order."""
    return sorted({first or second for first, second in _QUOTED.findall(text)}) if has_marks(text) else []


def has_marks(text: str) -> bool:
    """Whether it holds a quotation mark or a digit at all: most texts do not, and one look spares many."""
    return any(map(text.__contains__, _ASCII_MARKS)) if text.isascii() else _MARK.search(text) is not None


def shingles_of(words: Sequence[str]) -> Shingles:
    """The set of word trigrams, whatever the case; the whole of a shorter text."""
    hashed = hash_words(words)
    if len(hashed) <= _SHINGLE_WORDS:
        return frozenset({hash(tuple(hashed))})
    return frozenset(map(hash, zip(hashed, hashed[1:], hashed[2:], strict=False)))


class _Numbers(dict[str, int]):
    """The CRC-32 of each word in lower case, worked out once while it is met often."""

    def __missing__(self, word: str) -> int:
        if len(self) >= _MOST_WORDS:
            self.clear()
        number = self[word] = crc32(word.lower().encode("utf-8", "surrogatepass"))
        return number


_number_of_word: Final = _Numbers().__getitem__


def hash_words(words: Iterable[str]) -> list[int]:
    """For each word, whatever its case, a number that means the same in every process."""
    return list(map(_number_of_word, words))


@lru_cache(maxsize=256)
def _unpack(body: bytes) -> Shingles:
    return frozenset(array("q", body))


def jaccard(first: Collection[int], second: Collection[int]) -> float:
    """Size of the intersection over size of the union; 1 for two empty sets."""
    shared = len(frozenset(first).intersection(second))
    union = len(first) + len(second) - shared
    return shared / union if union else 1.0


def likenesses(prints: Iterable[Fingerprint], threshold: float) -> Iterator[Likeness]:
    """Every pair with equal facts and a similarity of at least `threshold`; equal ones once, against the first."""
    return compare(NearDuplicates(threshold), prints)
