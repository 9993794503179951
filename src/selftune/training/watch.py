"""What both back-ends look at while they train: is the loss lost, is the time up, how much memory was used."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

    from selftune.records import CurvePoint

_WINDOW: Final = 5
_BLOW_UP: Final = 2.0


def divergence(curve: Sequence[CurvePoint]) -> str | None:
    """Why the loss is lost: not finite, or its last five above twice its first five plus a nat; None if it is not."""
    last = curve[-1]
    if not all(math.isfinite(one) for one in (last.loss, last.grad_norm, last.eval_loss) if one is not None):
        return f"the loss or its gradient was not finite at step {last.step}"
    if len(curve) < 2 * _WINDOW:
        return None
    first = sum(point.loss for point in curve[:_WINDOW]) / _WINDOW
    recent = sum(point.loss for point in curve[-_WINDOW:]) / _WINDOW
    if recent > _BLOW_UP * first + 1:
        return f"the loss rose from {first:.2f} to {recent:.2f} by step {last.step}"
    return None


def finite(curve: Sequence[CurvePoint]) -> tuple[CurvePoint, ...]:
    """The points before the loss was lost: a record holds no NaN."""
    return tuple(point for point in curve if divergence([point]) is None)


def is_time_up(seconds: float, limit: float) -> bool:
    """Whether a limit was set and is reached."""
    return 0 < limit <= seconds
