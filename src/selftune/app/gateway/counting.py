"""What the gateway counts by itself, for `selftune gateway status`."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from selftune.app.gateway.exchange import Exchange


@dataclass(kw_only=True)
class Counts:
    """How exchanges ended and what became of them; of nobody's words.

    Attributes:
        lost: Asked at each look: how many exchanges are not on the disk though they should be, by the reason.
    """

    ends: Counter[str] = field(default_factory=Counter)
    captures: Counter[str] = field(default_factory=Counter)
    refusals: Counter[str] = field(default_factory=Counter)
    lost: Callable[[], Mapping[str, int]] = dict

    def ended(self, exchange: Exchange, *, captured: bool | None) -> None:
        """An exchange ended; `captured` is None where nothing was to be kept, or it is not known yet."""
        self.ends[exchange.ended.value] += 1
        self.captures["not asked for" if captured is None else "kept" if captured else "not kept"] += 1

    def refused(self, route: str, status: int) -> None:
        """A request was refused before any model was asked."""
        del route
        self.refusals[str(status)] += 1

    def told(self) -> dict[str, dict[str, int]]:
        """All of it."""
        return {
            "ended": dict(self.ends),
            "captured": dict(self.captures),
            "lost": dict(self.lost()),
            "refused": dict(self.refusals),
        }
