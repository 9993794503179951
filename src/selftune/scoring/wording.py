"""How an arm's answers are worded: whether they are empty, go round in circles, or are one text for every question."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from selftune.scoring.reading import words

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_RUN: Final = 4
_LONG_ENOUGH: Final = 16
_MOST_REPEATED: Final = 0.5
_OPENING: Final = 3


@dataclass(frozen=True, kw_only=True)
class Wording:
    """What many answers look like together; shares run from 0 to 1, None where there is nothing to take them of.

    Attributes:
        distinct: Different word pairs among all of them (distinct-2).
        mean_words: Words per answer.
        stock: Share of the answers that open with the commonest three words.
        empty: Share without a word.
        looping: Share that goes round in circles.

    Source:
        distinct-n: J. Li et al., "A diversity-promoting objective function for neural conversation models", NAACL 2016.
    """

    answers: int
    distinct: float | None
    mean_words: float
    stock: float
    empty: float
    looping: float


def wording_of(answers: Sequence[str]) -> Wording:
    """What these answers look like together.

    Raises:
        ValueError: there are none.
    """
    if not answers:
        raise ValueError("no answers")
    said = [words(answer) for answer in answers]
    pairs = [one[at : at + 2] for one in said for at in range(len(one) - 1)]
    openings = Counter(one[:_OPENING] for one in said)
    return Wording(
        answers=len(said),
        distinct=len(set(pairs)) / len(pairs) if pairs else None,
        mean_words=sum(map(len, said)) / len(said),
        stock=openings.most_common(1)[0][1] / len(said),
        empty=sum(not one for one in said) / len(said),
        looping=sum(map(is_looping, answers)) / len(said),
    )


def is_looping(answer: str) -> bool:
    """Whether more than half of an answer's runs of four words stood in it before; a short answer never loops."""
    share = repeated_share(answer)
    return share is not None and share > _MOST_REPEATED


def repeated_share(answer: str) -> float | None:
    """How many of an answer's runs of four words stood in it before, as a share; None for a short answer."""
    said = words(answer)
    if len(said) < _LONG_ENOUGH:
        return None
    runs = [said[at : at + _RUN] for at in range(len(said) - _RUN + 1)]
    return 1 - len(set(runs)) / len(runs)


def answer_of_most(answers: Iterable[str]) -> tuple[str, ...] | None:
    """The words that more than half of the answers consist of; None where no answer is that common."""
    said = Counter(words(answer) for answer in answers)
    commonest, times = said.most_common(1)[0] if said else ((), 0)
    return commonest if times > 1 and 2 * times > said.total() else None
