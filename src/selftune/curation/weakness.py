"""What goes wrong again and again: low scores on one criterion, on one topic, over several conversations (mission A3).

A topic is a word of the questions. For each criterion the word is taken whose conversations score low surely more often
than the rest (the lower bound of the share, Wilson 1927); its conversations leave, and the next word is sought. What
is left and still frequent stands as a weakness on any topic. Nothing here asks a model.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from itertools import chain
from statistics import fmean
from typing import TYPE_CHECKING, Final, NamedTuple

from selftune.curation.facts import facts_of
from selftune.records import Weakness
from selftune.scoring.intervals import wilson_interval

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from selftune.curation.base import Pair

ANY_TOPIC: Final = "any topic"
_LEVEL: Final = 0.95
_SHOWN: Final = 5
_TOPIC_WORDS: Final = 3
_MOST_TOPICS: Final = 10
_COMMON_SHARE: Final = 0.6


class _Scored(NamedTuple):
    """One answer's score on one criterion, and the words of its question."""

    pair: Pair
    score: float
    words: frozenset[str]

    @property
    def conversation(self) -> str:
        return facts_of(self.pair).conversation


def find_weaknesses(
    pairs: Iterable[Pair], *, low_below: float, least_conversations: int, most: int = 20
) -> tuple[Weakness, ...]:
    """The weaknesses of a judged log, the one over most conversations first.

    Args:
        pairs: Judged interactions; a criterion without a score is never taken for a low one.
        low_below: A score below it is low, on the rubric's scale.
        least_conversations: In how many different conversations it must have gone wrong.
        most: How many are listed.
    """
    by_criterion: dict[str, list[_Scored]] = defaultdict(list)
    for pair in pairs:
        facts = facts_of(pair)
        words = frozenset(facts.words)
        for name, score in facts.scores:
            by_criterion[name].append(_Scored(pair, score, words))
    found = [
        weakness
        for name, scored in sorted(by_criterion.items())
        for weakness in _weaknesses_of(name, scored, low_below, least_conversations)
    ]
    return tuple(sorted(found, key=lambda one: (-one.conversations, one.mean, one.criterion, one.topic)))[:most]


def _weaknesses_of(criterion: str, scored: Sequence[_Scored], low_below: float, least: int) -> Iterator[Weakness]:
    talks: dict[str, list[_Scored]] = defaultdict(list)
    for item in scored:
        talks[item.conversation].append(item)
    words = {name: _words_of(items) for name, items in talks.items()}
    low_words = {name: _words_of([item for item in items if item.score < low_below]) for name, items in talks.items()}
    met = Counter(chain.from_iterable(words.values()))
    low = Counter(chain.from_iterable(low_words.values()))
    base_rate = sum(any(item.score < low_below for item in items) for items in talks.values()) / len(talks)
    for _ in range(_MOST_TOPICS):
        word = _worst_word(met, low, least, base_rate)
        if word is None:
            break
        touched = [name for name, held in words.items() if word in held]
        failed = [item for name in touched for item in talks[name] if item.score < low_below and word in item.words]
        yield _weakness(criterion, _topic(word, failed), failed)
        for name in touched:
            met.subtract(words.pop(name))
            low.subtract(low_words.pop(name))
    rest = [item for name in words for item in talks[name] if item.score < low_below]
    if len({item.conversation for item in rest}) >= least:
        yield _weakness(criterion, ANY_TOPIC, rest)


def _words_of(items: Sequence[_Scored]) -> frozenset[str]:
    return items[0].words if len(items) == 1 else frozenset().union(*(item.words for item in items))


def _worst_word(met: Counter[str], low: Counter[str], least: int, base_rate: float) -> str | None:
    """The word whose conversations are low surely more often than the criterion is on the whole; None without any."""
    counted: dict[tuple[int, int], str] = {}
    for word, hits in low.items():
        # No lower bound lies above the share itself.
        if hits >= least and hits > base_rate * (of := met[word]):
            counted[hits, of] = max(word, counted.get((hits, of), ""))
    bounds = {word: (wilson_interval(hits, of, _LEVEL)[0], hits, word) for (hits, of), word in counted.items()}
    return max((word for word, found in bounds.items() if found[0] > base_rate), key=bounds.__getitem__, default=None)


def _topic(word: str, low: Sequence[_Scored]) -> str:
    """The word, and those that most of its questions share with it."""
    counts = Counter(other for item in low for other in item.words if other != word)
    common = [other for other, count in counts.most_common() if count >= _COMMON_SHARE * len(low)]
    return ", ".join((word, *sorted(common)[: _TOPIC_WORDS - 1]))


def _weakness(criterion: str, topic: str, low: Sequence[_Scored]) -> Weakness:
    ids = [item.pair.key.interaction_id for item in sorted(low, key=lambda item: item.score)]
    return Weakness(
        salt=facts_of(low[0].pair).salt,
        criterion=criterion,
        topic=topic,
        conversations=len({item.conversation for item in low}),
        items=len(low),
        mean=fmean(item.score for item in low),
        interaction_ids=tuple(ids[:_SHOWN]),
    )
