"""The ids that records hold, as edges with a role: one list of them for whoever traces, forgets or audits."""

from __future__ import annotations

import re
from dataclasses import dataclass, fields, is_dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from selftune.curation.corrections import corrected_id
from selftune.records import (
    BaseModel,
    Build,
    Dataset,
    Decision,
    Evaluation,
    Interaction,
    Judgement,
    LiveTrial,
    Model,
    PromptSearch,
    Record,
    Release,
    Run,
    Session,
    Statement,
    Suite,
    record_types,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from selftune.context import Reader
    from selftune.records import Example

RESAMPLED: Final = "resampled"
_ID: Final = re.compile(r"(?:sha256|[a-z_]+):[0-9a-f]{2,64}")
_DIGEST: Final = "sha256:"


@dataclass(frozen=True, kw_only=True)
class Edge:
    """That one record rests on another, which came before it or was never kept here.

    Attributes:
        of: The later record; `on` what it rests on.
        role: In which way, as a verb of the later one.
        teaches: Whether what `on` holds or can do went into `of`, and not only a look at it.
    """

    of: str
    on: str
    role: str
    teaches: bool = False


class Names:
    """Who stands behind a digest or a conversation's name; read from the records when it is first asked for."""

    def __init__(self, read: Reader) -> None:
        self._read = read

    def of_digest(self, digest: str) -> tuple[str, ...]:
        """Ids of the builds, bases and models that have this digest; the digest itself where nobody has it."""
        return self._by_digest.get(digest, (digest,))

    def first_asked_in(self, conversation: str) -> tuple[str, ...]:
        """Ids of the interactions of a conversation that people led."""
        return self._talks.get(conversation, ())

    @cached_property
    def _by_digest(self) -> dict[str, tuple[str, ...]]:
        found: dict[str, list[str]] = {}
        for _, build in self._read.each(Build):
            found.setdefault(build.digest, []).append(build.id)
        for _, base in self._read.each(BaseModel):
            found.setdefault(base.digest, []).append(base.id)
        for _, model in self._read.each(Model):
            for file in model.files:
                found.setdefault(file.digest, []).append(model.id)
        return {digest: tuple(ids) for digest, ids in found.items()}

    @cached_property
    def _talks(self) -> dict[str, tuple[str, ...]]:
        found: dict[str, list[str]] = {}
        for _, one in self._read.each(Interaction):
            if one.source != RESAMPLED and corrected_id(one) is None:
                found.setdefault(one.conversation, []).append(one.id)
        return {name: tuple(ids) for name, ids in found.items()}


def edges(read: Reader) -> Iterator[Edge]:
    """Every edge of a project, record by record. Reads everything that is kept; a session has none."""
    names = Names(read)
    for kind in record_types().values():
        if kind is not Session:
            for _, record in read.each(kind):
                yield from edges_of(record, names)


def edges_of(record: Record, names: Names) -> Iterator[Edge]:
    """What one record rests on, each other record in each role once."""
    seen = set()
    for on, role, teaches in _told(record, names):
        for found in names.of_digest(on) if on.startswith(_DIGEST) else (on,):
            if found != record.id and (found, role) not in seen:
                seen.add((found, role))
                yield Edge(of=record.id, on=found, role=role, teaches=teaches)


Told = tuple[str, str, bool]


def _told(record: Record, names: Names) -> Iterator[Told]:
    """Id or digest, role, and whether it teaches; of a kind that nobody wrote down here, each id that it holds."""
    if isinstance(record, Interaction):
        return _of_interaction(record, names)
    teller = _TELLERS.get(type(record))
    return ((name, "names", False) for name in ids_in(record)) if teller is None else teller(record)


def _known(role: str, ids: Iterable[str | None], *, teaches: bool = False) -> Iterator[Told]:
    """Those of these that are ids or digests: a statement may be about something that has none."""
    yield from ((name, role, teaches) for name in ids if name is not None and _ID.fullmatch(name))


def _of_interaction(record: Interaction, names: Names) -> Iterator[Told]:
    yield from _known("later version of", (record.supersedes,), teaches=True)
    yield from _known("corrects", (corrected_id(record),), teaches=True)
    answered = (record.generated_by, *(lost.generated_by for lost in record.rejected))
    yield from _known("answered by", answered, teaches=True)
    yield from _known("held under", (record.codex_id,))
    if record.source == RESAMPLED:
        yield from _known("asks again", names.first_asked_in(record.conversation), teaches=True)


def _of_dataset(record: Dataset) -> Iterator[Told]:
    for role, examples, teaches in (
        ("learns", record.train, True),
        ("learns not to", record.disliked, True),
        ("holds out", record.holdout, False),
    ):
        for example in examples:
            yield example.interaction_id, role, teaches
            yield from _of_example(example, teaches=teaches)
    yield from ((reject.interaction_id, "rejects", False) for reject in record.rejects)
    yield from ((name, "leaves alone", False) for name in record.clean_room)
    yield from ((name, "tells of", False) for one in record.weaknesses for name in one.interaction_ids)


def _of_example(example: Example, *, teaches: bool) -> Iterator[Told]:
    pairing = example.pairing
    yield from _known("chosen by", (example.judgement_id,))
    yield from _known("answered by", (example.taught_by,), teaches=teaches)
    if pairing is not None:
        yield from _known("learns not to", (pairing.rejected_interaction_id,), teaches=teaches)
        yield from _known("chosen by", (pairing.rejected_judgement_id,))
        yield from _known("answered by", (pairing.rejected_by,), teaches=teaches)


def _of_run(record: Run) -> Iterator[Told]:
    yield record.dataset_id, "trained on", True
    yield record.base_digest, "made of", True
    before = dict(record.settings).get("continue_from")
    yield from _known("goes on from", (record.after, before), teaches=True)
    yield from _known("trained under", (record.codex_id,))
    yield from ((reject.interaction_id, "rejects", False) for reject in record.rejects)


def _of_search(record: PromptSearch) -> Iterator[Told]:
    yield record.dataset_id, "searched on", True
    yield record.build_id, "asks", False
    yield from _known("judges by", (record.rubric_digest,))
    yield from _known("shows", () if record.shown is None else record.shown.interaction_ids, teaches=True)
    yield from _known("tried", (name for one in record.tried for name in one.interaction_ids))


def _of_judgement(record: Judgement) -> Iterator[Told]:
    yield record.interaction_id, "judges", False
    yield from _known("judges by", (record.rubric_digest,))


def _of_build(record: Build) -> Iterator[Told]:
    yield from _known("made of", (record.run_id, record.base_digest), teaches=True)
    yield from _known("found by", (record.search_id,), teaches=True)
    yield from _known("shows", () if record.shown is None else record.shown.interaction_ids, teaches=True)


def _of_decision(record: Decision) -> Iterator[Told]:
    further = [one for arms in record.further for _, one in arms.arms]
    yield from _known("weighs", (*(one for _, one in record.arms), *further, *record.trainings))
    yield from _known("decides about", (record.build_id, record.run_id))
    yield from _known("heeds", (*record.picks, *record.live))


def _of_trial(record: LiveTrial) -> Iterator[Told]:
    yield from _known("measures", (record.candidate_build_id, record.champion_build_id))
    yield from _known("rests on", (record.evaluation_id, *record.approvals))


def _of_release(record: Release) -> Iterator[Told]:
    yield record.build_id, "serves", True
    yield from _known("rests on", (record.decision_id, *record.approvals))
    yield from _known("replaces", (record.replaced,))
    yield from _known("released beside", record.concerns)


def _of_statement(record: Statement) -> Iterator[Told]:
    yield from _known("is about", (record.subject,))
    yield from _known("cites", (*record.evidence, *record.links))
    yield from _known("takes the place of", (record.supersedes,))


_TELLERS: Final[dict[type[Record], Callable[[Any], Iterator[Told]]]] = {
    Judgement: _of_judgement,
    Dataset: _of_dataset,
    Run: _of_run,
    Build: _of_build,
    PromptSearch: _of_search,
    Evaluation: lambda record: iter([(record.build_id, "measures", False)]),
    Decision: _of_decision,
    Release: _of_release,
    LiveTrial: _of_trial,
    Statement: _of_statement,
    Model: lambda record: _known("made of", (*record.parents, record.base_digest), teaches=True),
    Suite: lambda record: _known("asks after", (item.origin for item in record.items)),
}


def ids_in(value: Any) -> Iterator[str]:
    """Every id of a record that a value holds as a whole text, wherever it stands in it."""
    if is_dataclass(value):
        for field in fields(value):
            yield from ids_in(getattr(value, field.name))
    elif isinstance(value, tuple):
        for item in value:
            yield from ids_in(item)
    elif isinstance(value, str) and _ID.fullmatch(value) and value.partition(":")[0] in record_types():
        yield value
