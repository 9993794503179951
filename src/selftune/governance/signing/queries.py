"""What a statement of fact may rest on: named queries without code of their own, that anybody can put again (E6)."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from selftune.errors import UnknownNameError, UsageError
from selftune.gate.statistics.shares import clopper_pearson
from selftune.governance.archive.phases import LEVEL, interval_of
from selftune.records import Fact, digest_of_each

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from selftune.governance.doubts import Doubt
    from selftune.store.sessions import SessionFacts

FLAGGED: Final = "flagged"
MEANS: Final = frozenset({"mean", "lowest", "score", "gain"})
"""Queries whose value is a mean, which stands with its interval and n."""

_MOST_DIGITS: Final = 19
_FORM: Final = re.compile(r"\s*(?P<query>\w+)\s*\(\s*(?P<arguments>[^()]*)\)\s*=\s*(?P<value>[^=]+?)\s*")


@dataclass(frozen=True, kw_only=True)
class Material:
    """What queries are put to.

    Attributes:
        sessions: Of the subject's programme, in their order; empty where there is none.
        outcomes: Item, category and score of each scored answer of the candidate; `champion` of what served before.
        doubts: All about the subject, settled ones too.
    """

    sessions: Sequence[SessionFacts] = ()
    outcomes: Sequence[tuple[str, str, float]] = ()
    champion: Sequence[tuple[str, str, float]] = ()
    doubts: Sequence[Doubt] = ()


@dataclass(frozen=True, kw_only=True)
class _Found:
    """What came out: the value in words, the ids that were read, and the interval where chance has a part."""

    value: str
    read: Sequence[str]
    interval: tuple[float, float] | None = None


@dataclass(frozen=True, kw_only=True)
class Claim:
    """What somebody states: a query, its arguments, and the value that they say comes out."""

    query: str
    arguments: tuple[tuple[str, str], ...]
    value: str

    @property
    def in_words(self) -> str:
        """As a person writes it."""
        told = ", ".join(f"{name}={value}" for name, value in self.arguments)
        return f"{self.query}({told}) = {self.value}"


def read_claim(text: str) -> Claim:
    """A claim as a person writes it: `flagged(last=2000) = 0`.

    Raises:
        UsageError: it is written otherwise.
        UnknownNameError: there is no such query.
    """
    found = _FORM.fullmatch(text)
    pairs = [one.partition("=") for one in (found["arguments"] if found else "").split(",") if one.strip()]
    if found is None or not all(name.strip() and value.strip() for name, _, value in pairs):
        raise UsageError(f"{text!r} is no fact.", next_step='Write it as "flagged(last=2000) = 0".')
    if found["query"] not in QUERIES:
        raise UnknownNameError("query", found["query"], QUERIES)
    arguments = tuple(sorted((name.strip(), value.strip()) for name, _, value in pairs))
    return Claim(query=found["query"], arguments=arguments, value=found["value"])


def put_query(material: Material, query: str, arguments: tuple[tuple[str, str], ...]) -> Fact:
    """The answer of today.

    Raises:
        UnknownNameError: there is no such query, or no such category.
        UsageError: an argument is not one of its, or nothing was there to read.
    """
    if query not in QUERIES:
        raise UnknownNameError("query", query, QUERIES)
    known = _ARGUMENTS[query]
    for name, _ in arguments:
        if name not in known:
            raise UnknownNameError(f"argument of {query}", name, known)
    found = QUERIES[query](material, dict(arguments))
    return Fact(
        query=query,
        arguments=arguments,
        value=found.value,
        n=len(found.read),
        read_digest=digest_of_each(found.read),
        interval=found.interval,
    )


def bears_out(fact: Fact, claimed: str) -> bool:
    """Whether what came out is what was claimed, as exactly as the claim is written."""
    try:
        wanted, value = float(claimed.rstrip("%")), float(fact.value)
    except ValueError:
        return claimed == fact.value
    if claimed.endswith("%"):
        value *= 100
    places = len(claimed.rstrip("%").partition(".")[2])
    return abs(value - wanted) <= 0.5 * 10.0**-places if places else round(value) == wanted and value == round(value)


def still_so(fact: Fact, material: Material) -> bool:
    """Whether the very same comes out today, read from the same records."""
    try:
        again = put_query(material, fact.query, fact.arguments)
    except (UsageError, UnknownNameError):
        return False
    return again == fact


# --- The queries ------------------------------------------------------------------------------------------------------


def _stretch(material: Material, arguments: Mapping[str, str]) -> list[SessionFacts]:
    """The sessions that are meant: the last so many, or those from one number to another; all where nothing is said.

    Raises:
        UsageError: there is none.
    """
    rows = list(material.sessions)
    if "last" in arguments:
        rows = rows[-_number(arguments, "last") :]
    first = _number(arguments, "first") if "first" in arguments else 0
    last = _number(arguments, "to") if "to" in arguments else None
    rows = [row for row in rows if row.number >= first and (last is None or row.number <= last)]
    if not rows:
        raise UsageError("there is no such session.", next_step="See the numbers with `selftune archive list`.")
    return rows


def _number(arguments: Mapping[str, str], name: str) -> int:
    told = arguments[name].replace(",", "").replace("_", "")
    if not told.isascii() or not told.isdigit() or len(told) > _MOST_DIGITS or (name == "last" and int(told) < 1):
        raise UsageError(f"{name} is a whole number, not {arguments[name]!r}.", next_step=f"Give {name}=2000.")
    return int(told)


def _flagged(material: Material, arguments: Mapping[str, str]) -> _Found:
    rows = _stretch(material, arguments)
    flag = arguments.get("flag")
    hits = sum(flag in row.flags if flag else bool(row.flags) for row in rows)
    return _Found(
        value=str(hits), read=[row.session_id for row in rows], interval=clopper_pearson(hits, len(rows), LEVEL)
    )


def _sessions(material: Material, arguments: Mapping[str, str]) -> _Found:
    rows = _stretch(material, arguments)
    return _Found(value=str(len(rows)), read=[row.session_id for row in rows])


def _retried(material: Material, arguments: Mapping[str, str]) -> _Found:
    rows = _stretch(material, arguments)
    return _Found(value=str(sum(row.attempts > 1 for row in rows)), read=[row.session_id for row in rows])


def _mean(material: Material, arguments: Mapping[str, str]) -> _Found:
    category = arguments.get("category", "")
    rows = _stretch(material, arguments)
    kept = [row for row in rows if category in row.scores]
    if not kept:
        known = {name for row in rows for name in row.scores}
        raise UnknownNameError("category", category, known)
    return _mean_of([row.session_id for row in kept], [row.scores[category] for row in kept])


def _lowest(material: Material, arguments: Mapping[str, str]) -> _Found:
    """The mean of the category that does worst: what a single index hides."""
    rows = _stretch(material, arguments)
    scores = defaultdict(list)
    for row in rows:
        for name, score in row.scores.items():
            scores[name].append((row.session_id, score))
    if not scores:
        raise UsageError("no session there has a score.", next_step="Name other sessions.")
    worst = min(scores.values(), key=lambda found: sum(score for _, score in found) / len(found))
    return _mean_of([name for name, _ in worst], [score for _, score in worst])


def _score(material: Material, arguments: Mapping[str, str]) -> _Found:
    return _of_outcomes(material.outcomes, arguments)


def _of_outcomes(outcomes: Sequence[tuple[str, str, float]], arguments: Mapping[str, str]) -> _Found:
    category = arguments.get("category")
    kept = [(item, score) for item, name, score in outcomes if category is None or name == category]
    if not kept:
        raise UsageError("no scored answer is there.", next_step="Name another category.")
    return _mean_of([item for item, _ in kept], [score for _, score in kept])


def _gain(material: Material, arguments: Mapping[str, str]) -> _Found:
    """Candidate minus champion over the items that both have a score for."""
    category = arguments.get("category")
    before = {item: score for item, _, score in material.champion}
    pairs = [
        (item, score - before[item])
        for item, name, score in material.outcomes
        if item in before and (category is None or name == category)
    ]
    if not pairs:
        raise UsageError("no answer was scored on both sides.", next_step="Name another category.")
    return _mean_of([item for item, _ in pairs], [difference for _, difference in pairs])


def _mean_of(read: Sequence[str], values: Sequence[float]) -> _Found:
    mean = sum(values) / len(values)
    return _Found(value=f"{mean:.6g}", read=read, interval=interval_of(values))


def _open_concerns(material: Material, _: Mapping[str, str]) -> _Found:
    stand = [doubt.statement.id for doubt in material.doubts if doubt.stands]
    return _Found(value=str(len(stand)), read=stand)


QUERIES: Final[dict[str, Callable[[Material, Mapping[str, str]], _Found]]] = {
    FLAGGED: _flagged,
    "sessions": _sessions,
    "retried": _retried,
    "mean": _mean,
    "lowest": _lowest,
    "score": _score,
    "gain": _gain,
    "open_concerns": _open_concerns,
}
_STRETCH: Final = ("last", "first", "to")
_ARGUMENTS: Final[dict[str, tuple[str, ...]]] = {
    FLAGGED: (*_STRETCH, "flag"),
    "sessions": _STRETCH,
    "retried": _STRETCH,
    "mean": (*_STRETCH, "category"),
    "lowest": _STRETCH,
    "score": ("category",),
    "gain": ("category",),
    "open_concerns": (),
}
