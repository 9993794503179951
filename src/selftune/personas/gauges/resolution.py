"""How long a dialogue takes to get out of a dissonance (mission A39)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

    from selftune.records import DissonanceLimits, Interaction

UNRESOLVED: Final = "unresolved"
"""The flag of a dialogue that was in dissonance and ended before a whole round resolved it, whatever its last score."""


def resolution_turns(by_turn: Sequence[float], limits: DissonanceLimits) -> int | None:
    """Turns from the first that stands at `high` or above to the first after it below `resolved`.

    None where it never rose so far, and where it never came down again: `is_high` tells the two apart.
    """
    rose = next((at for at, value in enumerate(by_turn) if value >= limits.high), None)
    if rose is None:
        return None
    return next((at - rose for at, value in enumerate(by_turn) if at > rose and value < limits.resolved), None)


def is_high(by_turn: Sequence[float], limits: DissonanceLimits) -> bool:
    """Whether a dialogue was ever in dissonance."""
    return any(value >= limits.high for value in by_turn)


def ended_in_dissonance(said: Interaction, limits: DissonanceLimits) -> bool:
    """Whether a dialogue ended unresolved: it says so itself, or its scores do where it was held elsewhere."""
    by_turn = said.dissonance
    return UNRESOLVED in said.flags or (is_high(by_turn, limits) and by_turn[-1] >= limits.resolved)
