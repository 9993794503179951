"""Mixtures that are known to have harmed a model: the card names them with the figure (mission B27)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

    from selftune.records import KindCount

# One published run repeated the lessons of the category it wanted to raise; more than one was never published.
_REPEATED_FROM: Final = 2.0
_BEFORE, _AFTER = 7.79, 7.00


def warn_of_known_harm(kinds: Sequence[KindCount]) -> str:
    """A line for each kind that a mixture repeats as often as the run that lost by it; empty when there is none."""
    return "".join(
        f"\n**Warning**: {kind.name} stands in it {kind.after / kind.before:.1f} times as often as the log gives it. "
        f"In the one run published, twice as much of a category lowered that category from {_BEFORE:.2f} to "
        f"{_AFTER:.2f} of 10.\n"
        for kind in kinds
        if kind.before and kind.after >= _REPEATED_FROM * kind.before
    )
