"""Audit: what somebody set out to read about a record; Reading: that some of it was read, by whom, by which query."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from selftune.records.codec import Record


@dataclass(frozen=True, kw_only=True)
class AuditSection:
    """A part of an audit: all that a query finds, whenever it is put.

    Attributes:
        query: Its name; `arguments` are its names and values.
    """

    name: str
    query: str
    arguments: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, kw_only=True)
class Audit(Record):
    """An audit that was begun. How far it has come is worked out from the readings and statements about it.

    Attributes:
        subject: Id of what is audited, `project`, or `programme:NAME`.
        auditor: Who is to answer for it.
        lineage: Of an auditor that is a model: the marks that the registry gave for it when the audit began.
        subject_lineage: The same of what is audited.
        started_at: UTC as ISO 8601.
    """

    KIND: ClassVar[str] = "audit"
    SALTED: ClassVar[frozenset[str]] = frozenset({"auditor"})

    salt: str
    subject: str
    sections: tuple[AuditSection, ...]
    auditor: str
    auditor_is_model: bool
    started_at: str
    lineage: tuple[str, ...] = ()
    subject_lineage: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Reading(Record):
    """Records that were put before a reader in an audit. That they were understood no record can say.

    Attributes:
        section: Of which section they are; `query` and `arguments` are that section's own.
        ids: What was read.
        by: Who or what read it.
        read_at: UTC as ISO 8601.
    """

    KIND: ClassVar[str] = "reading"
    SALTED: ClassVar[frozenset[str]] = frozenset({"by"})

    salt: str
    audit_id: str
    section: str
    query: str
    arguments: tuple[tuple[str, str], ...]
    ids: tuple[str, ...]
    by: str
    by_is_model: bool
    read_at: str
