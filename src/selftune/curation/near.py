"""Near-duplicates: texts that say the same facts in nearly the same words.

Two texts are compared by the Jaccard similarity of their word trigrams, but only if their facts are equal: the state
they stand under, and each quoted, capitalised or numeric word. Sentences of one template with different values share
nearly all trigrams and teach different things.

The join is exact: prefix filtering (Bayardo, Ma & Srikant, "Scaling up all pairs similarity search", WWW 2007) loses
no pair at or above the threshold.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Final, NamedTuple

from selftune.records import digest_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from selftune.records import Message

Shingles = frozenset[tuple[str, ...]]

_WORD: Final = re.compile(r"\w+(?:['\u2019.]\w+)*")
_QUOTED: Final = re.compile(r"[\"“«]([^\"”»]{1,200})[\"”»]|`([^`]{1,200})`")
_SHINGLE_WORDS: Final = 3


class Fingerprint(NamedTuple):
    """What a text is compared by: its facts as a digest, and its shingles."""

    facts: str
    shingles: Shingles


class Likeness(NamedTuple):
    """Two places in a sequence whose texts are alike, the earlier one first, and how much."""

    first: int
    second: int
    similarity: float


def normalise(text: str) -> str:
    """The text in normal form C with each run of white space as one space."""
    return " ".join(unicodedata.normalize("NFC", text).split())


def fingerprint(messages: Iterable[Message], state: str | None) -> Fingerprint:
    """The fingerprint of a conversation; its system message counts as a fact, its turns as words."""
    listed = list(messages)
    system = [normalise(message.content) for message in listed if message.role == "system"]
    text = normalise("\n".join(f"{message.role}: {message.content}" for message in listed if message.role != "system"))
    quoted = sorted({first or second for first, second in _QUOTED.findall(text)})
    marked = sorted({word for word in _WORD.findall(text) if word != word.lower()})
    numbers = sorted(Counter(word for word in _WORD.findall(text) if any(map(str.isdigit, word))).items())
    return Fingerprint(digest_of([system, state, quoted, marked, numbers]), shingles_of(text))


def shingles_of(text: str) -> Shingles:
    """The set of word trigrams, case and punctuation left out; the whole of a shorter text."""
    words = tuple(word.lower() for word in _WORD.findall(text))
    count = max(1, len(words) - _SHINGLE_WORDS + 1)
    return frozenset(words[at : at + _SHINGLE_WORDS] for at in range(count))


def jaccard(first: Shingles, second: Shingles) -> float:
    """Size of the intersection over size of the union; 1 for two empty sets."""
    union = len(first | second)
    return len(first & second) / union if union else 1.0


def likenesses(prints: Sequence[Fingerprint], threshold: float) -> Iterator[Likeness]:
    """Every pair with equal facts and a similarity of at least `threshold`; equal ones once, against the first."""
    blocks: dict[str, dict[Shingles, int]] = defaultdict(dict)
    for place, item in enumerate(prints):
        twin = blocks[item.facts].setdefault(item.shingles, place)
        if twin != place:
            yield Likeness(twin, place, 1.0)
    if threshold <= 1:
        for block in blocks.values():
            yield from _join(block, threshold)


def _join(block: dict[Shingles, int], threshold: float) -> Iterator[Likeness]:
    if len(block) == 1:
        return
    rarity = Counter(shingle for shingles in block for shingle in shingles)
    index: dict[tuple[str, ...], list[Shingles]] = defaultdict(list)
    for shingles in sorted(block, key=lambda item: (len(item), block[item])):
        ordered = sorted(shingles, key=lambda shingle: (rarity[shingle], shingle))
        prefix = ordered[: len(ordered) - math.ceil(threshold * len(ordered)) + 1]
        for other in {known for shingle in prefix for known in index[shingle]}:
            similarity = jaccard(shingles, other)
            if similarity >= threshold:
                first, second = sorted((block[shingles], block[other]))
                yield Likeness(first, second, similarity)
        for shingle in prefix:
            index[shingle].append(shingles)
