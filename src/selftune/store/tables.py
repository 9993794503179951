"""The tables, as SQLAlchemy Core knows them; `migrations/` holds how they came to be.

A record that quotes people is named over salted parts, so its `body` can go while `sealed`, the text that its id is
the digest of, stays: the id and the ledger still verify.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    LargeBinary,
    MetaData,
    Table,
)
from sqlalchemy import Integer as PlainInteger
from sqlalchemy import String as PlainString
from sqlalchemy import Text as PlainText

METADATA: Final = MetaData()

# As SQLite has them by itself: whole numbers of 64 bits, and text that is compared and sorted byte by byte.
Integer: Final = PlainInteger().with_variant(BigInteger(), "postgresql")
String: Final = PlainString().with_variant(PlainString(collation="C"), "postgresql")
Text: Final = PlainText().with_variant(PlainText(collation="C"), "postgresql")

# `sequence` is the ingest sequence: it counts over all kinds, in the order of commits, and is never used twice.
RECORDS: Final = Table(
    "records",
    METADATA,
    Column("sequence", Integer, primary_key=True),
    Column("id", String, nullable=False, unique=True),
    Column("kind", String, nullable=False),
    Column("body", Text),
    Column("sealed", Text),
    Column("saved_at", String, nullable=False),
    Index("records_by_kind", "kind", "sequence"),
    sqlite_autoincrement=True,
)

LEDGER: Final = Table(
    "ledger",
    METADATA,
    Column("seq", Integer, primary_key=True, autoincrement=False),
    Column("at", String, nullable=False),
    Column("event", String, nullable=False),
    Column("kind", String),
    Column("record_id", String, ForeignKey("records.id")),
    Column("detail", Text, nullable=False),
    Column("hash", String, nullable=False),
    Index("ledger_by_record", "record_id"),
)

# One row: the ledger's size, its last hash, and the roots of the full subtrees, so that no append reads the others.
LEDGER_TREE: Final = Table(
    "ledger_tree",
    METADATA,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("size", Integer, nullable=False),
    Column("last_hash", String, nullable=False),
    Column("peaks", Text, nullable=False),
)

# What an import has seen: keyed hashes (see `places`). No record: a person was forgotten, never re-import.
SOURCES: Final = Table(
    "sources",
    METADATA,
    Column("key", String, primary_key=True),
    Column("record_id", String, ForeignKey("records.id")),
)

# A conversation that grew: the earlier version stays on record, and readers pass over it.
VERSIONS: Final = Table(
    "versions",
    METADATA,
    Column("record_id", String, ForeignKey("records.id"), primary_key=True),
    Column("supersedes", String, ForeignKey("records.id"), nullable=False),
    Index("versions_by_superseded", "supersedes"),
)

# Copies of what interactions say, made with them (see `facts`). `conversation` stands for a name and quotes it not.
INTERACTIONS: Final = Table(
    "interactions",
    METADATA,
    Column("sequence", Integer, ForeignKey("records.sequence"), primary_key=True, autoincrement=False),
    Column("conversation", Integer, nullable=False),
    Column("source", String, nullable=False),
    Column("may_train", Boolean, nullable=False),
    Column("happened_at", String),
    Column("last_turn_at", String),
    Column("superseded_by", Integer),
)

# Who judged by which rubric and prompt, and which model answered; empty where there is none.
SITTINGS: Final = Table(
    "sittings",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("judge", Text, nullable=False),
    Column("rubric_digest", String, nullable=False),
    Column("prompt_digest", String, nullable=False),
    Column("model", String, nullable=False),
)

# Copies of what judgements say; `interaction` is its ingest sequence, NULL for one that was never kept here.
JUDGEMENTS: Final = Table(
    "judgements",
    METADATA,
    Column("sequence", Integer, ForeignKey("records.sequence"), primary_key=True, autoincrement=False),
    Column("interaction", Integer),
    Column("sitting", Integer, ForeignKey("sittings.id"), nullable=False),
    Column("status", String, nullable=False),
    Column("overall", Float),
    Column("critical", Boolean, nullable=False),
    Column("flags", Text, nullable=False),
    Column("cost_usd", Float, nullable=False),
    Index("judgements_by_interaction", "interaction", "sitting"),
)

# Copies of what archived sessions say (see `sessions`). What is taken of the words alone is NULL once they are erased.
SESSIONS: Final = Table(
    "sessions",
    METADATA,
    Column("sequence", Integer, ForeignKey("records.sequence"), primary_key=True, autoincrement=False),
    Column("programme", String, nullable=False),
    Column("number", Integer, nullable=False),
    Column("happened_at", String),
    Column("flags", Text, nullable=False),
    Column("scores", Text, nullable=False),
    Column("reward", Float),
    Column("attempts", Integer, nullable=False),
    Column("words", Integer),
    Column("distinct_pairs", Float),
    Column("repeated", Float),
    Column("opening", Integer),
    Column("ending", Integer),
    Column("stock", Integer),
    Index("sessions_by_number", "programme", "number", unique=True),
)

STEPS: Final = Table(
    "steps",
    METADATA,
    Column("key", String, primary_key=True),
    Column("stage", String, nullable=False),
    Column("status", String, nullable=False),
    Column("many", Boolean, nullable=False),
    Column("tries", Integer, nullable=False),
    Column("seconds", Float),
    Column("error", Text),
    Column("changed_at", String, nullable=False),
)

STEP_OUTPUTS: Final = Table(
    "step_outputs",
    METADATA,
    Column("step", String, ForeignKey("steps.key"), primary_key=True),
    Column("position", Integer, primary_key=True, autoincrement=False),
    Column("record_id", String, ForeignKey("records.id"), nullable=False),
)

WORK: Final = Table(
    "work",
    METADATA,
    Column("step", String, primary_key=True),
    Column("key", String, primary_key=True),
    Column("data", LargeBinary, nullable=False),
)

# A released lease keeps its row with no owner: the token must go on growing.
LEASES: Final = Table(
    "leases",
    METADATA,
    Column("name", String, primary_key=True),
    Column("token", Integer, nullable=False),
    Column("owner", String),
    Column("host", String),
    Column("pid", Integer),
    Column("process_started", Float),
    Column("since", String),
    Column("expires_at", Float),
)
