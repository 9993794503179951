"""What is to be deployed: a build that a decision promotes, or a model of the registry; and what it rests on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from selftune.errors import UsageError
from selftune.governance.alarms.of_releases import newest_promotion
from selftune.governance.matters import if_kept
from selftune.governance.registry.lineage import weights_of
from selftune.governance.registry.names import find_model, names_of, namings
from selftune.records import Arm, Build, Decision, Evaluation, Model, Release, Run, digest_of_each

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from selftune.context import Reader
    from selftune.store import Store
    from selftune.store.sessions import SessionFacts

SESSIONS = "sessions"


@dataclass(frozen=True, kw_only=True)
class Subject:
    """One thing that people may sign for.

    Attributes:
        id: Of the decision or the model.
        name: What a person calls it.
        programme: Of the archive that holds its training; None for what the loop trained.
        decision: Of our own builds.
        model: Of the registry.
    """

    id: str
    name: str
    programme: str | None = None
    decision: Decision | None = None
    model: Model | None = None


def find_subject(store: Store, name: str = "") -> Subject:
    """What is meant by an id or its beginning, a version, or a model's name.

    Without a name it is the newest promotion, else the only model that has a programme.

    Raises:
        UsageError: nothing was promoted and no model has a programme, or several have, or a record of another kind is
            named.
        UnknownNameError: nothing is called that.
    """
    if not name:
        return _by_itself(store)
    for _, release in store.each(Release):
        if release.version == name and release.decision_id is not None:
            return of_decision(store.record(release.decision_id, Decision), name)
    if name.partition(":")[0] in {Decision.KIND, Build.KIND}:
        return _of_id(store, store.find(name))
    return of_model(store, find_model(store, name))


def of_decision(decision: Decision, name: str = "") -> Subject:
    """A promotion as what is to be deployed."""
    return Subject(id=decision.id, name=name or f"the promotion {decision.id[:18]}", decision=decision)


def of_model(read: Reader, model: Model) -> Subject:
    """A model of the registry, under the name that it has today."""
    return Subject(id=model.id, name=names_of(model, namings(read))[-1], programme=model.programme, model=model)


def _by_itself(store: Store) -> Subject:
    promoting = newest_promotion(store)
    if promoting is not None:
        return of_decision(promoting)
    models = [model for _, model in store.each(Model) if model.programme is not None]
    if len(models) == 1:
        return of_model(store, models[0])
    raise UsageError(
        f"{len(models)} models have an archived programme, and nothing was promoted."
        if models
        else "there is nothing to deploy yet: nothing was promoted, and no model has an archived programme.",
        next_step="Name a model; `selftune registry list` shows them."
        if models
        else "Run `selftune cycle`, or enter a model with `selftune registry add NAME --programme PROGRAMME`.",
    )


def _of_id(store: Store, record_id: str) -> Subject:
    record = store.any_record(record_id)
    if isinstance(record, Decision):
        return of_decision(record)
    found = [one for _, one in store.each(Decision) if one.build_id == record_id]
    if not found:
        raise UsageError(f"no decision is about {record_id[:18]}.", next_step="Decide about it: `selftune cycle`.")
    return of_decision(found[-1])


def evidence_of(read: Reader, subject: Subject, sessions: Sequence[SessionFacts]) -> tuple[tuple[str, str], ...]:
    """Everything that a bundle covers: a name, and an id or digest."""
    return tuple(_evidence(read, subject, sessions))


def _evidence(read: Reader, subject: Subject, sessions: Sequence[SessionFacts]) -> Iterator[tuple[str, str]]:
    if subject.decision is not None:
        decision = subject.decision
        yield "decision", decision.id
        run = None if decision.run_id is None else if_kept(read, decision.run_id, Run)
        named = (("build", decision.build_id), ("run", decision.run_id), ("dataset", run.dataset_id if run else None))
        yield from ((name, found) for name, found in named if found is not None)
        yield from ((arm.value, found) for arm, found in decision.arms)
        yield from ((f"{one.suite} {arm.value}", found) for one in decision.further for arm, found in one.arms)
    if subject.model is not None:
        yield "model", subject.model.id
        yield from (("weights", digest) for digest in weights_of(subject.model.files))
    if sessions:
        yield SESSIONS, digest_of_each(row.session_id for row in sessions)
        # What the alarms and queries read, so that nobody changes a column and leaves the record.
        yield "columns", digest_of_each([row.number, row.flags, dict(row.scores), row.attempts] for row in sessions)


def outcomes_of(read: Reader, decision: Decision | None, arm: Arm) -> tuple[tuple[str, str, float], ...]:
    """Item, category and score of what one side answered; nothing where it was not measured."""
    name = None if decision is None else dict(decision.arms).get(arm)
    evaluation = None if name is None else if_kept(read, name, Evaluation)
    found = () if evaluation is None else evaluation.outcomes
    return tuple((f"{one.item_id} {one.repeat}", one.category, one.score) for one in found if one.score is not None)
