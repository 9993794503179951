"""What one loop noticed, did and waits for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from selftune.loop.three_loops.signals import Loop, Signal


@dataclass(frozen=True, kw_only=True)
class Noticed:
    """A signal that stands on record now, in a sentence; `records` are some of those it rests on."""

    signal: Signal
    told: str
    records: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class LoopState:
    """One loop as the records show it.

    Attributes:
        timescale: In which time it answers.
        did: What it did last, newest first, each with its day.
        waits_for: What must come before it does the next thing; never empty.
        next_step: What a person can type.
    """

    loop: Loop
    timescale: str
    noticed: tuple[Noticed, ...]
    did: tuple[str, ...]
    waits_for: str
    next_step: str
