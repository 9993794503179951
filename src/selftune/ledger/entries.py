"""One thing that happened, as a line of the ledger."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from selftune.ledger.verify import canonical, leaf_hash


@dataclass(frozen=True, kw_only=True)
class Entry:
    """An event, the record it made if any, and a link to the entry before.

    Attributes:
        seq: Place in the ledger, from 1; the order of things, whatever the clock said.
        at: UTC time as the machine's clock had it, ISO 8601.
        detail: Names and short values, sorted by name. Never the words of a person: a ledger can't forget.
        prev: Hash of the entry before, hex.
    """

    seq: int
    at: str
    event: str
    kind: str | None
    record_id: str | None
    detail: tuple[tuple[str, str], ...]
    prev: str

    @cached_property
    def hash(self) -> str:
        """RFC 6962 leaf hash of the line without its `hash`, hex."""
        return leaf_hash(canonical(self._fields())).hex()

    @property
    def line(self) -> bytes:
        """The line as it stands in the mirror, without the line feed."""
        return canonical(self._fields() | {"hash": self.hash})

    def _fields(self) -> dict[str, object]:
        return {
            "at": self.at,
            "detail": dict(self.detail),
            "event": self.event,
            "kind": self.kind,
            "prev": self.prev,
            "record_id": self.record_id,
            "seq": self.seq,
        }
