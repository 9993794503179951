"""What belongs together: a decision, and every record that it rests on. A doubt about one of them is about them all."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from selftune.errors import IntegrityError, UnknownNameError
from selftune.records import Bundle, Dataset, Decision, Evaluation, Record, Release, Run

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from selftune.context import Reader

R = TypeVar("R", bound=Record)


@dataclass(frozen=True, kw_only=True)
class Matter:
    """A decision and the ids of all that it rests on, itself among them, and of what was released by it.

    A model of the registry that people were to sign for is such a matter too, with its programme and its bundles.
    """

    decision_id: str
    records: frozenset[str]


def of_programme(name: str) -> str:
    """What stands among the records of a matter for all sessions of a programme: nobody lists thousands of them."""
    return f"programme:{name}"


def matters(read: Reader, *, lessons: bool = True) -> tuple[Matter, ...]:
    """Every matter there is, oldest first; without `lessons` no dataset is opened for what it was made of."""
    releases = [release for _, release in read.each(Release)]
    bundles = [bundle for _, bundle in read.each(Bundle)]
    decisions = [decision for _, decision in read.each(Decision)]
    known = {decision.id for decision in decisions}
    others = dict.fromkeys(bundle.subject for bundle in bundles if bundle.subject not in known)
    return (
        *(_matter_of(read, decision, releases, bundles, lessons) for decision in decisions),
        *(Matter(decision_id=subject, records=frozenset(_bundled(subject, bundles))) for subject in others),
    )


def _matter_of(
    read: Reader, decision: Decision, releases: Iterable[Release], bundles: Iterable[Bundle], lessons: bool
) -> Matter:
    released = (release.id for release in releases if release.decision_id == decision.id)
    records = [*_rests_on(read, decision, lessons), *released, *_bundled(decision.id, bundles)]
    return Matter(decision_id=decision.id, records=frozenset(records))


def _bundled(subject: str, bundles: Iterable[Bundle]) -> Iterator[str]:
    """What was to be signed for, and every bundle of it, also those that another took the place of."""
    yield subject
    for bundle in bundles:
        if bundle.subject == subject:
            yield bundle.id
            yield from () if bundle.programme is None else (of_programme(bundle.programme),)


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
    yield from decision.live
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
