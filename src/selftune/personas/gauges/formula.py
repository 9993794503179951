"""The formula: what is found, each with its weight, becomes a part; the parts become the score.

    part  = 1 - (1 - w1)(1 - w2)...        over the findings of the part, each kind once
    score = 1 - (1 - against principles)(1 - disagreement)

That is the "noisy or" (J. Pearl, "Probabilistic Reasoning in Intelligent Systems", 1988, section 4.3.2): one strong
finding suffices, several weak ones add up, nothing exceeds 1, and no finding ever lowers a score.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from math import prod
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


class Kind(StrEnum):
    """What can be found in a dialogue."""

    BREAK = "out of character"
    FORBIDDEN = "forbidden by the codex"
    STATE = "against its state"
    STOCK = "stock phrases"
    VERDICT = "opposite verdicts"
    CLAIM = "opposite claims"
    NUMBER = "different numbers"
    REFUSAL = "one refuses, one does"
    DISSENT = "says that it disagrees"
    DISTANCE = "other words"


WEIGHTS: Final[Mapping[Kind, float]] = {
    Kind.BREAK: 0.6,
    Kind.FORBIDDEN: 0.7,
    Kind.STATE: 0.6,
    Kind.STOCK: 0.15,
    Kind.VERDICT: 0.6,
    Kind.CLAIM: 0.6,
    Kind.NUMBER: 0.6,
    Kind.REFUSAL: 0.6,
    Kind.DISSENT: 0.6,
    # How far apart the words are tells style and topic, and conflict hardly at all: alone it never reaches a threshold.
    Kind.DISTANCE: 0.1,
}


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing that was found; `share` of its weight counts, `words` say where and what."""

    kind: Kind
    words: str
    share: float = 1.0


def part_of(findings: Iterable[Finding]) -> float:
    """What findings of one part come to, 0 to 1; of each kind the strongest counts."""
    strongest: dict[Kind, float] = {}
    for one in findings:
        strongest[one.kind] = max(strongest.get(one.kind, 0.0), one.share)
    return either(*(WEIGHTS[kind] * share for kind, share in strongest.items()))


def either(*parts: float) -> float:
    """The noisy or of parts from 0 to 1; 0 of none."""
    return 1.0 - prod(1.0 - part for part in parts)


def score_of(against: float | None, apart: float | None, *, alone: bool, high: float) -> float | None:
    """Both parts together; with a part missing that should be there, only what is high without it is said.

    Of who speaks `alone` nobody can be apart: there the second part is not missing.
    """
    if against is not None and (apart is not None or alone):
        return round(either(against, apart or 0.0), 4)
    known = max((part for part in (against, apart) if part is not None), default=0.0)
    return round(known, 4) if known >= high else None
