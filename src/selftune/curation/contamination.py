"""Nothing that measures the model is learnt from: suite items, held-out prompts, and what lies close to them."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Final

from selftune.curation.base import Yardstick
from selftune.curation.lsh import crossings
from selftune.curation.meaning import gist, likeness_of
from selftune.curation.near import normalise
from selftune.records import Message

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from selftune.curation.base import Pair
    from selftune.curation.meaning import Gist
    from selftune.curation.select import Rejects
    from selftune.records import Interaction

NEIGHBOUR: Final = 0.8
CONTAMINATED: Final = "contaminated"

_WORD: Final = re.compile(r"\w+(?:['\u2019.]\w+)*")
_GRAM_WORDS: Final = 8
# Brown et al., "Language Models are Few-Shot Learners" (2020), appendix C: an n-gram that stands in more than ten
# documents of the training data is a phrase that everybody uses, and says nothing about the test.
_COMMON_FROM: Final = 11
# Two texts of one length whose vectors are alike by 0.8 share two thirds of their stems; of those that share so few as
# this, one in fifty may go unseen.
_SHARED_STEMS: Final = 0.6
_MISSED: Final = 0.02

Gram = tuple[str, ...]
Asked = tuple[str, str | None]


@dataclass(frozen=True)
class Measured:
    """Texts that measure, ready to be compared with: each under its state, for a question is another one there."""

    yardsticks: Sequence[Yardstick]

    def find_exact(self, text: str, state: str | None) -> str | None:
        """The name of the yardstick that says just this."""
        return self._exact.get((state, _plain(text)))

    def find_gram(self, text: str, state: str | None) -> Iterator[tuple[Gram, str]]:
        """Each eight words in a row that a yardstick under this state shares with the text, and its name."""
        known = self._grams.get(state, {})
        return ((gram, known[gram]) for gram in grams_of(text) if gram in known)

    def find_neighbours(self, asked: Sequence[Gist]) -> Mapping[int, tuple[str, float]]:
        """For each place whose gist is near that of a yardstick with the same facts, the nearest one and how near."""
        candidates = crossings(
            [one.stems for one in asked],
            [one.facts for one in asked],
            [one.stems for one in self._gists],
            [one.facts for one in self._gists],
            threshold=_SHARED_STEMS,
            missed=_MISSED,
        )
        nearest: dict[int, tuple[str, float]] = {}
        for place, other in candidates:
            likeness = self._likeness(asked[place], self._gists[other])
            if likeness >= NEIGHBOUR and likeness > nearest.get(place, ("", 0.0))[1]:
                nearest[place] = (self.yardsticks[other].name, likeness)
        return nearest

    def _likeness(self, asked: Gist, other: Gist) -> float:
        shared = len(asked.stems & other.stems)
        if shared < _SHARED_STEMS * len(asked.stems | other.stems):
            return 0.0
        return likeness_of(asked.words, other.words)

    @cached_property
    def _exact(self) -> Mapping[tuple[str | None, str], str]:
        return {(item.state, _plain(item.text)): item.name for item in self.yardsticks}

    @cached_property
    def _grams(self) -> Mapping[str | None, Mapping[Gram, str]]:
        known: dict[str | None, dict[Gram, str]] = defaultdict(dict)
        for item in self.yardsticks:
            known[item.state].update(dict.fromkeys(grams_of(item.text), item.name))
        return known

    @cached_property
    def _gists(self) -> Sequence[Gist]:
        return [_gist(item.text, item.state) for item in self.yardsticks]


def decontaminate(pairs: Sequence[Pair], measured: Measured, rejects: Rejects) -> tuple[Pair, ...]:
    """The pairs whose questions measure nothing; each other one is rejected with what it lies too close to."""
    if not measured.yardsticks:
        return tuple(pairs)
    asked = [(question_of(pair.interaction), pair.interaction.state) for pair in pairs]
    found = {**_in_meaning(asked, measured), **_in_part(asked, measured), **_word_for_word(asked, measured)}
    for place, reason in sorted(found.items()):
        rejects.add(pairs[place], f"{CONTAMINATED}: {reason}")
    return tuple(pair for place, pair in enumerate(pairs) if place not in found)


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
            yield Yardstick(name="a held-out question", text=text, state=state)


def grams_of(text: str) -> set[Gram]:
    """Eight words in a row, case and punctuation left out; none of a shorter text."""
    words = _WORD.findall(text.lower())
    return set(zip(*(words[at:] for at in range(_GRAM_WORDS)), strict=False))


def _word_for_word(asked: Sequence[Asked], measured: Measured) -> Mapping[int, str]:
    named = ((place, measured.find_exact(*one)) for place, one in enumerate(asked))
    return {place: f"it is {name} word for word" for place, name in named if name}


def _in_part(asked: Sequence[Asked], measured: Measured) -> Mapping[int, str]:
    shared = [list(measured.find_gram(*one)) for one in asked]
    # Asking the same thing again and again makes nothing common.
    texts = {_plain(text): grams for (text, _), grams in zip(asked, shared, strict=True)}
    counts = Counter(gram for grams in texts.values() for gram, _ in grams)
    return {
        place: f"it shares {_GRAM_WORDS} words in a row with {name}"
        for place, grams in enumerate(shared)
        for gram, name in grams
        if counts[gram] < _COMMON_FROM
    }


def _in_meaning(asked: Sequence[Asked], measured: Measured) -> Mapping[int, str]:
    nearest = measured.find_neighbours([_gist(*one) for one in asked])
    return {place: f"it is {likeness:.2f} like {name}" for place, (name, likeness) in nearest.items()}


def _gist(text: str, state: str | None) -> Gist:
    return gist((Message(role="user", content=text),), state)


def _plain(text: str) -> str:
    return normalise(text).lower()
