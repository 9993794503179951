"""Too clean (mission E4): nothing flagged where the base rate says otherwise, no variance, tried until it was green.

Where nothing is found any more up to the end of a series, what was to be expected there is reckoned from as many values
before, and from how far those had come down from as many before them: an honest history may go on getting better at
the pace it had.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from selftune.gate.statistics.cleanness import none_by_chance, once_by_chance, so_even_by_chance
from selftune.governance.alarms.base import LEVEL, AlarmName, Look, Verdict, in_words

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from selftune.governance.alarms.base import History

_PARTS: Final = 5
LEAST_VALUES: Final = 10
"""Fewer values have no fifths that could be told from each other."""

LEAST_EVEN: Final = 8
"""So many values that hardly vary are the fewest that are called even."""

_EVEN: Final = 0.1
"""Of the spread before: what is even varies less than that, not just a little less."""

_MOST_BY_RETRIES: Final = 0.15
"""Beyond this chance of a pass by trying again alone, the tries are told of."""


def too_clean(histories: Iterable[History], *, level: float = LEVEL) -> tuple[Look, ...]:
    """Whether what is usually found wrong is found no more, and without a reason in the pace it had: one look a series.

    Only series of flags are looked at: shares of what was found wrong, with their n.
    """
    flagged = [history for history in histories if history.flags and history.of]
    enough = sum(len(history.values) >= LEAST_VALUES for history in flagged)
    return tuple(_zero_flags(history, level / max(1, enough)) for history in flagged)


def too_even(histories: Iterable[History], *, level: float = LEVEL) -> tuple[Look, ...]:
    """Whether the newest figures of any series of scores hardly vary, where those before did: one look a series.

    All at the end of the scale (0 or 1) is no evenness: whether too little is found wrong is asked of the flags.
    """
    scores = [history for history in histories if not history.flags]
    enough = sum(len(history.values) >= 2 * LEAST_EVEN for history in scores)
    return tuple(_no_variance(history, level / max(1, enough)) for history in scores)


def retried_until_green(check: str, earlier: Sequence[str], alpha: float) -> Look:
    """How many tries of the same thing a green check took; `earlier` are the results of those before it, in words.

    A word of advice at most: who tries often enough passes, and the tries stand beside the pass.
    """
    tries = len(earlier) + 1
    chance = once_by_chance(tries, alpha)
    told = f"passed at try {tries}"
    if earlier:
        told += (
            f" (before it: {', '.join(earlier)}); at {alpha:.0%} a try chance alone passes {chance:.0%} of such rows"
        )
    verdict = Verdict.ADVISE if chance > _MOST_BY_RETRIES else Verdict.QUIET
    return Look(alarm=AlarmName.RETRIED, about=check, verdict=verdict, told=told, p_value=None, n=tries)


def _zero_flags(history: History, limit: float) -> Look:
    if len(history.values) < LEAST_VALUES:
        return _too_short(AlarmName.TOO_CLEAN, history, LEAST_VALUES)
    earlier, before, clean = _parts(history)
    (found_earlier, of_earlier), (found, of) = _counted(history, earlier), _counted(history, before)
    n = _counted(history, clean)[1]
    rate, rate_earlier = (hits / whole if whole else 0.0 for hits, whole in ((found, of), (found_earlier, of_earlier)))
    pace = min(1.0, rate / rate_earlier) if rate_earlier else 1.0
    p_value = none_by_chance(n, found=found * pace, of=of) if n else 1.0
    told = f"{found} of {of} in {_span(history, before)}, {found_earlier} of {of_earlier} as far again before"
    if n:
        told = f"none of {n} in {_span(history, clean)}; {told}; by chance {in_words(p_value)} at the pace it had"
    return Look(
        alarm=AlarmName.TOO_CLEAN,
        about=history.name,
        verdict=Verdict.HOLD if p_value <= limit else Verdict.QUIET,
        told=told,
        p_value=p_value,
        limit=limit,
        n=n or of,
    )


def _no_variance(history: History, limit: float) -> Look:
    if len(history.values) < 2 * LEAST_EVEN:
        return _too_short(AlarmName.TOO_EVEN, history, 2 * LEAST_EVEN)
    recent, before = history.values[-LEAST_EVEN:], history.values[:-LEAST_EVEN]
    by_chance = so_even_by_chance(recent, before)
    p_value = 1.0 if by_chance is None or set(recent) <= {0.0, 1.0} else by_chance
    width, usual = max(recent) - min(recent), max(before) - min(before)
    told = f"the last {LEAST_EVEN} lie within {width:.2g}, the {len(before)} before within {usual:.2g}"
    told += f"; so even by chance {in_words(p_value)}" if p_value < 1 else ""
    return Look(
        alarm=AlarmName.TOO_EVEN,
        about=history.name,
        verdict=Verdict.HOLD if p_value <= limit and width < _EVEN * usual else Verdict.QUIET,
        told=told,
        p_value=p_value,
        limit=limit,
        n=LEAST_EVEN,
    )


def _too_short(alarm: AlarmName, history: History, least: int) -> Look:
    told = f"{len(history.values)} values; from {least} on it is looked at"
    return Look(alarm=alarm, about=history.name, verdict=Verdict.TOO_SHORT, told=told, n=len(history.values))


def _parts(history: History) -> tuple[range, range, range]:
    """Where nothing was found any more up to the end, as far before it, and as far again; a fifth at least."""
    end = len(history.values)
    begin = next((at + 1 for at in range(end - 1, -1, -1) if history.values[at] > 0), 0)
    size = max(end - begin, end // _PARTS)
    before = range(max(0, begin - size), begin)
    return range(max(0, before.start - size), before.start), before, range(begin, end)


def _counted(history: History, places: range) -> tuple[int, int]:
    """How many were found there, of how many."""
    return round(sum(history.values[at] * history.of[at] for at in places)), sum(history.of[at] for at in places)


def _span(history: History, places: range) -> str:
    return f"{history.label(places[0])} to {history.label(places[-1])}" if places else "nothing"
