"""What the gateway and its writer say to each other."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from selftune.app.gateway.capture.words import Word  # noqa: TC001 - msgspec reads the annotation
from selftune.app.gateway.exchange import Exchange  # noqa: TC001 - msgspec reads the annotation


class Verdict(StrEnum):
    """What became of something that was to be written down; only `KEPT` is on the disk."""

    KEPT = "kept"
    FOREIGN = "foreign"
    FULL = "disk full"
    BROKEN = "disk failed"
    UNREADABLE = "unreadable"
    CROWDED = "queue full"
    GONE = "writer gone"


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What is to be written down, by a number that the gateway chose: an exchange, or a later word."""

    number: int
    exchange: Exchange | None = None
    word: Word | None = None

    @property
    def what(self) -> Exchange | Word:
        """The one of the two that is there."""
        found = self.exchange or self.word
        assert found is not None, "one of the two is always sent"  # noqa: S101 - can't happen
        return found


@dataclass(frozen=True, kw_only=True)
class Done:
    """What became of one; number 0 says that the writer is up."""

    number: int
    verdict: Verdict
