"""What a text is about, whatever the order and the form of its words; no model is asked.

The content words are hashed into a vector (`scoring/embedding.py`), which knows spelling and not meaning: a sentence
in another order or inflection is found, a paraphrase in other words is not.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Final, NamedTuple

from selftune.curation.likeness.alike import Sketch, compare
from selftune.curation.likeness.near import HASHES, digest_facts, has_marks, normalise, number_of, quotations
from selftune.scoring.embedding import HashedWords, cosine

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from selftune.curation.likeness.alike import Likeness
    from selftune.records import Message

_WORD: Final = re.compile(r"[^\W_]+")
_INSIDE: Final = re.compile(r"(?<=[^.!?…:\s]\s)[^\W_]+")
_NUMBER: Final = re.compile(r"\w*\d\w*")
_NEGATIONS: Final = frozenset({"not", "no", "never", "none", "nothing", "without", "cannot"})
_CONTRACTED: Final = ("n't", "n\u2019t")
# Words that carry grammar and no topic. What they turn round, a negation does: those count as facts.
_GRAMMAR_WORDS: Final = """
a about an and any are as at be been being but by can cannot could d did do does done for from had has have he her here
him his how i if in into is it its just ll m may me might mine must my need needed no not of on or our out please re s
shall she should so some t than that the their them then there these they this those to too up us ve very was we were
what when where which who whom whose why will with would you your yours
"""
_GRAMMAR: Final = frozenset(_GRAMMAR_WORDS.split())
STEM_LETTERS: Final = 3

embed: Final = HashedWords()


class Gist(NamedTuple):
    """What a text is compared by: its facts as a digest, and the content words of each turn under its role."""

    facts: str
    told: tuple[tuple[str, Sequence[str]], ...]

    @property
    def stems(self) -> frozenset[str]:
        """How the words begin, question and answer told apart: two questions with one answer are two lessons."""
        return frozenset(f"{role}: {word[:STEM_LETTERS]}" for role, spoken in self.told for word in spoken)

    @property
    def words(self) -> list[str]:
        """All of them, in order."""
        return [word for _, spoken in self.told for word in spoken]


class SameMeaning:
    """Likeness of gists with equal facts and words that begin alike, by the cosine of the words' vectors.

    No word may stand alone: the one that differs is, in sentences of one template, what they are about.
    """

    def __init__(self, threshold: float) -> None:
        self.threshold = threshold
        self.form = f"meaning 1 {threshold} {embed.name} {embed.size} {HASHES}"

    def sketch(self, item: Gist) -> Sketch | None:
        """The words in alphabetical order, for the vector knows none; None of a text without words."""
        words = " ".join(sorted(item.words))
        if not words or self.threshold > 1:
            return None
        block = number_of("\n".join((item.facts, *sorted(item.stems))))
        return Sketch(hash((block, number_of(words))), block, words.encode("utf-8", "surrogatepass"))

    def spread(self, blocks: Sequence[int], bodies: Sequence[bytes]) -> Iterator[Sequence[int]]:
        """The block is the one bucket."""
        del bodies
        return ((block,) for block in blocks)

    def similarity(self, one: bytes, other: bytes) -> float:
        """The cosine of the vectors, 1 at most."""
        return likeness_in_words(one, other)


def likeness_in_words(one: bytes, other: bytes) -> float:
    """The cosine of two lists of content words, each in UTF-8 with spaces between, from 0 to 1."""
    return min(1.0, max(0.0, cosine(_vector_of(one), _vector_of(other))))


@lru_cache(maxsize=256)
def _vector_of(words: bytes) -> Sequence[float]:
    return embed(words.decode("utf-8", "surrogatepass"))


def gist(messages: Iterable[Message], state: str | None) -> Gist:
    """The gist of a conversation: numbers, quotations, names, negations, system message and state are its facts.

    Numbers and names count in their order: from one to the other is not from the other to the one.
    """
    listed = list(messages)
    system = [normalise(message.content) for message in listed if message.role == "system"]
    text = normalise("\n".join(message.content for message in listed if message.role != "system"))
    names = [] if text.islower() else [word for word in _INSIDE.findall(text) if not word.islower() and word != "I"]
    quoted, numbers = (quotations(text), _NUMBER.findall(text)) if has_marks(text) else ([], [])
    told = [(message.role, _WORD.findall(message.content.lower())) for message in listed if message.role != "system"]
    negated = sum(map(_count_negations, (spoken for _, spoken in told))) + sum(map(text.count, _CONTRACTED))
    facts = digest_facts(state or "", *system, "", *quoted, "", *names, str(negated), *numbers)
    return Gist(facts, tuple((role, _content_of(spoken)) for role, spoken in told))


def _count_negations(spoken: Sequence[str]) -> int:
    return 0 if _NEGATIONS.isdisjoint(spoken) else sum(word in _NEGATIONS for word in spoken)


def _content_of(spoken: Sequence[str]) -> Sequence[str]:
    """The words that carry the topic; all of them where it is carried by grammar alone (`who are you?`)."""
    return [word for word in spoken if word not in _GRAMMAR] or spoken


def content_words(text: str) -> tuple[str, ...]:
    """The words that carry the topic, in lower case and in order."""
    return tuple(_content_of(_WORD.findall(text.lower())))


def likeness_of(first: Sequence[str], second: Sequence[str]) -> float:
    """The cosine of two lists of content words, from 0 (nothing in common) to 1."""
    return max(0.0, cosine(embed(" ".join(first)), embed(" ".join(second))))


def same_in_meaning(gists: Sequence[Gist], threshold: float) -> Iterator[Likeness]:
    """Every two whose facts are equal, whose words begin alike, and whose vectors are alike by the threshold."""
    return compare(SameMeaning(threshold), gists)
