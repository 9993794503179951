"""Nothing that measures the model is learnt from: suite items, held-out prompts, and what lies close to them."""

from __future__ import annotations

import re
from array import array
from collections import defaultdict
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Final, NamedTuple
from zlib import crc32

from selftune.curation.base import Yardstick
from selftune.curation.likeness.alike import Sketch, cross
from selftune.curation.likeness.lsh import buckets_of
from selftune.curation.likeness.meaning import STEM_LETTERS, embed, gist, likeness_in_words
from selftune.curation.likeness.near import HASHES, hash_words, normalise, number_of
from selftune.records import Message

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from selftune.curation.base import Pair
    from selftune.curation.likeness.meaning import Gist
    from selftune.curation.rejects import Rejects
    from selftune.records import Interaction

NEIGHBOUR: Final = 0.8
CONTAMINATED: Final = "contaminated"
HELD_QUESTION: Final = "a held-out question"

_WORD: Final = re.compile(r"\w+(?:['\u2019.]\w+)*")
_GRAM_WORDS: Final = 8
# Brown et al., "Language Models are Few-Shot Learners" (2020), appendix C: an n-gram that stands in more than ten
# documents of the training data is a phrase that everybody uses, and says nothing about the test.
COMMON_FROM: Final = 11
# Two texts of one length whose vectors are alike by 0.8 share two thirds of their stems; of those that share so few as
# this, one in fifty may go unseen.
_SHARED_STEMS: Final = 0.6
_MISSED: Final = 0.02

Asked = tuple[str, str | None]
"""A question and the state it is asked under."""


class Question(NamedTuple):
    """What of a question is compared; each number has 64 bits, signed, and is the same in every process.

    Attributes:
        state: Names the state it is asked under.
        plain: Names its words, whatever their case and white space.
        grams: Every eight words in a row.
        gist: What its meaning is compared by; None of a text without words.
    """

    state: int
    plain: int
    grams: frozenset[int]
    gist: Sketch | None


class Neighbouring:
    """Likeness of the gists of questions with equal facts: two of three beginnings of words shared, vectors alike."""

    threshold = NEIGHBOUR
    form = f"exams 2 {NEIGHBOUR} {_SHARED_STEMS} {_MISSED} {embed.name} {embed.size} {HASHES}"

    def sketch(self, item: Gist) -> Sketch | None:
        """The words in alphabetical order; None of a text without words."""
        facts, words = number_of(item.facts), " ".join(sorted(item.words))
        if not words:
            return None
        return Sketch(hash((facts, number_of(words))), facts, words.encode("utf-8", "surrogatepass"))

    def spread(self, blocks: Sequence[int], bodies: Sequence[bytes]) -> Iterator[Sequence[int]]:
        """Bands of a MinHash signature of how the words begin."""
        sets = [array("q", map(crc32, _stems_of(body))).tobytes() for body in bodies]
        return buckets_of(blocks, sets, _SHARED_STEMS, _MISSED)

    def similarity(self, one: bytes, other: bytes) -> float:
        """The cosine of the vectors; 0 where too few words begin alike."""
        stems, others = _stems_of(one), _stems_of(other)
        return likeness_in_words(one, other) if len(stems & others) >= _SHARED_STEMS * len(stems | others) else 0.0


def _stems_of(words: bytes) -> frozenset[bytes]:
    if words.isascii():
        return frozenset([word[:STEM_LETTERS] for word in words.split(b" ")])
    spelt = words.decode("utf-8", "surrogatepass").split(" ")
    return frozenset(word[:STEM_LETTERS].encode("utf-8", "surrogatepass") for word in spelt)


@dataclass(frozen=True)
class Measured:
    """Texts that measure, ready to be compared with: each under its state, for a question is another one there."""

    yardsticks: Sequence[Yardstick]

    def find_exact(self, text: str, state: str | None) -> str | None:
        """The name of the yardstick that says just this."""
        return self._exact.get((state, plain_text(text)))

    def find_grams(self, text: str, state: str | None) -> Mapping[int, str]:
        """Each eight words in a row that a yardstick under this state shares with the text, and its name."""
        known = self._grams.get(state)
        # Two sets meet without a step of Python each; a set and a mapping do not.
        return {gram: known[gram] for gram in grams_of(text) & self._gram_sets[state]} if known else {}

    def find_neighbours(self, asked: Iterable[Gist]) -> Mapping[int, tuple[str, float]]:
        """For each place whose gist is near that of a yardstick with the same facts, the nearest one and how near."""
        nearest: dict[int, tuple[str, float]] = {}
        for place, other, likeness in cross(Neighbouring(), asked, self._gists):
            found = (self.yardsticks[other].name, likeness)
            nearest[place] = min(nearest.get(place, found), found, key=lambda each: (-each[1], each[0]))
        return nearest

    @cached_property
    def _exact(self) -> Mapping[tuple[str | None, str], str]:
        return {(item.state, plain_text(item.text)): item.name for item in self._last_first}

    @cached_property
    def _grams(self) -> Mapping[str | None, Mapping[int, str]]:
        known: dict[str | None, dict[int, str]] = defaultdict(dict)
        for item in self._last_first:
            known[item.state].update(dict.fromkeys(grams_of(item.text), item.name))
        return known

    @cached_property
    def _gram_sets(self) -> Mapping[str | None, frozenset[int]]:
        return {state: frozenset(grams) for state, grams in self._grams.items()}

    @property
    def _last_first(self) -> Sequence[Yardstick]:
        """Of several that say the same, the first by name is the one that is named."""
        return sorted(self.yardsticks, key=lambda item: item.name, reverse=True)

    @cached_property
    def _gists(self) -> Sequence[Gist]:
        return [_gist(item.text, item.state) for item in self.yardsticks]


def decontaminate(pairs: Sequence[Pair], measured: Measured, rejects: Rejects) -> tuple[Pair, ...]:
    """The pairs whose questions measure nothing; each other one is rejected with what it lies too close to."""
    if not measured.yardsticks:
        return tuple(pairs)
    return leave_out(pairs, find_overlaps([asked_in(pair.interaction) for pair in pairs], measured), rejects)


def leave_out(pairs: Sequence[Pair], found: Mapping[int, str], rejects: Rejects) -> tuple[Pair, ...]:
    """The pairs that nothing was found against; each other one is rejected with what it lies too close to."""
    for place, reason in sorted(found.items()):
        rejects.add(pairs[place], f"{CONTAMINATED}: {reason}")
    return tuple(pair for place, pair in enumerate(pairs) if place not in found)


def find_overlaps(asked: Sequence[Asked], measured: Measured) -> dict[int, str]:
    """For each place whose question lies too close to a yardstick, to which one and how."""
    return {**_in_meaning(asked, measured), **_in_part(asked, measured), **_word_for_word(asked, measured)}


def asked_in(interaction: Interaction) -> Asked:
    """What a person asked, and under which state."""
    return question_of(interaction), interaction.state


def question_of(interaction: Interaction) -> str:
    """What a person asked, turn by turn; a system message is a setting and no question."""
    return "\n".join(message.content for message in interaction.prompt if message.role == "user")


def held_yardsticks(pairs: Iterable[Pair]) -> Iterator[Yardstick]:
    """Held-out questions as yardsticks, each once."""
    seen = set()
    for pair in pairs:
        text, state = question_of(pair.interaction), pair.interaction.state
        if (text, state) not in seen:
            seen.add((text, state))
            yield Yardstick(name=HELD_QUESTION, text=text, state=state)


def name_question(text: str, state: str | None) -> int:
    """Names a question under its state."""
    return hash((number_of(state or ""), state is None, number_of(text)))


def measure_question(text: str, state: str | None) -> Question:
    """All that a question is compared by."""
    named = hash((number_of(state or ""), state is None))
    return Question(named, number_of(plain_text(text)), grams_of(text), Neighbouring().sketch(_gist(text, state)))


def grams_of(text: str) -> frozenset[int]:
    """Eight words in a row, each as a hash, case and punctuation left out; none of a shorter text."""
    words = hash_words(_WORD.findall(text))
    return frozenset(map(hash, zip(*(words[at:] for at in range(_GRAM_WORDS)), strict=False)))


def plain_text(text: str) -> str:
    """The text in normal form and lower case."""
    return normalise(text).lower()


def word_for_word(name: str) -> str:
    """Why a question is left out that is one of the yardsticks."""
    return f"it is {name} word for word"


def in_part(name: str) -> str:
    """Why one is left out that quotes a yardstick."""
    return f"it shares {_GRAM_WORDS} words in a row with {name}"


def in_meaning(name: str, likeness: float) -> str:
    """Why one is left out that is near a yardstick."""
    return f"it is {likeness:.2f} like {name}"


def _word_for_word(asked: Sequence[Asked], measured: Measured) -> Mapping[int, str]:
    named = ((place, measured.find_exact(*one)) for place, one in enumerate(asked))
    return {place: word_for_word(name) for place, name in named if name}


def _in_part(asked: Sequence[Asked], measured: Measured) -> Mapping[int, str]:
    shared = [measured.find_grams(*one) for one in asked]
    # Asking the same thing again and again makes nothing common.
    texts: dict[int, set[str]] = defaultdict(set)
    for (text, _), grams in zip(asked, shared, strict=True):
        for gram in grams:
            texts[gram].add(plain_text(text))
    telling = [[name for gram, name in grams.items() if len(texts[gram]) < COMMON_FROM] for grams in shared]
    return {place: in_part(min(names)) for place, names in enumerate(telling) if names}


def _in_meaning(asked: Sequence[Asked], measured: Measured) -> Mapping[int, str]:
    nearest = measured.find_neighbours(_gist(*one) for one in asked)
    return {place: in_meaning(*found) for place, found in nearest.items()}


def _gist(text: str, state: str | None) -> Gist:
    return gist((Message(role="user", content=text),), state)
