"""How many lessons it takes until the gate can see what they are worth, and when there will be as many.

A learning curve by power law (Hestness et al., "Deep Learning Scaling Is Predictable, Empirically", 2017), shifted so
that no lesson leaves all errors: after n lessons the share (1 + n / scale) ** -steepness of the errors is left. A
project without a run of its own is given a curve that promises less than both demos of this package kept (60 lessons
left 37 % of the errors of one, 260 left 11 % of the other's); after a run, the scale is the project's own.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

FEWEST: Final = 20
"""Below so many lessons, what a model learns is mostly their wording."""

MOST: Final = 500
"""The plan's own number (mission A25): so many start a training whatever the curve says."""


@dataclass(frozen=True, kw_only=True)
class Curve:
    """A learning curve: `scale` in lessons, `steepness` without unit."""

    scale: float = 40.0
    steepness: float = 0.5


def fit_curve(lessons: int, left: float, curve: Curve) -> Curve:
    """The curve through what a run showed: so many lessons left this share of the errors.

    A run that mended nothing, or everything, fixes no scale; the curve stays as it was.
    """
    if lessons <= 0 or not 0 < left < 1:
        return curve
    return replace(curve, scale=lessons / (left ** (-1 / curve.steepness) - 1))


def lessons_needed(*, learnt: int, errors: float, detectable: float, curve: Curve) -> int | None:
    """New lessons whose expected gain the gate would see; None where there are too few errors left for any to be seen.

    Args:
        learnt: Lessons that the champion learnt from.
        errors: Share of the suite that it fails.
        detectable: The least gain that the gate sees with its policy's power.
        curve: How errors fall with lessons.
    """
    if detectable >= errors:
        return None
    growth = float((1 - detectable / errors) ** (-1 / curve.steepness))
    return math.ceil((curve.scale + learnt) * (growth - 1) - 1e-9)


def trigger_for(needed: int | None) -> int:
    """New golden items that start a training: what the gate could see, within reason."""
    return MOST if needed is None else min(MOST, max(FEWEST, needed))


def rate_per_day(happened_at: Sequence[str]) -> float | None:
    """Events a day over the time they span, given as ISO 8601; None where they span less than a day."""
    times = sorted(datetime.fromisoformat(each) for each in happened_at)
    days = (times[-1] - times[0]) / timedelta(days=1) if times else 0.0
    return (len(times) - 1) / days if days >= 1 else None


def days_until(missing: int, per_day: float | None) -> int | None:
    """Whole days until so many more are there; None where nobody knows how fast they come."""
    if missing <= 0:
        return 0
    return None if per_day is None or per_day <= 0 else math.ceil(missing / per_day)
