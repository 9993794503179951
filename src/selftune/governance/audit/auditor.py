"""Who may audit: no model of the lineage that is audited, whatever its name; in a team nobody who stands behind it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING

from selftune.governance.doubts import against_person
from selftune.governance.matters import matters
from selftune.governance.registry.lineage import kin_between, trace_lineage
from selftune.records import Statement, StatementKind

if TYPE_CHECKING:
    from selftune.governance.audit.subjects import Subject
    from selftune.governance.doubts import Hearing
    from selftune.store import Store


class AuditorRefusal(StrEnum):
    """Why somebody may not audit this."""

    SAME_LINEAGE = "the auditor is of the subject's own lineage"
    UNKNOWN_LINEAGE = "nobody recorded what the auditor, or the subject, was made of"
    STANDS_BEHIND = "the auditor stands behind what is audited"


@dataclass(frozen=True, kw_only=True)
class Against:
    """What speaks against an auditor; `told` says by what it is known."""

    refusal: AuditorRefusal
    told: str


@dataclass(frozen=True, kw_only=True)
class Auditor:
    """Who is to audit.

    Attributes:
        is_model: They are a program: because it was said so, or because the registry or the roster knows one so called.
        lineage: Of a model, the marks that the registry gives for it.
    """

    name: str
    is_model: bool
    lineage: tuple[str, ...] = ()


def auditor_named(store: Store, hearing: Hearing, name: str, *, is_model: bool = False) -> Auditor:
    """The auditor of this name; what is, or ever was, a model's name is a model's."""
    member = hearing.roster.member(name)
    lineage = trace_lineage(store, name)
    known = lineage is not None or (member is not None and member.now.is_model)
    return Auditor(name=name, is_model=is_model or known, lineage=() if lineage is None else lineage.marks)


def against_auditor(store: Store, hearing: Hearing, subject: Subject, auditor: Auditor) -> Against | None:
    """What speaks against this auditor of this subject; None where nothing does.

    A person who works alone is told of here too: whether that is a refusal is for whoever asks.
    """
    if auditor.is_model:
        return _against_model(store, subject, auditor)
    why = _against_person(store, hearing, subject, auditor.name)
    return None if not why else Against(refusal=AuditorRefusal.STANDS_BEHIND, told=why)


def subject_lineage(store: Store, subject: Subject) -> tuple[str, ...]:
    """The marks of all models whose work is audited, as far as the registry knows them."""
    found = (trace_lineage(store, one) for one in subject.models)
    return tuple(dict.fromkeys(mark for lineage in found if lineage is not None for mark in lineage.marks))


def _against_model(store: Store, subject: Subject, auditor: Auditor) -> Against | None:
    unknown = "" if subject.models else "nothing says which model's work this is"
    for model in subject.models:
        shared = kin_between(store, auditor.name, model)
        if shared is None:
            unknown = unknown or f"the lineage of {auditor.name} or of {model} has no origin on record"
        elif shared:
            return Against(
                refusal=AuditorRefusal.SAME_LINEAGE, told=f"{auditor.name} and {model} share {', '.join(shared)}"
            )
    return Against(refusal=AuditorRefusal.UNKNOWN_LINEAGE, told=unknown) if unknown else None


def _against_person(store: Store, hearing: Hearing, subject: Subject, name: str) -> str:
    """Why a person who doubted the subject could not be answered by this one: the same holds for an audit of it."""
    about = replace(hearing, matters=hearing.matters or matters(store, lessons=False))
    found = (against_person(about, _remark(one, ""), _remark(one, name)) for one in (subject.id, *subject.models))
    return next(filter(None, found), "")


def _remark(subject: str, author: str) -> Statement:
    """Words that nobody said, in the shape in which the doubts ask who is behind something."""
    return Statement(
        salt="", author=author, author_is_model=False, subject=subject, kind=StatementKind.FINDING, text="", said_at=""
    )
