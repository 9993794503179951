"""Whether a series went faster than it ever did: one step, and the slope of a few, against all that came before.

A step is held against the steps before it, so that a series that always rose may go on rising, and one that swings with
the seasons may go on swinging. Standard library only.

Source:
    The prediction interval of one further observation: G. W. Snedecor and W. G. Cochran, "Statistical Methods", 8th ed.
    (1989), section 9.11, of steps instead of values. A step goes from the mean of two values to the next one; such
    steps of independent values hang together by -1/6 and -1/3, which leaves 1 / 1.28 of their degrees of freedom: M. S.
    Bartlett, "On the theoretical specification and sampling
    properties of autocorrelated time-series", Suppl. J. R. Stat. Soc. 8 (1946), 27-41. The slope of a few values is
    Sen's, see `trend`. C. E. Bonferroni's bound for the places that are looked at.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from statistics import fmean
from typing import TYPE_CHECKING, Final

from selftune.gate.statistics.student import t_two_sided
from selftune.gate.statistics.trend import usual_step

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

LEAST_HISTORY: Final = 8
"""Steps that must lie behind a step before anything is said of it."""

_LAGS: Final = (1, 4)
"""A step from the mean of two values to the next one, and the slope over four steps."""

_BEFORE: Final = 2
_SHARED: Final = 1.28
_LEAST_FREEDOM: Final = 1.0


@dataclass(frozen=True, kw_only=True)
class Jump:
    """A step, and what steps were like before it.

    Attributes:
        at: The value that it ends at, counted from 0.
        lag: How many values it took.
        step: How far the series went over them.
        usual: How far it went over as many before, in the mean.
        spread: Standard deviation of that.
        p_value: Two-sided: how often chance alone goes so far from what is usual, at any of the places looked at.
        n: Steps before it.
    """

    at: int
    lag: int
    step: float
    usual: float
    spread: float
    p_value: float
    n: int


def newest_jump(values: Sequence[float], *, errors: Sequence[float] = ()) -> Jump | None:
    """What is least like the history among the ways that the newest value came; None where the history is too short.

    Args:
        values: Oldest first.
        errors: The standard error of each value, where it is known: a spread is never taken for less.

    Raises:
        ValueError: a value or an error is no finite number, or there is not one error for each value.
    """
    _refuse(values, errors)
    return _least_likely(_jumps(values, errors, range(len(values))[-1:]))


def strongest_jump(values: Sequence[float], *, errors: Sequence[float] = ()) -> Jump | None:
    """The same for a whole series, each of whose values was once the newest; the p-value counts all the places.

    Raises:
        ValueError: as `newest_jump`.
    """
    _refuse(values, errors)
    return _least_likely(_jumps(values, errors, range(len(values))))


def least_values() -> int:
    """How many values a series needs before a step in it is held against anything."""
    return LEAST_HISTORY + _BEFORE + 1


def _refuse(values: Sequence[float], errors: Sequence[float]) -> None:
    if not all(map(math.isfinite, (*values, *errors))):
        raise ValueError("jumps are looked for among finite values")
    if errors and len(errors) != len(values):
        raise ValueError(f"{len(errors)} errors of {len(values)} values")


def _jumps(values: Sequence[float], errors: Sequence[float], places: Sequence[int]) -> Iterator[Jump]:
    """The step to each place and the slope up to it, as far as there is enough before them."""
    for lag in _LAGS:
        begin = max(lag, _BEFORE)
        went = {at: _went(values, at, lag) for at in range(begin, len(values))}
        for at in places:
            earlier = [went[before] for before in range(begin, at - lag + 1)]
            if len(earlier) >= LEAST_HISTORY:
                error = _error(errors, at, lag) if errors else 0.0
                yield _held_against(earlier, went[at], at, lag, error)


def _went(values: Sequence[float], at: int, lag: int) -> float:
    """How far a series went up to a place: from the mean of the two before, or by Sen's slope over several."""
    return values[at] - fmean(values[at - _BEFORE : at]) if lag == 1 else lag * usual_step(values[at - lag : at + 1])


def _error(errors: Sequence[float], at: int, lag: int) -> float:
    before = [one / _BEFORE for one in errors[at - _BEFORE : at]] if lag == 1 else [errors[at - lag]]
    return math.hypot(errors[at], *before)


def _held_against(earlier: Sequence[float], step: float, at: int, lag: int, error: float) -> Jump:
    n, usual = len(earlier), fmean(earlier)
    # Steps that share values are no independent witnesses.
    independent = n / _SHARED if lag == 1 else n / lag
    freedom = max(_LEAST_FREEDOM, independent - 1)
    spread = max(error, math.sqrt(math.fsum((one - usual) ** 2 for one in earlier) / (n - 1)))
    if spread > 0:
        p_value = t_two_sided((step - usual) / (spread * math.sqrt(1 + 1 / independent)), freedom)
    else:
        # Nothing ever moved: that the first move comes last is all that can be said.
        p_value = 1.0 if step == usual else 1 / (n + 1)
    return Jump(at=at, lag=lag, step=step, usual=usual, spread=spread, p_value=p_value, n=n)


def _least_likely(jumps: Iterator[Jump]) -> Jump | None:
    looked_at = list(jumps)
    if not looked_at:
        return None
    first = min(looked_at, key=lambda jump: jump.p_value)
    return replace(first, p_value=min(1.0, first.p_value * len(looked_at)))
