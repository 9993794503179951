"""The alarms over an archived programme, from its windows: nothing is read but the columns beside the sessions."""

from __future__ import annotations

from statistics import fmean
from typing import TYPE_CHECKING, Final

from selftune.governance.alarms.base import LEVEL, AlarmName, History, Look, Verdict, in_words
from selftune.governance.alarms.collapse import higher_by_chance
from selftune.governance.alarms.too_clean import LEAST_VALUES, too_clean, too_even
from selftune.governance.alarms.too_fast import ever_too_fast
from selftune.governance.archive.series import FLAGS, SCORES, WORDING, measures_of, series_of, values_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from selftune.governance.archive.series import Window
    from selftune.store.sessions import SessionFacts

WINDOWS: Final = 20
"""Into so many a programme is divided: of more, what goes on within a tenth of it is lost in the noise of each."""

_PARTS: Final = 5
_GROWN: Final = 0.2
"""Stock phrases a session, or the share of it with one opening, one ending or repeated runs, by which it grows."""

_SHRUNK: Final = 0.25
"""Of the share of different word pairs, by which it falls."""

_DISTINCT: Final = "distinct"
_ALIKE: Final = ("stock", "opening", "ending", "repeated", _DISTINCT)


def look_at_sessions(facts: Iterable[SessionFacts]) -> tuple[Look, ...]:
    """Every look at a programme as a whole: too fast anywhere, too clean and too even at its end, collapsed at its end.

    Args:
        facts: Of its sessions, in their order, as `store.sessions.facts` gives them.
    """
    return look_at_windows(series_of(rows := list(facts), size=max(1, len(rows) // WINDOWS)))


def look_at_windows(windows: Sequence[Window]) -> tuple[Look, ...]:
    """The same of sessions that are averaged already."""
    histories = histories_of(windows)
    scores = [one for one in histories if one.name not in WORDING]
    return (*ever_too_fast(histories), *too_clean(histories), *too_even(scores), *worded_alike(histories))


def histories_of(windows: Sequence[Window]) -> tuple[History, ...]:
    """The series of a programme: flags, each category, and how its answers are worded; windows without are left out.

    The mean of the categories is no series of its own: what it hides is what is looked for.
    """
    return tuple(_history(windows, name) for name in measures_of(windows) if name != SCORES)


def worded_alike(histories: Sequence[History], *, level: float = LEVEL) -> tuple[Look, ...]:
    """Whether the answers of the last fifth fell into phrases or became one text, against all before: one look each."""
    found = [one for one in histories if one.name in _ALIKE]
    enough = sum(len(one.values) >= LEAST_VALUES for one in found)
    return tuple(_alike(one, level / max(1, enough)) for one in found)


def _history(windows: Sequence[Window], name: str) -> History:
    kept = [(at, value) for at, value in enumerate(values_of(windows, name)) if value is not None]
    return History(
        name=name,
        values=tuple(value for _, value in kept),
        labels=tuple(f"sessions {windows[at].first:,} to {windows[at].last:,}" for at, _ in kept),
        of=tuple(windows[at].n for at, _ in kept) if name == FLAGS else (),
        flags=name == FLAGS,
    )


def _alike(history: History, limit: float) -> Look:
    if len(history.values) < LEAST_VALUES:
        told = f"{len(history.values)} values; from {LEAST_VALUES} on it is looked at"
        return _look(history, Verdict.TOO_SHORT, told)
    size = len(history.values) // _PARTS
    before, last = history.values[:-size], history.values[-size:]
    was, now = fmean(before), fmean(last)
    falls = history.name == _DISTINCT
    by_margin = now <= (1 - _SHRUNK) * was if falls else now - was >= _GROWN
    p_value = (
        higher_by_chance([-one for one in before], [-one for one in last]) if falls else higher_by_chance(before, last)
    )
    told = (
        f"{was:.3g} → {now:.3g} in the last fifth (from {history.label(len(history.values) - size)}); "
        f"by chance {in_words(p_value)}"
    )
    verdict = Verdict.HOLD if by_margin and p_value <= limit else Verdict.QUIET
    return _look(history, verdict, told, p_value, limit)


def _look(
    history: History, verdict: Verdict, told: str, p_value: float | None = None, limit: float | None = None
) -> Look:
    return Look(
        alarm=AlarmName.COLLAPSE,
        about=history.name,
        verdict=verdict,
        told=told,
        p_value=p_value,
        limit=limit,
        n=len(history.values),
    )
