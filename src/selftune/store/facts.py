"""What can be told of many records without reading one: who was judged how, what is new, how much there is.

The rows are copies of what records say, made in the transaction that keeps the record; they count, sort and choose, and
quote nobody. Whatever is then used is read as a record and checked against its id.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from sqlalchemy import Integer, cast, func, insert, select, update

from selftune.records import Interaction, JudgeIdentity, Judgement, JudgementStatus, Session, canonical_json
from selftune.store.dialect import dialect_of
from selftune.store.names import number_of
from selftune.store.sessions import add_sessions
from selftune.store.tables import INTERACTIONS, JUDGEMENTS, RECORDS, SITTINGS, VERSIONS

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from sqlalchemy import Connection, Select

    from selftune.records import Record


# Sources of answers to what somebody asked earlier, kept under that conversation's name.
_MADE_OF_OTHERS: Final = ("corrected", "resampled")


class Said(NamedTuple):
    """An interaction in the log, without its words.

    Attributes:
        conversation: A number that stands for the conversation's name.
        happened_at: As its source says; None where it does not.
        last_turn_at: When the last turn was said, of a conversation that may go on; None for one that is over.
    """

    sequence: int
    interaction_id: str
    conversation: int
    happened_at: str | None
    last_turn_at: str | None
    saved_at: str


class Verdict(NamedTuple):
    """A judgement without its reasons.

    Attributes:
        critical: Whether something failed that no mean may hide.
        flags: As the judgement has them.
    """

    sequence: int
    judgement_id: str
    interaction_id: str
    judge: JudgeIdentity
    rubric_digest: str
    status: JudgementStatus
    overall: float | None
    critical: bool
    flags: tuple[str, ...]
    cost_usd: float


def add_facts(connection: Connection, records: Iterable[tuple[int, Record]]) -> None:
    """Copy what these new records say, each with its sequence."""
    interactions: list[tuple[int, Interaction]] = []
    judgements: list[tuple[int, Judgement]] = []
    sessions: list[tuple[int, Session]] = []
    for sequence, record in records:
        if isinstance(record, Interaction):
            interactions.append((sequence, record))
        elif isinstance(record, Judgement):
            judgements.append((sequence, record))
        elif isinstance(record, Session):
            sessions.append((sequence, record))
    add_sessions(connection, sessions)
    if interactions:
        connection.execute(insert(INTERACTIONS), [_of_interaction(*one) for one in interactions])
        _mark_superseded(connection, interactions)
    if judgements:
        places = _sequences_of(connection, {record.interaction_id for _, record in judgements})
        sittings = _sittings_of(connection, [record for _, record in judgements])
        connection.execute(insert(JUDGEMENTS), [_of_judgement(*one, places, sittings) for one in judgements])


def _mark_superseded(connection: Connection, added: Sequence[tuple[int, Interaction]]) -> None:
    later = {record.supersedes: sequence for sequence, record in added if record.supersedes is not None}
    for earlier, place in _sequences_of(connection, later.keys()).items():
        known = INTERACTIONS.c.sequence == place
        connection.execute(update(INTERACTIONS).where(known).values(superseded_by=later[earlier]))


def _sequences_of(connection: Connection, ids: Collection[str]) -> dict[str, int]:
    asked = select(RECORDS.c.id, RECORDS.c.sequence).where(RECORDS.c.id.in_(ids))
    return {row.id: row.sequence for row in connection.execute(asked)} if ids else {}


def _of_interaction(sequence: int, record: Interaction) -> dict[str, Any]:
    return {
        "sequence": sequence,
        "conversation": number_of(record.conversation),
        "source": record.source,
        "may_train": record.consent.train,
        "happened_at": record.happened_at,
        "last_turn_at": None if record.closed else record.last_turn_at,
    }


def _of_judgement(
    sequence: int, record: Judgement, places: Mapping[str, int], sittings: Mapping[tuple[str, ...], int]
) -> dict[str, Any]:
    return {
        "sequence": sequence,
        "interaction": places.get(record.interaction_id),
        "sitting": sittings[_sitting(record)],
        "status": record.status.value,
        "overall": record.overall,
        "critical": bool(record.critical_failures),
        "flags": "\n".join(record.flags),
        "cost_usd": record.cost_usd,
    }


def _sitting(record: Judgement) -> tuple[str, ...]:
    judge = canonical_json(record.judge)
    return judge, record.rubric_digest, record.prompt_digest or "", record.reported_model or ""


def _sittings_of(connection: Connection, records: Sequence[Judgement]) -> dict[tuple[str, ...], int]:
    """The number of each sitting; one that is new gets its number now."""
    columns = SITTINGS.c.judge, SITTINGS.c.rubric_digest, SITTINGS.c.prompt_digest, SITTINGS.c.model
    known = {tuple(row[1:]): row[0] for row in connection.execute(select(SITTINGS.c.id, *columns))}
    new = [one for one in dict.fromkeys(map(_sitting, records)) if one not in known]
    for judge, rubric, prompt, model in new:
        values = {"judge": judge, "rubric_digest": rubric, "prompt_digest": prompt, "model": model}
        made = connection.execute(insert(SITTINGS).values(values)).inserted_primary_key
        assert made is not None, "a row that was inserted has a key"  # noqa: S101 - can't happen
        known[judge, rubric, prompt, model] = made[0]
    return known


# --- Choosing ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Span:
    """A part of the log: after one place and before another, without what came from these sources."""

    after: int = 0
    before: int | None = None
    passing_over: frozenset[str] = frozenset()


def read_said(connection: Connection, span: Span, limit: int) -> list[Said]:
    """The first interactions of a span that may be learnt from, each in its newest version."""
    columns = INTERACTIONS.c.sequence, RECORDS.c.id, INTERACTIONS.c.conversation, INTERACTIONS.c.happened_at
    asked = select(*columns, INTERACTIONS.c.last_turn_at, RECORDS.c.saved_at).join(
        RECORDS, RECORDS.c.sequence == INTERACTIONS.c.sequence
    )
    found = connection.execute(_within(asked, span).order_by(INTERACTIONS.c.sequence).limit(limit))
    return [Said(*row) for row in found]


def count_said(connection: Connection, span: Span) -> tuple[int, int]:
    """How many these are, and the last one's sequence; 0 for none."""
    asked = select(func.count().label("many"), func.max(INTERACTIONS.c.sequence).label("last"))
    found = connection.execute(_within(asked, span)).one()
    return found.many, found.last or 0


def read_unfinished(connection: Connection, span: Span, *, saved_since: str) -> list[Said]:
    """Those of a span that may go on and were kept since a moment (UTC, ISO 8601): the others are long over."""
    columns = INTERACTIONS.c.sequence, RECORDS.c.id, INTERACTIONS.c.conversation, INTERACTIONS.c.happened_at
    asked = select(*columns, INTERACTIONS.c.last_turn_at, RECORDS.c.saved_at).join(
        RECORDS, RECORDS.c.sequence == INTERACTIONS.c.sequence
    )
    recent = RECORDS.c.saved_at >= saved_since, INTERACTIONS.c.last_turn_at.is_not(None)
    return [Said(*row) for row in connection.execute(_within(asked, span).where(*recent).order_by(RECORDS.c.sequence))]


def read_superseded(connection: Connection) -> frozenset[str]:
    """Ids of interactions that have a later version, or were made out of words that may no longer be learnt from."""
    later = connection.execute(select(VERSIONS.c.supersedes)).scalars()
    return frozenset(later) | _read_fallen(connection)


def _read_fallen(connection: Connection) -> frozenset[str]:
    """Ids of answers that were made out of words which may no longer be learnt from: they fall with them."""
    withdrawn = select(INTERACTIONS.c.conversation).where(
        ~INTERACTIONS.c.may_train, INTERACTIONS.c.superseded_by.is_(None), INTERACTIONS.c.source.not_in(_MADE_OF_OTHERS)
    )
    fallen = (
        select(RECORDS.c.id)
        .join(INTERACTIONS, INTERACTIONS.c.sequence == RECORDS.c.sequence)
        .where(INTERACTIONS.c.source.in_(_MADE_OF_OTHERS), INTERACTIONS.c.conversation.in_(withdrawn))
    )
    return frozenset(connection.execute(fallen).scalars())


def read_conversation(connection: Connection, name: str) -> list[str]:
    """Ids of the interactions whose conversation has this name, all versions, oldest first; now and then one more.

    A number stands for the name, and two names may share one: who reads the records looks at the name.
    """
    asked = (
        select(RECORDS.c.id)
        .join(INTERACTIONS, INTERACTIONS.c.sequence == RECORDS.c.sequence)
        .where(INTERACTIONS.c.conversation == number_of(name))
        .order_by(RECORDS.c.sequence)
    )
    return list(connection.execute(asked).scalars())


@dataclass(frozen=True, kw_only=True)
class Progress:
    """What has become of a span.

    Attributes:
        conversations: Different ones among what was said.
        judged: How many of them hold an interaction that was judged by the rubric.
        golden_at: When each one took place whose last verdict on some interaction is golden; None where nobody knows.
    """

    conversations: int
    judged: int
    golden_at: tuple[str | None, ...]


def read_progress(connection: Connection, span: Span, *, rubric_digest: str, threshold: float) -> Progress:
    """How far judging has come with the conversations of a span, by verdicts that were given after its beginning.

    What was drawn again of a conversation counts for it, though it is not itself in the span.
    """
    newest_of = dialect_of(connection).newest_of
    talks = _within(select(INTERACTIONS.c.conversation, INTERACTIONS.c.happened_at), span)
    talk = newest_of(talks, INTERACTIONS.c.conversation, INTERACTIONS.c.sequence).subquery()
    is_golden = (JUDGEMENTS.c.overall >= threshold) & ~JUDGEMENTS.c.critical
    verdicts = (
        select(JUDGEMENTS.c.interaction, cast(is_golden, Integer).label("golden"))
        .join(SITTINGS, SITTINGS.c.id == JUDGEMENTS.c.sitting)
        .where(JUDGEMENTS.c.sequence > span.after, SITTINGS.c.rubric_digest == rubric_digest)
    )
    newest = newest_of(verdicts, JUDGEMENTS.c.interaction, JUDGEMENTS.c.sequence).subquery()
    judged = (
        select(talk.c.happened_at, func.max(newest.c.golden).label("golden"))
        .select_from(newest)
        .join(INTERACTIONS, INTERACTIONS.c.sequence == newest.c.interaction)
        .join(talk, talk.c.conversation == INTERACTIONS.c.conversation)
        .group_by(talk.c.conversation, talk.c.happened_at)
    )
    rows = connection.execute(judged).all()
    counted: int = connection.execute(select(func.count()).select_from(talk)).scalar_one()
    golden = tuple(row.happened_at for row in rows if row.golden)
    return Progress(conversations=counted, judged=len(rows), golden_at=golden)


def _within(asked: Select[*tuple[Any, ...]], span: Span) -> Select[*tuple[Any, ...]]:
    asked = asked.where(
        INTERACTIONS.c.sequence > span.after, INTERACTIONS.c.may_train, INTERACTIONS.c.superseded_by.is_(None)
    )
    if span.passing_over:
        asked = asked.where(INTERACTIONS.c.source.not_in(sorted(span.passing_over)))
    return asked if span.before is None else asked.where(INTERACTIONS.c.sequence < span.before)


# --- Verdicts ---------------------------------------------------------------------------------------------------------


def read_verdicts(connection: Connection, rubric_digest: str | None, *, after: int, limit: int) -> list[Verdict]:
    """The next judgements by a rubric, or by any, oldest first; those whose interaction was never kept are left out."""
    said = RECORDS.alias("said")
    columns = JUDGEMENTS.c.sequence, RECORDS.c.id, said.c.id, SITTINGS.c.judge, SITTINGS.c.rubric_digest
    told = JUDGEMENTS.c.status, JUDGEMENTS.c.overall, JUDGEMENTS.c.critical, JUDGEMENTS.c.flags, JUDGEMENTS.c.cost_usd
    asked = (
        select(*columns, *told)
        .join(SITTINGS, SITTINGS.c.id == JUDGEMENTS.c.sitting)
        .join(RECORDS, RECORDS.c.sequence == JUDGEMENTS.c.sequence)
        .join(said, said.c.sequence == JUDGEMENTS.c.interaction)
        .where(JUDGEMENTS.c.sequence > after)
        .order_by(JUDGEMENTS.c.sequence)
        .limit(limit)
    )
    if rubric_digest is not None:
        asked = asked.where(SITTINGS.c.rubric_digest == rubric_digest)
    return [_verdict(*tuple(row)) for row in connection.execute(asked)]


def _verdict(
    sequence: int,
    judgement_id: str,
    interaction_id: str,
    judge: str,
    rubric_digest: str,
    status: str,
    overall: float | None,
    critical: bool,
    flags: str,
    cost_usd: float,
) -> Verdict:
    return Verdict(
        sequence=sequence,
        judgement_id=judgement_id,
        interaction_id=interaction_id,
        judge=_identity(judge),
        rubric_digest=rubric_digest,
        status=JudgementStatus(status),
        overall=overall,
        critical=critical,
        flags=tuple(flags.split("\n")) if flags else (),
        cost_usd=cost_usd,
    )


@lru_cache(maxsize=64)
def _identity(text: str) -> JudgeIdentity:
    held = json.loads(text)
    return JudgeIdentity(name=held["name"], version=held["version"], lineage=tuple(held["lineage"]))


@dataclass(frozen=True, kw_only=True)
class Standing:
    """Where the verdicts on a question are found that still stand: in these sittings, from this place on."""

    sittings: tuple[int, ...]
    since: int


def find_standing(
    connection: Connection, judge: JudgeIdentity, *, rubric_digest: str, prompt_digest: str | None
) -> Standing:
    """The sittings of one judge with this rubric and prompt, as long as the same model answers as today.

    Once another model answers, nothing that was said before stands; what named no model belongs to the one before it.
    """
    asked = select(SITTINGS.c.id, SITTINGS.c.model).where(
        SITTINGS.c.judge == canonical_json(judge),
        SITTINGS.c.rubric_digest == rubric_digest,
        SITTINGS.c.prompt_digest == (prompt_digest or ""),
    )
    models = {row.id: row.model for row in connection.execute(asked)}
    if len(set(models.values())) <= 1:
        return Standing(sittings=tuple(models), since=0)
    scored = JUDGEMENTS.c.sitting.in_(models), JUDGEMENTS.c.status == JudgementStatus.SCORED.value
    turns = select(JUDGEMENTS.c.sequence, JUDGEMENTS.c.sitting).where(*scored).order_by(JUDGEMENTS.c.sequence)
    since, model = 0, ""
    for sequence, sitting in connection.execute(turns):
        if models[sitting] not in {"", model}:
            since, model = sequence, models[sitting]
    return Standing(sittings=tuple(models), since=since)


def read_standing(
    connection: Connection, standing: Standing, interaction_ids: Sequence[str]
) -> dict[str, tuple[str, str | None]]:
    """Id and body of the last verdict that stands on each of these interactions."""
    said = RECORDS.alias("said")
    asked = (
        select(said.c.id, RECORDS.c.id, RECORDS.c.body)
        .select_from(said)
        .join(JUDGEMENTS, JUDGEMENTS.c.interaction == said.c.sequence)
        .join(RECORDS, RECORDS.c.sequence == JUDGEMENTS.c.sequence)
        .where(
            said.c.id.in_(interaction_ids),
            JUDGEMENTS.c.sitting.in_(standing.sittings),
            JUDGEMENTS.c.sequence >= standing.since,
            JUDGEMENTS.c.status == JudgementStatus.SCORED.value,
        )
        .order_by(JUDGEMENTS.c.sequence)
    )
    return {said_id: (judgement_id, body) for said_id, judgement_id, body in connection.execute(asked)}
