"""Near-duplicates: texts that say the same facts in nearly the same words.

Two texts are compared by the Jaccard similarity of their word trigrams, but only if their facts are equal: the state
they stand under, and each quoted, capitalised or numeric word. Sentences of one template with different values share
nearly all trigrams and teach different things.

Candidates come from MinHash (`lsh.py`); each one is measured exactly, so nothing is called alike that is not.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from typing import TYPE_CHECKING, Final, NamedTuple

from selftune.curation.lsh import collisions

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from selftune.records import Message

Shingles = frozenset[str]

_WORD: Final = re.compile(r"\w+(?:['\u2019.]\w+)*")
_QUOTED: Final = re.compile(r"[\"“«]([^\"”»]{1,200})[\"”»]|`([^`]{1,200})`")
_MARK: Final = re.compile(r"[\"“«`]")
_DIGIT: Final = re.compile(r"\d")
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
    words = _WORD.findall(text)
    # Most texts in lower case hold no such word: one look at the whole spares one at each.
    marked = [] if text.islower() else sorted({word for word in words if not word.islower()})
    numbers = sorted(filter(_DIGIT.search, words)) if _DIGIT.search(text) else []
    facts = digest_facts(state or "", *system, "", *quotations(text), "", *marked, *numbers)
    return Fingerprint(facts, _shingles([word.lower() for word in words]))


def digest_facts(*facts: str) -> str:
    """One name for a list of facts in this order."""
    return hashlib.blake2b("\x1f".join(facts).encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def quotations(text: str) -> list[str]:
    """What stands in quotation marks or as code, each once, in alphabetical order."""
    return sorted({first or second for first, second in _QUOTED.findall(text)}) if _MARK.search(text) else []


def shingles_of(text: str) -> Shingles:
    """The set of word trigrams, case and punctuation left out; the whole of a shorter text."""
    return _shingles(_WORD.findall(text.lower()))


def _shingles(words: Sequence[str]) -> Shingles:
    if len(words) <= _SHINGLE_WORDS:
        return frozenset({" ".join(words)})
    return frozenset(map(" ".join, zip(words, words[1:], words[2:], strict=False)))


def jaccard(first: Shingles, second: Shingles) -> float:
    """Size of the intersection over size of the union; 1 for two empty sets."""
    union = len(first | second)
    return len(first & second) / union if union else 1.0


def likenesses(prints: Sequence[Fingerprint], threshold: float) -> Iterator[Likeness]:
    """Every pair with equal facts and a similarity of at least `threshold`; equal ones once, against the first."""
    firsts: dict[Fingerprint, int] = {}
    for place, item in enumerate(prints):
        twin = firsts.setdefault(item, place)
        if twin != place:
            yield Likeness(twin, place, 1.0)
    if threshold > 1:
        return
    places = list(firsts.values())
    sets = [prints[place].shingles for place in places]
    for first, second in collisions(sets, [prints[place].facts for place in places], threshold):
        similarity = jaccard(sets[first], sets[second])
        if similarity >= threshold:
            yield Likeness(places[first], places[second], similarity)
