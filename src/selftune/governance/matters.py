"""What belongs together: a decision, and every record that it rests on. A doubt about one of them is about them all."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from selftune.errors import IntegrityError, UnknownNameError
from selftune.records import Dataset, Decision, Evaluation, Record, Release, Run

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from selftune.context import Reader

R = TypeVar("R", bound=Record)


@dataclass(frozen=True, kw_only=True)
class Matter:
    """A decision and the ids of all that it rests on, itself among them, and of what was released by it."""

    decision_id: str
    records: frozenset[str]


def matters(read: Reader, *, lessons: bool = True) -> tuple[Matter, ...]:
    """Every matter there is, oldest first; without `lessons` no dataset is opened for what it was made of."""
    releases = [release for _, release in read.each(Release)]
    return tuple(_matter_of(read, decision, releases, lessons) for _, decision in read.each(Decision))


def _matter_of(read: Reader, decision: Decision, releases: Iterable[Release], lessons: bool) -> Matter:
    released = (release.id for release in releases if release.decision_id == decision.id)
    return Matter(decision_id=decision.id, records=frozenset([*_rests_on(read, decision, lessons), *released]))


def if_kept(read: Reader, record_id: str, kind: type[R]) -> R | None:
    """The record, where it is there; what was erased or never kept is None."""
    try:
        return read.record(record_id, kind)
    except (IntegrityError, UnknownNameError):
        return None


def _rests_on(read: Reader, decision: Decision, lessons: bool) -> Iterator[str]:
    yield decision.id
    yield from (one for one in (decision.build_id, decision.run_id) if one is not None)
    yield from decision.picks
    evaluations = [*decision.arms, *(arm for further in decision.further for arm in further.arms)]
    for evaluation_id in (*(one for _, one in evaluations), *decision.trainings):
        yield evaluation_id
        evaluation = if_kept(read, evaluation_id, Evaluation)
        if evaluation is not None:
            yield evaluation.build_id
    run = None if decision.run_id is None else if_kept(read, decision.run_id, Run)
    if run is not None:
        yield run.dataset_id
        dataset = if_kept(read, run.dataset_id, Dataset) if lessons else None
        yield from () if dataset is None else _learnt_from(dataset)


def _learnt_from(dataset: Dataset) -> Iterator[str]:
    """What was learnt from, and the verdicts by which it was chosen."""
    for example in (*dataset.train, *dataset.holdout):
        yield example.interaction_id
        if example.judgement_id is not None:
            yield example.judgement_id
