"""Dissonance as whoever ran the personas measured it: the conflict of each turn with the principles (mission A7).

Only what the log brings is told. A log without it has none: no measure is made up afterwards.
"""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


def tell_dissonance(by_turn: Sequence[float]) -> str:
    """One dialogue in a line: each turn, the highest and the last; empty where nothing was measured."""
    if not by_turn:
        return ""
    turns = " ".join(f"{value:g}" for value in by_turn)
    return f"dissonance by turn: {turns}; {max(by_turn):g} at the highest, {by_turn[-1]:g} at the end"


def summarise_dissonance(dialogues: Sequence[Sequence[float]]) -> str:
    """A set of lessons in a sentence: how many carry a measure, and whether they end lower than they rose.

    Empty where nothing was measured.
    """
    measured = [values for values in dialogues if values]
    if not measured:
        return ""
    fell = sum(values[-1] < max(values) for values in measured)
    return (
        f"Dissonance: measured in {len(measured)} of {len(dialogues)} lessons; in the median "
        f"{median(map(max, measured)):.2f} at the highest and {median(values[-1] for values in measured):.2f} at the "
        f"end; {fell} of {len(measured)} end lower than they rose."
    )
