"""How often the same answer gets another label when it is judged again."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from selftune.curation.facts import facts_of
from selftune.scoring.intervals import wilson_interval

if TYPE_CHECKING:
    from collections.abc import Iterable

    from selftune.curation.base import Pair

_LEVEL = 0.95


@dataclass(frozen=True, kw_only=True)
class LabelNoise:
    """Of verdicts on an answer that had been judged already, those on the other side of the golden threshold.

    Attributes:
        share: None when no answer was judged twice.
        interval: Wilson's at 95 %.
        n: Verdicts after the first, on the same prompt and answer.
    """

    share: float | None
    interval: tuple[float, float] | None
    n: int


def estimate_noise(pairs: Iterable[Pair], threshold: float) -> LabelNoise:
    """Label noise from equal answers to equal prompts that were judged apart, and from further judges."""
    labels: dict[str, list[bool]] = defaultdict(list)
    for facts in map(facts_of, pairs):
        labels[facts.said] += [overall >= threshold and not failed for overall, failed in facts.votes]
    again = [label != found[0] for found in labels.values() for label in found[1:]]
    if not again:
        return LabelNoise(share=None, interval=None, n=0)
    return LabelNoise(
        share=sum(again) / len(again), interval=wilson_interval(sum(again), len(again), _LEVEL), n=len(again)
    )
