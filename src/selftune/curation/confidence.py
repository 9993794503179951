"""How sure the judges are of one answer: the median of what they said, and how far they lie apart."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING, Final

from selftune.curation.facts import facts_of

if TYPE_CHECKING:
    from selftune.curation.base import Pair

PENDING: Final = "pending"
UNSUPPORTED: Final = "unsupported"
DISAGREEMENT: Final = "disagreement"


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What all judges together say of an answer.

    Attributes:
        overall: Median of their overalls; None when none of them scored it.
        spread: Highest less lowest overall; 0 for a single judge.
        voices: Name and overall of each that scored it, the highest first.
        by_person: A person judged it, and counts alone.
    """

    overall: float | None
    spread: float = 0.0
    voices: tuple[tuple[str, float], ...] = ()
    by_person: bool = False


def verdict_on(pair: Pair) -> Verdict:
    """The verdict of everyone who scored it; where a person did, theirs alone."""
    facts = facts_of(pair)
    voices = facts.voices
    if not voices:
        return Verdict(overall=None)
    overalls = [overall for _, overall in voices]
    return Verdict(
        overall=median(overalls),
        spread=overalls[0] - overalls[-1],
        voices=voices,
        by_person=facts.by_person,
    )


def doubt_about(pair: Pair, verdict: Verdict, gap: float) -> str | None:
    """Why a person must look before anything is learnt from it; None when nothing speaks against the judges.

    Args:
        pair: The answer and what was found in it.
        verdict: What all judges together say.
        gap: How far overalls may lie apart, on the rubric's scale.
    """
    if verdict.spread > gap:
        said = " and ".join(f"{overall:.2f} by {name}" for name, overall in (verdict.voices[0], verdict.voices[-1]))
        return f"{PENDING}: needs a person, the judges disagree: {said}"
    if verdict.by_person:
        return None
    flags = facts_of(pair).flags
    if DISAGREEMENT in flags:
        return f"{PENDING}: needs a person, the judges of the panel disagree"
    if UNSUPPORTED in flags:
        return f"{UNSUPPORTED}: the judge quotes words that stand nowhere in the transcript"
    return None
