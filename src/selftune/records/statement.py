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
    ANSWER = "answer"
    CLOSING = "closing"
    WITHDRAWAL = "withdrawal"
    APPROVAL = "approval"
    REFUSAL = "refusal"
    SIGN_OFF = "sign_off"
    REVOCATION = "revocation"
    HOLD = "hold"
    FREEZE = "freeze"
    STOP = "stop"
    LIFT = "lift"
    ESCALATION = "escalation"
    ROSTER = "roster"
    NAMING = "naming"
    RETIREMENT = "retirement"
    AMENDMENT = "amendment"
    FINDING = "finding"
    PICK = "pick"
    EXCLUSION = "exclusion"


class Gravity(StrEnum):
    """How heavy a concern is; a blocking one stops what it is about."""

    NOTED = "noted"
    SERIOUS = "serious"
    BLOCKING = "blocking"


@dataclass(frozen=True, kw_only=True)
class Fact:
    """What was found by a query that anybody can put again.

    Attributes:
        query: Its name; `arguments` are its names and values.
        value: What came out, in words.
        n: Of how many records.
        read_digest: Of the ids that were read, so that it is seen when others would be read.
        interval: Around the value, where it is a number that chance has a part in.
    """

    query: str
    arguments: tuple[tuple[str, str], ...]
    value: str
    n: int
    read_digest: str
    interval: tuple[float, float] | None = None


@dataclass(frozen=True, kw_only=True)
class Statement(Record):
    """Verbatim text by an author about a subject (a record id); a change of mind is a new one that supersedes.

    Attributes:
        author: Who says it.
        subject: Id of what it is about.
        text: The words, as they were said.
        said_at: UTC as ISO 8601.
        evidence: Ids of what it rests on.
        supersedes: Id of the statement of which it is the newer one.
        signature: By the machine's key: that it was said here, and when in the ledger. It covers the author's too.
        category: Of an annotation, as its author calls it.
        topic: What it is about in a word, by which remarks of one author are found together.
        before: What stood there, where a correction is told; `after` what stands there now.
        authorised_by: Who allowed it, of an escalation.
        gravity: Of a concern.
        links: Other statements that it belongs to.
        facts: Queries that bear out what it says, as they came out when it was signed.
        role: In which the author says it.
        key: The author's public key, in hex; `key_signature` is made with it.
        unfinished: It broke off: the words up to there are kept.
        redacted: Something in the text was taken out at the door.
        expires_at: Until when it holds, UTC as ISO 8601.
        lineage: Of an author that is a model: its names, newest first.
    """

    KIND: ClassVar[str] = "statement"
    SALTED: ClassVar[frozenset[str]] = frozenset({"text", "author", "topic", "before", "after", "authorised_by"})

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
    category: str = ""
    topic: str = ""
    before: str | None = None
    after: str | None = None
    authorised_by: str | None = None
    gravity: Gravity | None = None
    links: tuple[str, ...] = ()
    facts: tuple[Fact, ...] = ()
    role: str = ""
    key: str | None = None
    key_signature: str | None = None
    unfinished: bool = False
    redacted: bool = False
    expires_at: str | None = None
    lineage: tuple[str, ...] = ()
