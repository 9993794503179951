"""How far an audit has come: worked out from its readings and from what was said about it, each time (E16)."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from selftune.governance.audit.queries import Scope, ids_of
from selftune.governance.audit.subjects import subject_of
from selftune.governance.keys import statement_is_signed
from selftune.governance.people.roster import Refusal, fold, signer_of
from selftune.records import Audit, Fact, Reading, Statement, StatementKind, digest_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from selftune.governance.doubts import Hearing
    from selftune.records import AuditSection
    from selftune.store import Store

LEFT_UNREAD: Final = "left unread"
CONCLUSION: Final = "conclusion"
_AT_ONCE: Final = 500
COVERAGE: Final = "audit coverage"
"""The query of the facts that a conclusion carries: of each section, how much of it had been read."""


class AuditState(StrEnum):
    """How far an audit has come."""

    STARTED = "started"
    READING = "reading"
    READ = "read"
    CONCLUDED = "concluded"


@dataclass(frozen=True, kw_only=True)
class Covered:
    """One section, as far as it was read.

    Attributes:
        ids: What its query finds today.
        readers: How many of these each reader was served, by name; a model's says so.
        unread: Those of `ids` that nobody was served, in their order.
        beside: Ids that were served as this section's and that its query does not find today.
        erased: Ids whose words are gone: there is nothing left of them to read.
        left: Why it is left unread, where the auditor said so.
    """

    section: AuditSection
    ids: tuple[str, ...]
    readers: tuple[tuple[str, int], ...]
    unread: tuple[str, ...]
    beside: tuple[str, ...] = ()
    erased: tuple[str, ...] = ()
    left: Statement | None = None

    @property
    def read(self) -> int:
        """How many of its records were read."""
        return sum(n for _, n in self.readers)

    @property
    def is_settled(self) -> bool:
        """Whether nothing of it is unread, or its auditor said why."""
        return not self.unread or self.left is not None

    @property
    def fact(self) -> Fact:
        """The coverage as anybody can reckon it again."""
        arguments = (("section", self.section.name), ("query", self.section.query), *self.section.arguments)
        return Fact(
            query=COVERAGE,
            arguments=arguments,
            value=f"{self.read} of {len(self.ids)} read",
            n=len(self.ids),
            read_digest=digest_of(sorted(set(self.ids) - set(self.unread) - set(self.erased))),
        )


@dataclass(frozen=True, kw_only=True)
class AuditView:
    """An audit with all that came of it.

    Attributes:
        findings: What was found, oldest first, whoever found it.
        conclusion: The auditor's last word; None while there is none that counts.
        refused: Words that would conclude it, or leave a section unread, and do not count, each with the reason.
    """

    audit: Audit
    sections: tuple[Covered, ...]
    readings: tuple[Reading, ...]
    findings: tuple[Statement, ...]
    conclusion: Statement | None
    refused: tuple[tuple[Statement, str], ...] = ()

    @property
    def state(self) -> AuditState:
        """How far it has come."""
        if self.conclusion is not None:
            return AuditState.CONCLUDED
        if all(one.is_settled for one in self.sections):
            return AuditState.READ
        return AuditState.READING if self.readings else AuditState.STARTED

    @property
    def read(self) -> frozenset[str]:
        """Every id that was put before a reader in this audit."""
        return frozenset(name for one in self.readings for name in one.ids)

    @property
    def whole(self) -> bool:
        """Whether there is nothing in it that nobody read."""
        return not any(one.unread for one in self.sections)

    def section(self, name: str) -> Covered | None:
        """The section of this name."""
        return next((one for one in self.sections if fold(one.section.name) == fold(name)), None)


def view_audit(store: Store, hearing: Hearing, audit: Audit) -> AuditView:
    """The audit as it stands today: what came after its readings is unread again."""
    readings = tuple(one for _, one in store.each(Reading) if one.audit_id == audit.id)
    scope = Scope(store, subject_of(store, audit.subject))
    said = [(place, one) for place, one in hearing.said if one.subject == audit.id]
    findings = tuple(one for _, one in said if one.kind is StatementKind.FINDING and not one.topic)
    left, last, refused = dict[str, Statement](), list[Statement](), list[tuple[Statement, str]]()
    for place, one in said:
        if one.kind is StatementKind.FINDING and one.topic in {LEFT_UNREAD, CONCLUSION}:
            against = against_ending_audit(hearing, audit, one, place)
            if against:
                refused.append((one, against))
            elif one.topic == LEFT_UNREAD:
                left[fold(one.category)] = one
            else:
                last.append(one)
    return AuditView(
        audit=audit,
        sections=tuple(_covered(scope, section, readings, left) for section in audit.sections),
        readings=readings,
        findings=findings,
        conclusion=last[-1] if last else None,
        refused=tuple(refused),
    )


def against_ending_audit(hearing: Hearing, audit: Audit, said: Statement, place: int) -> str:
    """Why words that conclude an audit, or leave a part of it unread, do not count; empty where they do."""
    if hearing.public_key is not None and not statement_is_signed(said, hearing.public_key):
        return "it is not signed in this project"
    if said.unfinished or not said.text.strip():
        return "it broke off" if said.unfinished else "it says nothing"
    if not hearing.roster.known_as(said) & hearing.roster.named(audit.auditor):
        return f"only {audit.auditor}, who is to answer for the audit, says so"
    if said.author_is_model != audit.auditor_is_model:
        return "who began the audit is another one, a model or a person"
    if hearing.roster.is_team and not said.author_is_model:
        signer = signer_of(said, hearing.roster, place=place)
        return str(signer) if isinstance(signer, Refusal) else ""
    return ""


def _covered(scope: Scope, section: AuditSection, readings: Iterable[Reading], left: dict[str, Statement]) -> Covered:
    ids = ids_of(scope, section)
    wanted, by, served = frozenset(ids), dict[str, str](), dict[str, None]()
    for one in _readings_of(section, readings):
        served |= dict.fromkeys(one.ids)
        by.update(dict.fromkeys((name for name in one.ids if name in wanted and name not in by), _reader(one)))
    gone = _erased(scope.store, [name for name in ids if name not in by])
    return Covered(
        section=section,
        ids=ids,
        readers=tuple(sorted(Counter(by.values()).items())),
        unread=tuple(name for name in ids if name not in by and name not in gone),
        beside=tuple(name for name in served if name not in wanted),
        erased=tuple(name for name in ids if name in gone),
        left=left.get(fold(section.name)),
    )


def _erased(store: Store, ids: Sequence[str]) -> frozenset[str]:
    found = (store.sessions.erased(ids[place : place + _AT_ONCE]) for place in range(0, len(ids), _AT_ONCE))
    return frozenset[str]().union(*found)


def _readings_of(section: AuditSection, readings: Iterable[Reading]) -> Iterator[Reading]:
    for one in readings:
        if (one.section, one.query, one.arguments) == (section.name, section.query, section.arguments):
            yield one


def _reader(reading: Reading) -> str:
    return f"{reading.by} (a model)" if reading.by_is_model else reading.by
