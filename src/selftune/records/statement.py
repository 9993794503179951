"""Statement: what a person, or a model labelled as one, says about any record."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar

from selftune.records.codec import Record


class StatementKind(StrEnum):
    """What is being said."""

    REVIEW = "review"
    ANNOTATION = "annotation"
    CONCERN = "concern"
    APPROVAL = "approval"
    SIGN_OFF = "sign_off"
    HOLD = "hold"
    RETIREMENT = "retirement"
    AMENDMENT = "amendment"
    PICK = "pick"


@dataclass(frozen=True, kw_only=True)
class Statement(Record):
    """Verbatim text by an author about a subject (a record id); a change of mind is a new one that supersedes."""

    KIND: ClassVar[str] = "statement"
    SALTED: ClassVar[frozenset[str]] = frozenset({"text", "author"})

    salt: str
    author: str
    author_is_model: bool
    subject: str
    kind: StatementKind
    text: str
    said_at: str
    evidence: tuple[str, ...] = ()
    signature: str | None = None
    supersedes: str | None = None
