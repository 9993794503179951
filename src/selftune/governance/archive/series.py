"""How a programme went, by windows of sessions: flags, scores and wording, without reading a session."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from statistics import fmean
from typing import TYPE_CHECKING, Final

from selftune.errors import UnknownNameError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from selftune.store.sessions import SessionFacts

FLAGS: Final = "flags"
SCORES: Final = "scores"
WORDING: Final = ("words", "distinct", "repeated", "stock", "opening", "ending")
_WINDOWS: Final = 100
_SMALLEST: Final = 10


@dataclass(frozen=True, kw_only=True)
class Averaged:
    """A mean and how many values it is of."""

    mean: float
    n: int


@dataclass(frozen=True, kw_only=True)
class Window:
    """Some sessions that follow each other.

    Attributes:
        first: Number of its first session, `last` that of its last.
        n: How many sessions it has; `flagged` how many of them are flagged.
        scores: By category, each over the sessions that have it.
        wording: By measure: words of the answers, share of different word pairs, of runs that stood there before,
            stock phrases in a session, share of the sessions with the window's commonest opening, and ending.
    """

    first: int
    last: int
    n: int
    flagged: int
    scores: tuple[tuple[str, Averaged], ...]
    wording: tuple[tuple[str, Averaged], ...]


def series_of(facts: Iterable[SessionFacts], *, size: int = 0) -> tuple[Window, ...]:
    """The windows of a programme, in the order of the sessions' numbers.

    Args:
        facts: Of its sessions, as `store.sessions.facts` gives them.
        size: Sessions in a window; 0: a hundredth of them, and at least 10. What is left over goes with the last one.
    """
    rows = list(facts)
    wanted = size or max(_SMALLEST, len(rows) // _WINDOWS)
    edges = list(range(0, max(1, len(rows) - wanted + 1), wanted)) if rows else []
    return tuple(
        window_of(rows[begin : edges[place + 1] if place + 1 < len(edges) else len(rows)])
        for place, begin in enumerate(edges)
    )


def window_of(rows: Sequence[SessionFacts]) -> Window:
    """These sessions as one window."""
    scores: dict[str, list[float]] = defaultdict(list)
    for row in rows:
        for name, score in row.scores.items():
            scores[name].append(score)
    return Window(
        first=rows[0].number,
        last=rows[-1].number,
        n=len(rows),
        flagged=sum(bool(row.flags) for row in rows),
        scores=tuple((name, Averaged(mean=fmean(found), n=len(found))) for name, found in sorted(scores.items())),
        wording=tuple(_wording(rows)),
    )


def _wording(rows: Sequence[SessionFacts]) -> Iterable[tuple[str, Averaged]]:
    measured: dict[str, list[float | None]] = {
        "words": [row.words for row in rows],
        "distinct": [row.distinct_pairs for row in rows],
        "repeated": [row.repeated for row in rows],
        "stock": [row.stock for row in rows],
    }
    for name, values in measured.items():
        found = [value for value in values if value is not None]
        if found:
            yield name, Averaged(mean=fmean(found), n=len(found))
    for name, phrases in (("opening", [row.opening for row in rows]), ("ending", [row.ending for row in rows])):
        met = Counter(phrase for phrase in phrases if phrase is not None)
        if met:
            yield name, Averaged(mean=met.most_common(1)[0][1] / met.total(), n=met.total())


def measures_of(windows: Iterable[Window]) -> tuple[str, ...]:
    """What can be followed through these windows: flags, all scores together, each category, the wording."""
    seen = list(windows)
    categories = sorted({name for window in seen for name, _ in window.scores})
    wording = [name for name in WORDING if any(name in dict(window.wording) for window in seen)]
    return (FLAGS, *((SCORES, *categories) if categories else ()), *wording)


def values_of(windows: Sequence[Window], measure: str) -> tuple[float | None, ...]:
    """One measure window by window; None where a window has no value of it.

    `flags` is the share of flagged sessions, `scores` the mean of the categories' means.

    Raises:
        UnknownNameError: nothing of that name was measured.
    """
    known = measures_of(windows)
    if measure not in known:
        raise UnknownNameError("measure", measure, known)
    return tuple(_value(window, measure) for window in windows)


def _value(window: Window, measure: str) -> float | None:
    if measure == FLAGS:
        return window.flagged / window.n
    if measure == SCORES:
        return fmean(one.mean for _, one in window.scores) if window.scores else None
    found = dict(window.scores).get(measure) or dict(window.wording).get(measure)
    return None if found is None else found.mean
