"""Chance that repeats: a draw by name, whatever else is drawn beside it."""

from __future__ import annotations

import hashlib


def uniform(seed: int, name: str) -> float:
    """A number in [0, 1) that depends on seed and name only."""
    return int.from_bytes(hashlib.sha256(f"{seed}\n{name}".encode()).digest()[:8], "big") / 2**64
