"""Model: an entry of the registry, by what its files are and what it descends from, whatever it is called."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from selftune.records.build import FileDigest
from selftune.records.codec import Record


@dataclass(frozen=True, kw_only=True)
class Model(Record):
    """A model that somebody entered: a generation of ours, one of another's, a base, an auditor.

    Later names are Statements about it, so is its retirement; its successors are those that name it as a parent.

    Attributes:
        name: Under which it was entered.
        files: Of its weights, by digest; empty where nobody has them any more.
        parents: What it was made of: ids of models, builds or runs, or a digest where no record is at hand.
        base_digest: Of the base it began from.
        programme: Of the archive that holds its training.
        entered_at: UTC as ISO 8601.
        source: Where the entry was read from; empty for one made by hand.
    """

    KIND: ClassVar[str] = "model"

    name: str
    entered_at: str
    files: tuple[FileDigest, ...] = ()
    parents: tuple[str, ...] = ()
    base_digest: str | None = None
    programme: str | None = None
    source: str = ""
