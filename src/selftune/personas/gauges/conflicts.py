"""Where two views contradict each other, each finding with the words on both sides.

Findings rest on words that both use about one thing: the same clause said and denied, one quantity with two numbers,
yes against no, one who refuses what the other does, and plain dissent. A contradiction in other words is not seen.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from selftune.personas.gauges.claims import claims_in, concedes, dissent_in, verdict_of
from selftune.personas.gauges.formula import Finding, Kind
from selftune.scoring.embedding import cosine
from selftune.scoring.failures import Failure, classify_failure
from selftune.scoring.numbers import is_close

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from selftune.personas.gauges.claims import Claim
    from selftune.personas.gauges.views import View

_SHARED_STEMS: Final = 2
_SHARED_SHARE: Final = 0.6
_NUMBER_SHARE: Final = 0.5
# Two people who round one number do not quarrel about it.
_ROUNDING: Final = 0.02
_SHOWN: Final = 60
_LONGEST_REFUSAL: Final = 1000
# Whoever has none of these refuses nothing; it saves a look at the language.
_MIGHT_REFUSE: Final = re.compile(
    r"\b(?:can['\u2019]?t|cannot|can not|won['\u2019]?t|will not|unable|sorry|refuse|decline|must not|rather"
    r"|prefer|nothing|not (?:able|allowed|permitted|something))\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, kw_only=True)
class Pair:
    """Two views, the one that was said first first; `question` is what the person asked."""

    first: View
    second: View
    question: str

    @property
    def names(self) -> tuple[str, ...]:
        """Who speaks, in the order of the views."""
        return (self.first.persona, self.second.persona)


def conflicts_between(pair: Pair, embed: Callable[[str], Sequence[float]]) -> tuple[Finding, ...]:
    """All that sets two views apart, one finding at most for each kind."""
    found = (_verdicts(pair), _refusals(pair), _dissent(pair), _opposites(pair), _numbers(pair), _distance(pair, embed))
    return tuple(finding for finding in found if finding is not None)


def _verdicts(pair: Pair) -> Finding | None:
    first, second = (verdict_of(view.text, pair.names) for view in (pair.first, pair.second))
    if first is None or second is None or first == second or concedes(pair.second.text, pair.names):
        return None
    return _finding(Kind.VERDICT, pair, *("yes" if verdict else "no" for verdict in (first, second)))


def _refusals(pair: Pair) -> Finding | None:
    first, second = (refuses(pair.question, view.text) for view in (pair.first, pair.second))
    if first == second:
        return None
    return _finding(Kind.REFUSAL, pair, *("refuses" if one else "does it" for one in (first, second)))


@lru_cache(maxsize=512)
def refuses(question: str, said: str) -> bool:
    """Whether a turn as a whole declines what was asked; a long one has gone on to say something."""
    might = len(said) <= _LONGEST_REFUSAL and _MIGHT_REFUSE.search(said)
    return bool(might) and classify_failure(question, said) is Failure.REFUSED


def _dissent(pair: Pair) -> Finding | None:
    """Dissent stands until the one that it was said to gives in, or the one who said it does."""
    later = dissent_in(pair.second.text, pair.names)
    earlier = None if concedes(pair.second.text, pair.names) else dissent_in(pair.first.text, pair.names)
    said, by = (later, pair.second) if later else (earlier, pair.first)
    return None if said is None else Finding(kind=Kind.DISSENT, words=f"{by.persona}: {_shown(said)}")


def _opposites(pair: Pair) -> Finding | None:
    first, second = claims_in(pair.first.text), claims_in(pair.second.text)
    for one in first:
        same = [other for other in second if _is_about_the_same(one, other)]
        if same and all(other.denied != one.denied for other in same):
            return _finding(Kind.CLAIM, pair, one.text, same[0].text)
    return None


def _is_about_the_same(one: Claim, other: Claim, share: float = _SHARED_SHARE) -> bool:
    # Nearly all pairs of clauses share nothing: the cheaper question first.
    return not one.stems.isdisjoint(other.stems) and (
        len(one.stems & other.stems) >= _SHARED_STEMS and _overlap(one, other) >= share
    )


def _overlap(one: Claim, other: Claim) -> float:
    """Shared stems among all stems of both (Jaccard 1901); 0 of none."""
    shared = len(one.stems & other.stems)
    together = len(one.stems) + len(other.stems) - shared
    return shared / together if together else 0.0


def _numbers(pair: Pair) -> Finding | None:
    first, second = claims_in(pair.first.text), claims_in(pair.second.text)
    known = (_values(first), _values(second))
    for one, other in _measured_alike(first, second):
        for unit in _units(one) & _units(other):
            mine, yours = _of(one, unit), _of(other, unit)
            apart = not any(_is_near(a, b) for a in mine for b in yours)
            # Whoever names the other's number too has set it beside its own.
            named = any(_is_near(a, b) for a in mine for b in known[1].get(unit, ())) or any(
                _is_near(a, b) for a in yours for b in known[0].get(unit, ())
            )
            if apart and not named:
                return _finding(Kind.NUMBER, pair, one.text, other.text)
    return None


def _measured_alike(first: Sequence[Claim], second: Sequence[Claim]) -> Iterator[tuple[Claim, Claim]]:
    """Clauses with numbers that speak of one thing; where each turn has only one such clause, of the question's."""
    ones, others = ([claim for claim in claims if claim.numbers] for claims in (first, second))
    alone = len(ones) == 1 and len(others) == 1
    for one in ones:
        for other in others:
            brief = alone and min(len(one.stems), len(other.stems)) <= _SHARED_STEMS
            if brief or (one.stems & other.stems and _overlap(one, other) >= _NUMBER_SHARE):
                yield one, other


def _values(claims: Sequence[Claim]) -> dict[str, list[float]]:
    values: dict[str, list[float]] = {}
    for claim in claims:
        for unit in _units(claim):
            values.setdefault(unit, []).extend(_of(claim, unit))
    return values


def _units(claim: Claim) -> set[str]:
    return {_unit(unit) for number in claim.numbers for unit in number.units or ("",)}


def _of(claim: Claim, unit: str) -> list[float]:
    return [number.value for number in claim.numbers if unit in {_unit(one) for one in number.units or ("",)}]


def _unit(unit: str) -> str:
    return unit.removesuffix("s") if len(unit) > len("ms") else unit


def _is_near(one: float, other: float) -> bool:
    return is_close(one, other, _ROUNDING * max(abs(one), abs(other)))


def _distance(pair: Pair, embed: Callable[[str], Sequence[float]]) -> Finding:
    near = max(0.0, min(1.0, cosine(embed(pair.first.text), embed(pair.second.text))))
    words = f"{' and '.join(pair.names)} share {near:.0%} of their words' direction"
    return Finding(kind=Kind.DISTANCE, words=words, share=1.0 - near)


def _finding(kind: Kind, pair: Pair, first: str, second: str) -> Finding:
    return Finding(kind=kind, words=f"{pair.first.persona}: {_shown(first)} / {pair.second.persona}: {_shown(second)}")


def _shown(text: str) -> str:
    return repr(text if len(text) <= _SHOWN else f"{text[: _SHOWN - 3]}...")
