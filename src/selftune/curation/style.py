"""How the lessons sound, in figures: how long they are, how often they list, how they begin, how they contract."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING

from selftune.curation.preference.style import TRAITS, count_contractions, opening_of

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, kw_only=True)
class Style:
    """What a set of answers has in common.

    Attributes:
        words: Median number of words, and the number that 95 of 100 answers stay within.
        lists: Share of the answers that hold a list.
        openings: Different first two words.
        top_opening: Share of the commonest of them.
        contractions: Contractions in a hundred words.
    """

    n: int
    words: tuple[float, float]
    lists: float
    openings: int
    top_opening: float
    contractions: float


def measure_style(answers: Sequence[str]) -> Style:
    """The style of one or more answers."""
    lengths = sorted(len(answer.split()) for answer in answers)
    openings = Counter(map(opening_of, answers))
    return Style(
        n=len(answers),
        words=(median(lengths), lengths[min(len(lengths) - 1, int(0.95 * len(lengths)))]),
        lists=sum(TRAITS["list lines"](answer) > 0 for answer in answers) / len(answers),
        openings=len(openings),
        top_opening=max(openings.values()) / len(answers),
        contractions=100 * sum(map(count_contractions, answers)) / max(1, sum(lengths)),
    )
