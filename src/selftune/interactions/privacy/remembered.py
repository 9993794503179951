"""Texts in which nothing was found, by their digests: the same system prompt is not searched for every answer."""

from __future__ import annotations

import hashlib
from typing import Final

_DIGEST_BYTES: Final = 16
_LONGEST: Final = 1 << 20


class Remembered:
    """The texts that were added last, at least `most` of them and at most twice as many; no words are held.

    What is forgotten goes by halves: a set of its own per text would cost more than it saves.
    """

    def __init__(self, most: int = 20_000) -> None:
        self._most = most
        self._new: set[bytes] = set()
        self._old: set[bytes] = set()

    def key(self, of: str, text: str) -> bytes | None:
        """Under what a text is remembered beside `of`; None for one so long that it hardly comes twice."""
        if len(text) > _LONGEST:
            return None
        data = f"{of}\0{text}".encode("utf-8", "surrogatepass")
        return hashlib.blake2b(data, digest_size=_DIGEST_BYTES).digest()

    def __contains__(self, key: bytes | None) -> bool:
        if key in self._new:
            return True
        if key is None or key not in self._old:
            return False
        self.add(key)
        return True

    def add(self, key: bytes | None) -> None:
        """Remember a text by its key."""
        if key is None:
            return
        if len(self._new) >= self._most:
            self._old, self._new = self._new, set()
        self._new.add(key)
