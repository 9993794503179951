"""The queries by which an audit finds its records: named, pure, and put again whenever somebody asks."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Final

from selftune.errors import UnknownNameError, UsageError
from selftune.governance.shredded import as_left
from selftune.governance.statements import PROJECT
from selftune.governance.tracing.walking import walk_back
from selftune.records import AuditSection, Model, Record, Statement, StatementKind, record_types

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from selftune.governance.audit.subjects import Subject
    from selftune.store import Store

    Arguments = Mapping[str, str]

_OWN: Final = frozenset({"audit", "reading", "session", "statement", "model", "projection"})
"""Kinds that have sections of their own, or belong to audits themselves."""

_REMARKS: Final = (StatementKind.ANNOTATION, StatementKind.REVIEW, StatementKind.ESCALATION, StatementKind.PICK)
_DOUBTS: Final = (
    StatementKind.CONCERN, StatementKind.HOLD, StatementKind.FREEZE, StatementKind.STOP, StatementKind.ANSWER,
    StatementKind.CLOSING, StatementKind.LIFT, StatementKind.WITHDRAWAL,
)  # fmt: skip
_SIGNATURES: Final = (
    StatementKind.APPROVAL, StatementKind.REFUSAL, StatementKind.SIGN_OFF, StatementKind.REVOCATION,
    StatementKind.AMENDMENT, StatementKind.ROSTER,
)  # fmt: skip
_ENDS: Final = (StatementKind.NAMING, StatementKind.RETIREMENT)


@dataclass(frozen=True)
class Scope:
    """A subject with all that it rests on; walked once, when it is first asked for."""

    store: Store
    subject: Subject

    @cached_property
    def reached(self) -> Mapping[str, None]:
        """Ids of the subject's records and of all that they rest on; without starts, of everything."""
        if not self.subject.starts:
            kinds = [kind for name, kind in record_types().items() if name not in _OWN]
            return dict.fromkeys(record.id for kind in kinds for _, record in self.store.each(kind))
        walked = walk_back(self.store, self.subject.starts, read_many=self.store.records)
        return dict.fromkeys((*self.subject.starts, *walked.ids))

    @cached_property
    def sessions(self) -> frozenset[str]:
        """Ids of all sessions of the subject's programmes."""
        return frozenset(row.session_id for name in self.subject.programmes for row in self.store.sessions.facts(name))

    @cached_property
    def said(self) -> tuple[Statement, ...]:
        """What was said about any of it, the whole project among it, and about that, oldest first.

        Findings of audits are left to their audits.
        """
        everything = not self.subject.starts
        about, found = {PROJECT, self.subject.id, *self.reached, *self.sessions}, list[Statement]()
        for _, one in as_left(self.store):
            if one.kind is not StatementKind.FINDING and (everything or {one.subject, *one.links} & about):
                about.add(one.id)
                found.append(one)
        return tuple(found)


def _sessions(scope: Scope, arguments: Arguments) -> Iterator[str]:
    """Sessions of a programme, between two numbers where they are given."""
    first, last = (_number(arguments, name) for name in ("first", "last"))
    for row in scope.store.sessions.facts(arguments["programme"]):
        if (first is None or row.number >= first) and (last is None or row.number <= last):
            yield row.session_id


def _number(arguments: Arguments, name: str) -> int | None:
    told = arguments.get(name)
    if told is None:
        return None
    if not (told.isascii() and told.isdigit()):
        raise UsageError(f"{name!r} is a session's number, and {told!r} is none.", next_step="Give it as digits.")
    return int(told)


def _said(scope: Scope, arguments: Arguments) -> Iterator[str]:
    """Statements of these kinds about the subject, or anything that it rests on."""
    kinds = _named(arguments["kinds"], [kind.value for kind in StatementKind])
    return (one.id for one in scope.said if one.kind.value in kinds)


def _rests_on(scope: Scope, arguments: Arguments) -> Iterator[str]:
    """Records of these kinds that the subject rests on, itself among them."""
    kinds = _named(arguments["kinds"], record_types())
    return (name for name in scope.reached if name.partition(":")[0] in kinds)


def _models(scope: Scope, _: Arguments) -> Iterator[str]:
    """Every entry of the registry: what is kin to the subject is only known by those that are not."""
    return (model.id for _, model in scope.store.each(Model))


def _named(told: str, known: Mapping[str, type[Record]] | list[str]) -> frozenset[str]:
    wanted = [name.strip() for name in told.split(",") if name.strip()]
    for name in wanted:
        if name not in known:
            raise UnknownNameError("kind", name, known)
    return frozenset(wanted)


QUERIES: Final[Mapping[str, tuple[Callable[[Scope, Arguments], Iterator[str]], frozenset[str], frozenset[str]]]] = {
    "sessions": (_sessions, frozenset({"programme"}), frozenset({"first", "last"})),
    "said": (_said, frozenset({"kinds"}), frozenset()),
    "rests_on": (_rests_on, frozenset({"kinds"}), frozenset()),
    "models": (_models, frozenset(), frozenset()),
}
"""By name: what finds the ids, the arguments that it needs, and those that it takes."""


def ids_of(scope: Scope, section: AuditSection) -> tuple[str, ...]:
    """The ids of a section's records, each once, in their order.

    Raises:
        UnknownNameError: there is no such query, or no such kind.
        UsageError: an argument is missing, or none that the query takes.
    """
    if section.query not in QUERIES:
        raise UnknownNameError("query", section.query, QUERIES)
    find, needed, taken = QUERIES[section.query]
    arguments = dict(section.arguments)
    if not needed <= arguments.keys() <= needed | taken:
        raise UsageError(
            f"the query {section.query!r} takes {', '.join(sorted(needed | taken)) or 'no argument'}.",
            next_step=f"Give it as --section 'NAME={section.query}:ARGUMENT=VALUE;ARGUMENT=VALUE'.",
        )
    return tuple(dict.fromkeys(find(scope, arguments)))


def usual_sections(subject: Subject) -> tuple[AuditSection, ...]:
    """What an audit reads where nobody says otherwise: everything, part by part."""
    return (
        *(_section(f"sessions of {name}", "sessions", programme=name) for name in subject.programmes),
        _section("what was decided", "rests_on", kinds="decision,release,bundle"),
        _section("what was measured", "rests_on", kinds="evaluation,suite,rubric"),
        _section("how it was made", "rests_on", kinds="dataset,run,build,prompt_search,base_model"),
        _section("what was learnt from", "rests_on", kinds="interaction,judgement"),
        _section("remarks", "said", kinds=_kinds(_REMARKS)),
        _section("doubts", "said", kinds=_kinds(_DOUBTS)),
        _section("signatures", "said", kinds=_kinds(_SIGNATURES)),
        _section("registry", "models"),
        _section("names and ends", "said", kinds=_kinds(_ENDS)),
    )


def _section(name: str, query: str, **arguments: str) -> AuditSection:
    return AuditSection(name=name, query=query, arguments=tuple(arguments.items()))


def _kinds(kinds: tuple[StatementKind, ...]) -> str:
    return ",".join(kind.value for kind in kinds)
