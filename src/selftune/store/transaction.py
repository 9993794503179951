"""One transaction that adds to a store: records, their ledger entries and what depends on both, all or nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from selftune.store import history, rows

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from sqlalchemy import Connection

    from selftune.records import Record
    from selftune.store.import_key import ImportKey


@dataclass(frozen=True, kw_only=True)
class Transaction:
    """What is kept by it is on the disk, and in the ledger, once its block has ended.

    Attributes:
        connection: Nobody else writes to the store while it is open.
        clock: UTC time, ISO 8601.
    """

    connection: Connection
    clock: Callable[[], str]
    import_key: ImportKey

    @property
    def secret(self) -> bytes:
        """The project's import key, made at its first use; errors as `ImportKey.secret`."""
        return self.import_key.secret(self.connection)

    def keep(self, records: Sequence[Record], *, event: str, detail: Mapping[str, str]) -> tuple[str, ...]:
        """Keep records, each with a ledger entry of this event, as `Store.save` tells; an id for each, in order."""
        connection, at = self.connection, self.clock()
        kept = rows.keep_records(connection, records, secret=self.secret, at=at)
        history.add_entries(connection, at=at, event=event, records=kept.new, detail=detail)
        history.add_entries(connection, at=at, event=history.TIGHTENED, records=kept.tightened, detail=detail)
        return kept.ids

    def note(self, event: str, detail: Mapping[str, str]) -> int:
        """Add a ledger entry that has no record; returns its place in the ledger."""
        nothing = [(None, None)]
        return history.add_entries(self.connection, at=self.clock(), event=event, records=nothing, detail=detail)
