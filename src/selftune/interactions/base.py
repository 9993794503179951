"""What a source of interactions must do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator

    from selftune.context import Context
    from selftune.records import Interaction, Quarantined


class Source(Protocol):
    """Yields what was said, oldest first; what it can't read it yields as `Quarantined`, and goes on."""

    def read(self, context: Context) -> Iterator[Interaction | Quarantined]:
        """Everything the source holds; the same entry gets the same `source` and `position` each time."""
        ...
