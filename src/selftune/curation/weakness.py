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
    left = list(scored)
    base_rate = _rate(scored, low_below)
    while word := _worst_word(left, low_below, least, base_rate):
        touched = {item.conversation for item in left if word in item.words}
        low = [item for item in left if item.score < low_below and word in item.words]
        yield _weakness(criterion, _topic(word, low), low)
        left = [item for item in left if item.conversation not in touched]
    rest = [item for item in left if item.score < low_below]
    if len(_conversations(rest)) >= least:
        yield _weakness(criterion, ANY_TOPIC, rest)


def _worst_word(left: Sequence[_Scored], low_below: float, least: int, base_rate: float) -> str | None:
    """The word whose conversations are low surely more often than the criterion is on the whole; None without any."""
    met: dict[str, set[str]] = defaultdict(set)
    low: dict[str, set[str]] = defaultdict(set)
    for item in left:
        for word in item.words:
            met[word].add(item.conversation)
            if item.score < low_below:
                low[word].add(item.conversation)
    bounds = {
        word: wilson_interval(len(hits), len(met[word]), _LEVEL)[0] for word, hits in low.items() if len(hits) >= least
    }
    sure = [word for word, bound in bounds.items() if bound > base_rate]
    return max(sure, key=lambda word: (bounds[word], len(low[word]), word), default=None)


def _rate(scored: Sequence[_Scored], low_below: float) -> float:
    low = [item for item in scored if item.score < low_below]
    return len(_conversations(low)) / len(_conversations(scored))


def _conversations(items: Iterable[_Scored]) -> set[str]:
    return {item.conversation for item in items}


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
        conversations=len(_conversations(low)),
        items=len(low),
        mean=fmean(item.score for item in low),
        interaction_ids=tuple(ids[:_SHOWN]),
    )
