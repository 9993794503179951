"""Whether it went "as projected" (mission E10): worked out against a curve on record before the values were."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from selftune.records import Projection


class PointState(StrEnum):
    """What has become of one point of a projection."""

    WITHIN = "as projected"
    BEYOND = "not as projected"
    KNOWN_BEFORE = "on record before the projection"
    OPEN = "not there yet"


@dataclass(frozen=True, kw_only=True)
class Reached:
    """A value that was measured, and its place in the order in which everything was kept."""

    value: float
    place: int
    n: int = 1


@dataclass(frozen=True, kw_only=True)
class JudgedPoint:
    """One point: where, what was expected, what was measured; None where nothing was yet."""

    at: int
    projected: float
    measured: float | None
    n: int
    state: PointState


@dataclass(frozen=True, kw_only=True)
class JudgedProjection:
    """A projection point by point."""

    projection: Projection
    points: tuple[JudgedPoint, ...]

    @property
    def as_projected(self) -> bool | None:
        """Whether things went as projected; None while points are open and none lies beyond.

        A value that was on record before its projection bears nothing out: with one of them it is never so.
        """
        states = {point.state for point in self.points}
        if states & {PointState.BEYOND, PointState.KNOWN_BEFORE}:
            return False
        return None if PointState.OPEN in states else True


def judge_projection(projection: Projection, place: int, reached: Mapping[int, Reached]) -> JudgedProjection:
    """The projection against what was measured.

    Args:
        projection: What was expected.
        place: Of the projection, in the order in which everything was kept.
        reached: What was measured at each of its points, where there is something.
    """
    points = []
    for at, projected in projection.points:
        found = reached.get(at)
        points.append(
            JudgedPoint(
                at=at,
                projected=projected,
                measured=None if found is None else found.value,
                n=0 if found is None else found.n,
                state=_state(projected, projection.tolerance, place, found),
            )
        )
    return JudgedProjection(projection=projection, points=tuple(points))


def _state(projected: float, tolerance: float, place: int, found: Reached | None) -> PointState:
    if found is None:
        return PointState.OPEN
    if found.place < place:
        return PointState.KNOWN_BEFORE
    return PointState.WITHIN if abs(found.value - projected) <= tolerance else PointState.BEYOND
