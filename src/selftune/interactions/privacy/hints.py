"""Literals without which a pattern finds nothing: most texts hold none, and then no pattern is tried."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


def holds_any(text: str, literals: Iterable[str]) -> bool:
    """Whether a text holds one of these."""
    # A loop, since this is asked sixty times of each text, and a generator takes longer to make than to run.
    for literal in literals:  # noqa: SIM110 - see above
        if literal in text:
            return True
    return False
