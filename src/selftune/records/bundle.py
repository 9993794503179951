"""Bundle: what people sign before something is deployed; all their signatures are over its one id."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from selftune.records.codec import Record


@dataclass(frozen=True, kw_only=True)
class Bundle(Record):
    """Everything that a sign-off covers, by ids and digests. It holds no signature: these are Statements about it.

    Attributes:
        subject: Id of the decision, or of the model in the registry, that is to be deployed.
        evidence: What it rests on: a name, and an id or digest.
        documents: The documents that were made for it, by name and digest of the blob.
        charter: Name of the chain of sign-offs that was in force.
        ledger_size: Entries of the ledger when it was made, `ledger_root` the root of their tree in hex.
        programme: Of the archive that holds the training.
        sessions: First and last number of the sessions that it covers.
        concerns: Ids of the doubts that stood when it was made.
        behind: Pseudonyms of those who led the sessions; they sign for nobody but themselves.
        codex_digest: Of the codex in force.
    """

    KIND: ClassVar[str] = "bundle"
    SALTED: ClassVar[frozenset[str]] = frozenset({"behind"})

    salt: str
    subject: str
    evidence: tuple[tuple[str, str], ...]
    documents: tuple[tuple[str, str], ...]
    charter: str
    charter_digest: str
    ledger_size: int
    ledger_root: str
    programme: str | None = None
    sessions: tuple[int, int] | None = None
    concerns: tuple[str, ...] = ()
    behind: tuple[str, ...] = ()
    codex_digest: str | None = None
