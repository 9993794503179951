"""What an audit is about: a record, a programme, or everything here; and the models whose work that is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from selftune.governance.matters import if_kept, matters, of_programme
from selftune.governance.registry.lineage import trace_lineage
from selftune.governance.statements import PROJECT
from selftune.records import Build, Bundle, Decision, Evaluation, Model, Record, Release, Run, Session

if TYPE_CHECKING:
    from collections.abc import Iterator

    from selftune.store import Store

PROGRAMME: Final = of_programme("")


@dataclass(frozen=True, kw_only=True)
class Subject:
    """What is audited, and what belongs to it.

    Attributes:
        id: Of the record; `project`; or `programme:NAME`.
        starts: Ids from which it is walked to all that it rests on; empty for the whole project.
        programmes: Names of the archived programmes that trained it.
        models: Ids or names of the models whose lineage no auditor may share.
    """

    id: str
    starts: tuple[str, ...]
    programmes: tuple[str, ...]
    models: tuple[str, ...]


def subject_of(store: Store, subject_id: str) -> Subject:
    """What belongs to a subject, worked out from today's records.

    Raises:
        UnknownNameError: there is no such record.
    """
    known = tuple(one.name for one in store.sessions.programmes())
    if subject_id == PROJECT:
        # A model that was only entered, to audit or to judge, is nobody's work here.
        own = (model.id for _, model in store.each(Model) if model.programme in known)
        models = (*own, *(one.build_id for _, one in store.each(Release)))
        return Subject(id=subject_id, starts=(), programmes=known, models=tuple(dict.fromkeys(models)))
    if subject_id.startswith(PROGRAMME):
        name = subject_id.removeprefix(PROGRAMME)
        models = tuple(model.id for _, model in store.each(Model) if model.programme == name)
        return Subject(id=subject_id, starts=models, programmes=(name,), models=models)
    record = store.any_record(subject_id)
    models = tuple(_models_of(record))
    trained = dict.fromkeys((*_programmes_of(record), *(name for one in models for name in _trained_in(store, one))))
    return Subject(
        id=record.id,
        starts=(record.id, *_beside(store, record.id)),
        programmes=tuple(name for name in trained if name in known),
        models=models,
    )


def _beside(store: Store, record_id: str) -> tuple[str, ...]:
    """What was decided, measured, signed and released about a record, which came after it."""
    found = (name for one in matters(store, lessons=False) if record_id in one.records for name in sorted(one.records))
    return tuple(dict.fromkeys(name for name in found if name != record_id and not name.startswith(PROGRAMME)))


def _models_of(record: Record) -> Iterator[str]:
    """Whose work a record shows: ids, or the name that an archive gives."""
    match record:
        case Model() | Build() | Run():
            yield record.id
        case Release() | Evaluation():
            yield record.build_id
        case Decision():
            yield from (one for one in (record.build_id, record.run_id) if one is not None)
        case Bundle():
            yield record.subject
        case Session():
            yield from (record.generated_by,) if record.generated_by else ()


def _programmes_of(record: Record) -> Iterator[str]:
    if isinstance(record, Model | Bundle) and record.programme:
        yield record.programme


def _trained_in(store: Store, model: str) -> Iterator[str]:
    """The programmes of a model and of all that it descends from."""
    lineage = trace_lineage(store, model)
    for mark in () if lineage is None else lineage.marks:
        entered = if_kept(store, mark, Model) if mark.startswith(f"{Model.KIND}:") else None
        if entered is not None and entered.programme:
            yield entered.programme
