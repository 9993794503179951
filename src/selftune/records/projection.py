"""Projection: what somebody expects of a series before it is there; its place in the ledger proves the "before"."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from selftune.records.codec import Record


@dataclass(frozen=True, kw_only=True)
class Projection(Record):
    """A curve that was registered; whether things went "as projected" is worked out against it each time.

    Attributes:
        subject: `releases`, or the name of an archived programme.
        series: What is followed, as `selftune alarms` names it.
        points: Generation or session number, and the value expected there.
        tolerance: How far a value may lie from the one expected, on the series' own scale.
        by: Who registered it.
    """

    KIND: ClassVar[str] = "projection"
    SALTED: ClassVar[frozenset[str]] = frozenset({"by"})

    salt: str
    subject: str
    series: str
    points: tuple[tuple[int, float], ...]
    tolerance: float
    by: str
