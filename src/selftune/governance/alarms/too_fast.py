"""Too fast (mission E10): a series that went further in a step, or in a few, than it ever had."""

from __future__ import annotations

from typing import TYPE_CHECKING

from selftune.gate.statistics.jumps import least_values, newest_jump, strongest_jump
from selftune.governance.alarms.base import LEVEL, AlarmName, Look, Verdict, evened, in_words

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from selftune.gate.statistics.jumps import Jump
    from selftune.governance.alarms.base import History


def newest_too_fast(histories: Iterable[History], *, level: float = LEVEL) -> tuple[Look, ...]:
    """Whether the newest value of any series lies outside its history: one look a series.

    Args:
        histories: Series that are looked at together.
        level: How often one of them may be called so by chance; it is shared over those that are long enough.
    """
    return tuple(_looks(tuple(histories), newest_jump, level))


def ever_too_fast(histories: Iterable[History], *, level: float = LEVEL) -> tuple[Look, ...]:
    """The same for whole series, each value of which was once the newest: of an archive, after the fact."""
    return tuple(_looks(tuple(histories), strongest_jump, level))


def _looks(histories: Sequence[History], jump_of: Callable[..., Jump | None], level: float) -> Iterator[Look]:
    jumps = []
    for history in histories:
        values, errors = evened(history)
        jumps.append(jump_of(values, errors=errors) if values else None)
    limit = level / max(1, sum(jump is not None for jump in jumps))
    for history, jump in zip(histories, jumps, strict=True):
        yield _too_short(history) if jump is None else _look(history, jump, limit)


def _too_short(history: History) -> Look:
    return Look(
        alarm=AlarmName.TOO_FAST,
        about=history.name,
        verdict=Verdict.TOO_SHORT,
        told=f"{len(history.values)} values; a step is held against its history from {least_values()} on",
        n=len(history.values),
    )


def _look(history: History, jump: Jump, limit: float) -> Look:
    first, last = jump.at - jump.lag, jump.at
    went = (
        f"{history.values[first]:.4g} → {history.values[last]:.4g} from {history.label(first)} to {history.label(last)}"
    )
    # Shares are compared on another scale; what is told is in their own.
    usual = [abs(history.values[at] - history.values[at - jump.lag]) for at in range(jump.lag, first + 1)]
    told = (
        f"{went}; the largest of {len(usual)} such steps before it was {max(usual):.4g}; "
        f"by chance {in_words(jump.p_value)}, n = {jump.n}"
    )
    return Look(
        alarm=AlarmName.TOO_FAST,
        about=history.name,
        verdict=Verdict.HOLD if jump.p_value <= limit else Verdict.QUIET,
        told=told,
        p_value=jump.p_value,
        limit=limit,
        n=jump.n,
    )
