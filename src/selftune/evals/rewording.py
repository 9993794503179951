"""Questions that are one another but for a word: a held-out item reworded so was known before.

Likeness by sets of words or by beginnings of words does not see it in a short question, and must not: sentences of one
template differ in just one word, and ask different things. What tells the two apart stands in the item itself. Where
the same answer is expected under the same setting, a word was replaced; where another one is, or where another number
stands in it, it is another question.

Source of the distance:
    F. J. Damerau, "A technique for computer detection and correction of spelling errors", CACM 7 (1964), over words in
    place of letters: a word is replaced, put in or left out, or two neighbours change places, for 1 each.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

_WORD: Final = re.compile(r"\w+(?:['\u2019.-]\w+)*")
# One word in so many may differ, and one in any case; in long texts shared passages are looked for by other means.
_WORDS_FOR_EACH: Final = 10
_MOST: Final = 5
# In fewer words a single one is most of what is asked.
_FEWEST: Final = 4


def find_reworded(held: Sequence[str], known: Sequence[str]) -> Iterator[tuple[int, int, int]]:
    """Places of a held text and of a known one that say nearly the same, and how many words lie between; few do.

    Equal texts are among them, at distance 0. The first known one that is nearest is named.
    """
    spoken = [words_of(text) for text in known]
    holding = _index(spoken)
    for place, text in enumerate(held):
        said = words_of(text)
        if len(said) < _FEWEST:
            continue
        most = allowed(len(said))
        # Set apart by length and by words alone, which costs little, before they are aligned.
        alike = [at for at in _candidates(said, holding, most) if abs(len(spoken[at]) - len(said)) <= most]
        alike = [at for at in sorted(alike) if (Counter(said) - Counter(spoken[at])).total() <= most]
        near = [
            (apart, at)
            for at in alike
            if _numbers(said) == _numbers(spoken[at]) and (apart := distance(said, spoken[at], most)) is not None
        ]
        if near:
            apart, at = min(near)
            yield place, at, apart


def allowed(words: int) -> int:
    """By how many words a question of so many may differ from one that it was made of."""
    return min(_MOST, max(1, words // _WORDS_FOR_EACH))


def words_of(text: str) -> tuple[str, ...]:
    """The words of a text in lower case; punctuation is none."""
    return tuple(_WORD.findall(text.lower()))


def distance(one: Sequence[str], other: Sequence[str], most: int) -> int | None:
    """How many words were replaced, put in, left out or changed places with a neighbour; None if more than `most`."""
    if abs(len(one) - len(other)) > most:
        return None
    far = most + 1
    before: list[int] = []
    last = [min(column, far) for column in range(len(other) + 1)]
    for row, word in enumerate(one, 1):
        now = [min(row, far)] + [far] * len(other)
        # Further from the diagonal more words than that are put in or left out.
        for column in range(max(1, row - most), min(len(other), row + most) + 1):
            cost = min(last[column] + 1, now[column - 1] + 1, last[column - 1] + (word != other[column - 1]))
            crossed = row > 1 and column > 1 and word == other[column - 2] and one[row - 2] == other[column - 1]
            now[column] = min(far, cost, before[column - 2] + 1 if crossed else far)
        if min(now) > most and min(last) > most:
            return None
        before, last = last, now
    return last[-1] if last[-1] <= most else None


def _numbers(words: Sequence[str]) -> Sequence[str]:
    return [word for word in words if not word.isalpha() and any(map(str.isdigit, word))]


def _index(spoken: Sequence[Sequence[str]]) -> Mapping[str, Sequence[int]]:
    """Where each word stands."""
    holding: dict[str, list[int]] = defaultdict(list)
    for at, words in enumerate(spoken):
        for word in dict.fromkeys(words):
            holding[word].append(at)
    return holding


def _candidates(said: Sequence[str], holding: Mapping[str, Sequence[int]], most: int) -> frozenset[int]:
    """All that may be near: so many changes take away so many words at most, so one of the rarest is left.

    Where a text has no more different words than that, whoever shares one is looked at.
    """
    different = Counter(said)
    rarest = sorted(different, key=lambda word: (len(holding.get(word, ())), word))[: most + 1]
    return frozenset(at for word in rarest for at in holding.get(word, ()))
