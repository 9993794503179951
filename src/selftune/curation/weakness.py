"""What goes wrong again and again: low scores on one criterion, on one topic, over several conversations (mission A3).

A topic is a word of the questions. For each criterion the word is taken whose conversations score low surely more often
than the rest (the lower bound of the share, Wilson 1927); its conversations leave, and the next word is sought. What
is left and still frequent stands as a weakness on any topic. Nothing here asks a model.
"""

from __future__ import annotations

from array import array
from collections import Counter, defaultdict
from itertools import count
from statistics import fmean
from typing import TYPE_CHECKING, Final, NamedTuple

from selftune.curation.facts import facts_of
from selftune.records import Weakness
from selftune.scoring.intervals import wilson_interval

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from selftune.curation.base import Pair

ANY_TOPIC: Final = "any topic"
_LEVEL: Final = 0.95
_SHOWN: Final = 5
_TOPIC_WORDS: Final = 3
_MOST_TOPICS: Final = 10
_COMMON_SHARE: Final = 0.6


class _Scored(NamedTuple):
    """One answer's score on one criterion, and the words of its question by their places in a vocabulary."""

    pair: Pair
    conversation: str
    score: float
    numbers: bytes

    @property
    def words(self) -> list[str]:
        return facts_of(self.pair).words.split()


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
    vocabulary: defaultdict[str, int] = defaultdict(count().__next__)
    for pair in pairs:
        facts = facts_of(pair)
        numbers = array("q", map(vocabulary.__getitem__, facts.words.split())).tobytes()
        for name, score in facts.scores:
            by_criterion[name].append(_Scored(pair, facts.conversation, score, numbers))
    found = [
        weakness
        for name, scored in sorted(by_criterion.items())
        for weakness in _weaknesses_of(name, scored, vocabulary, low_below, least_conversations)
    ]
    return tuple(sorted(found, key=lambda one: (-one.conversations, one.mean, one.criterion, one.topic)))[:most]


def _weaknesses_of(
    criterion: str, scored: Sequence[_Scored], vocabulary: Mapping[str, int], low_below: float, least: int
) -> Iterator[Weakness]:
    talks: dict[str, list[_Scored]] = defaultdict(list)
    for item in scored:
        talks[item.conversation].append(item)
    listed = list(talks.values())
    base_rate = sum(any(item.score < low_below for item in items) for items in listed) / len(listed)
    table = _Table(listed, vocabulary, low_below)
    for _ in range(_MOST_TOPICS):
        word = table.worst_word(least, base_rate)
        if word is None:
            break
        touched = [item for talk in table.take_out(word) for item in listed[talk]]
        failed = [item for item in touched if item.score < low_below and word in item.words]
        yield _weakness(criterion, _topic(word, failed), failed)
    rest = [item for talk in table.left() for item in listed[talk] if item.score < low_below]
    if len({item.conversation for item in rest}) >= least:
        yield _weakness(criterion, ANY_TOPIC, rest)


class _Table:
    """Which word stands in which conversation, and in which that scored low with it; counted in arrays."""

    def __init__(self, talks: Sequence[Sequence[_Scored]], vocabulary: Mapping[str, int], low_below: float) -> None:
        import numpy as np

        items = [item for talk in talks for item in talk]
        sizes = [len(item.numbers) // 8 for item in items]
        word = np.frombuffer(b"".join(item.numbers for item in items), dtype=np.int64)
        talk = np.repeat(np.repeat(np.arange(len(talks)), list(map(len, talks))), sizes)
        low = np.repeat(np.array([item.score < low_below for item in items]), sizes)
        if len(items) > len(talks):
            # A word counts once in a conversation; it scored low there when it did so once.
            once = np.lexsort((~low, word, talk))
            word, talk, low = word[once], talk[once], low[once]
            new = np.ones(len(word), dtype=bool)
            new[1:] = (word[1:] != word[:-1]) | (talk[1:] != talk[:-1])
            word, talk, low = word[new], talk[new], low[new]
        self._word, self._talk, self._low = word, talk, low
        self._left = np.ones(len(talks), dtype=bool)
        self._names, self._number = list(vocabulary), vocabulary

    def worst_word(self, least: int, base_rate: float) -> str | None:
        """The word whose conversations are low surely more often than is usual; None without any."""
        import numpy as np

        here = self._left[self._talk]
        met = np.bincount(self._word[here], minlength=len(self._names))
        low = np.bincount(self._word[here & self._low], minlength=len(self._names))
        # No lower bound lies above the share itself.
        likely = np.flatnonzero((low >= least) & (low > base_rate * met))
        counts = {(int(low[word]), int(met[word])) for word in likely}
        bounds = {each: wilson_interval(*each, _LEVEL)[0] for each in counts}
        surely = [(bound, hits, of) for (hits, of), bound in bounds.items() if bound > base_rate]
        if not surely:
            return None
        _, hits, of = max(surely)
        return max(self._names[word] for word in likely if low[word] == hits and met[word] == of)

    def take_out(self, word: str) -> list[int]:
        """The conversations left that hold a word; from now on they are none of those that are left."""
        held = self._talk[self._word == self._number[word]]
        touched: list[int] = held[self._left[held]].tolist()
        self._left[touched] = False
        return touched

    def left(self) -> list[int]:
        """The conversations that nobody took out."""
        found: list[int] = self._left.nonzero()[0].tolist()
        return found


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
