"""What goes wrong again and again: low scores on one criterion, on one topic, over several conversations (mission A3).

A topic is a word of the questions. For each criterion the word is taken whose conversations score low surely more often
than the rest (the lower bound of the share, Wilson 1927); its conversations leave, and the next word is sought. What
is left and still frequent stands as a weakness on any topic. Nothing here asks a model.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from statistics import fmean
from typing import TYPE_CHECKING, Final

from selftune.curation.meaning import content_words
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
_SHORTEST: Final = 3


@dataclass(frozen=True, kw_only=True)
class _Scored:
    """One answer's score on one criterion, and the words of its question."""

    pair: Pair
    score: float
    words: frozenset[str]

    @property
    def conversation(self) -> str:
        return self.pair.interaction.conversation


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
        words = _content_words(pair)
        for criterion in pair.judgement.criteria:
            if criterion.score is not None:
                by_criterion[criterion.name].append(_Scored(pair=pair, score=criterion.score, words=words))
    found = [
        weakness
        for name, scored in sorted(by_criterion.items())
        for weakness in _weaknesses_of(name, scored, low_below, least_conversations)
    ]
    return tuple(sorted(found, key=lambda one: (-one.conversations, one.mean, one.criterion, one.topic)))[:most]


def _content_words(pair: Pair) -> frozenset[str]:
    turns = [message.content for message in pair.interaction.prompt if message.role == "user"]
    return frozenset(word for word in content_words(turns[-1]) if len(word) >= _SHORTEST) if turns else frozenset()


def _weaknesses_of(criterion: str, scored: Sequence[_Scored], low_below: float, least: int) -> Iterator[Weakness]:
    talks: dict[str, list[_Scored]] = defaultdict(list)
    for item in scored:
        talks[item.conversation].append(item)
    words = {name: _words_of(items) for name, items in talks.items()}
    low_words = {name: _words_of(item for item in items if item.score < low_below) for name, items in talks.items()}
    met = Counter(word for held in words.values() for word in held)
    low = Counter(word for held in low_words.values() for word in held)
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


def _words_of(items: Iterable[_Scored]) -> frozenset[str]:
    return frozenset(word for item in items for word in item.words)


def _worst_word(met: Counter[str], low: Counter[str], least: int, base_rate: float) -> str | None:
    """The word whose conversations are low surely more often than the criterion is on the whole; None without any."""
    bounds = {word: wilson_interval(hits, met[word], _LEVEL)[0] for word, hits in low.items() if hits >= least}
    sure = [word for word, bound in bounds.items() if bound > base_rate]
    return max(sure, key=lambda word: (bounds[word], low[word], word), default=None)


def _topic(word: str, low: Sequence[_Scored]) -> str:
    """The word, and those that most of its questions share with it."""
    counts = Counter(other for item in low for other in item.words if other != word)
    common = [other for other, count in counts.most_common() if count >= _COMMON_SHARE * len(low)]
    return ", ".join((word, *sorted(common)[: _TOPIC_WORDS - 1]))


def _weakness(criterion: str, topic: str, low: Sequence[_Scored]) -> Weakness:
    ids = [item.pair.interaction.id for item in sorted(low, key=lambda item: item.score)]
    return Weakness(
        salt=low[0].pair.interaction.salt,
        criterion=criterion,
        topic=topic,
        conversations=len({item.conversation for item in low}),
        items=len(low),
        mean=fmean(item.score for item in low),
        interaction_ids=tuple(ids[:_SHOWN]),
    )
