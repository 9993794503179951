"""Entries named by what they hold, so that a file may grow anywhere and be called anything."""

from __future__ import annotations

import hashlib
from array import array
from collections import Counter


class Positions:
    """Names entries by what they hold and by how often that came before, so that a file may grow anywhere."""

    def __init__(self) -> None:
        self._met = _Numbers()
        self._repeats: Counter[int] = Counter()

    def of(self, data: bytes) -> str:
        """The position of the next entry with these bytes."""
        digest = hashlib.sha256(data)
        number = int.from_bytes(digest.digest()[:8], "big")
        if not self._met.add(number):
            self._repeats[number] += 1
        return f"{digest.hexdigest()}:{self._repeats.get(number, 0)}"


class _Numbers:
    """A set of 64-bit digests that takes 12 to 24 bytes for each; Python's own takes about a hundred.

    Open addressing with linear probing (Knuth, volume 3, 6.4, algorithm L); a digest is its own hash.
    """

    def __init__(self) -> None:
        self._slots = array("Q", bytes(8 << 10))
        self._count = 0

    def add(self, number: int) -> bool:
        """Put a number in; False when it was there."""
        if 3 * self._count >= 2 * len(self._slots):
            self._grow()
        # An empty slot is 0.
        is_new = self._put(number or 1)
        self._count += is_new
        return is_new

    def _put(self, number: int) -> bool:
        slots, mask = self._slots, len(self._slots) - 1
        at = number & mask
        while slots[at]:
            if slots[at] == number:
                return False
            at = (at + 1) & mask
        slots[at] = number
        return True

    def _grow(self) -> None:
        old, self._slots = self._slots, array("Q", bytes(16 * len(self._slots)))
        for number in old:
            if number:
                self._put(number)
