"""Nothing that measures the model is learnt from: suite items, held-out prompts, and what lies close to them."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Final

from selftune.curation.base import Yardstick
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
_SHARED_STEMS: Final = 0.5

Gram = tuple[str, ...]


@dataclass(frozen=True)
class Measured:
    """Texts that measure, ready to be compared with: each under its state, for a question is another one there."""

    yardsticks: Sequence[Yardstick]

    def find_exact(self, text: str, state: str | None) -> str | None:
        """The name of the yardstick that says just this."""
        return self._exact.get((state, _plain(text)))

    def find_gram(self, text: str, state: str | None, common: frozenset[Gram]) -> str | None:
        """The name of a yardstick that shares eight words in a row with the text, unless everybody writes those."""
        grams = (gram for gram in grams_of(text) if gram not in common)
        return next((name for gram in grams if (name := self._grams.get((state, gram)))), None)

    def find_neighbour(self, text: str, state: str | None) -> tuple[str, float] | None:
        """The nearest yardstick in meaning that holds the same facts, if it is near enough, and how near."""
        asked = _gist(text, state)
        near = [(likeness_of(asked.words, self._gists[place].words), place) for place in self._candidates(asked)]
        likeness, place = max(near, default=(0.0, 0))
        return (self.yardsticks[place].name, likeness) if likeness >= NEIGHBOUR else None

    def _candidates(self, asked: Gist) -> Iterator[int]:
        shared = Counter(place for stem in asked.stems for place in self._stems.get((asked.facts, stem), ()))
        for place, count in shared.items():
            if count >= _SHARED_STEMS * max(len(asked.stems), len(self._gists[place].stems)):
                yield place

    @cached_property
    def _exact(self) -> Mapping[tuple[str | None, str], str]:
        return {(item.state, _plain(item.text)): item.name for item in self.yardsticks}

    @cached_property
    def _grams(self) -> Mapping[tuple[str | None, Gram], str]:
        return {(item.state, gram): item.name for item in self.yardsticks for gram in grams_of(item.text)}

    @cached_property
    def _gists(self) -> Sequence[Gist]:
        return [_gist(item.text, item.state) for item in self.yardsticks]

    @cached_property
    def _stems(self) -> Mapping[tuple[str, str], Sequence[int]]:
        index: dict[tuple[str, str], list[int]] = defaultdict(list)
        for place, measure in enumerate(self._gists):
            for stem in measure.stems:
                index[measure.facts, stem].append(place)
        return index


def decontaminate(pairs: Sequence[Pair], measured: Measured, rejects: Rejects) -> tuple[Pair, ...]:
    """The pairs whose questions measure nothing; each other one is rejected with what it lies too close to."""
    if not measured.yardsticks:
        return tuple(pairs)
    asked = [question_of(pair.interaction) for pair in pairs]
    common = common_grams(asked)
    kept = []
    for pair, text in zip(pairs, asked, strict=True):
        found = _find(text, pair.interaction.state, measured, common)
        if found is None:
            kept.append(pair)
        else:
            rejects.add(pair, f"{CONTAMINATED}: {found}")
    return tuple(kept)


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


def common_grams(texts: Iterable[str]) -> frozenset[Gram]:
    """What stands in more than ten different texts."""
    counts = Counter(gram for text in {_plain(text) for text in texts} for gram in grams_of(text))
    return frozenset(gram for gram, count in counts.items() if count >= _COMMON_FROM)


def _find(text: str, state: str | None, measured: Measured, common: frozenset[Gram]) -> str | None:
    if name := measured.find_exact(text, state):
        return f"it is {name} word for word"
    if name := measured.find_gram(text, state, common):
        return f"it shares {_GRAM_WORDS} words in a row with {name}"
    if near := measured.find_neighbour(text, state):
        return f"it is {near[1]:.2f} like {near[0]}"
    return None


def _gist(text: str, state: str | None) -> Gist:
    return gist((Message(role="user", content=text),), state)


def _plain(text: str) -> str:
    return normalise(text).lower()
