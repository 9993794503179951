"""The log page by page, newest first, the last page as quick as the first: found by place, never counted off."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec
from sqlalchemy import bindparam, func, select

from selftune.store.dialect import reading
from selftune.store.tables import INTERACTIONS, JUDGEMENTS, RECORDS

if TYPE_CHECKING:
    from sqlalchemy import Engine, Select

_ABOVE_ALL: Final = 2**63 - 1


class Entry(NamedTuple):
    """One interaction as the facts have it. What was erased has no facts and is not among them.

    Attributes:
        sequence: Its place in the log.
        may_train: Whether it may be learnt from.
        superseded: Whether a later version stands in its place.
        happened_at: UTC, ISO 8601; None where its source did not say.
        words: What was said, where it was asked for.
    """

    sequence: int
    interaction_id: str
    source: str
    may_train: bool
    superseded: bool
    happened_at: str | None
    saved_at: str
    words: Glimpse | None = None


class Glimpse(NamedTuple):
    """What a list shows of an exchange. Nothing compared it with the id: whoever shows all of it reads the record.

    Attributes:
        asked: The last question before the answer; empty where there is none.
        answered: What the model said last; empty where it said nothing.
        readable: Whether the text is one of a record at all.
    """

    asked: str
    answered: str
    readable: bool = True


class _Turn(msgspec.Struct):
    role: str
    content: str


class _Turns(msgspec.Struct):
    messages: list[_Turn] = []


@dataclass(frozen=True, kw_only=True)
class LogPage:
    """So many entries, newest first.

    Attributes:
        newer: Whether there are newer ones than these; `older` likewise.
    """

    entries: tuple[Entry, ...]
    newer: bool
    older: bool


@dataclass(frozen=True, kw_only=True)
class LogCounts:
    """How many interactions are in the log.

    Attributes:
        superseded: Earlier versions of a conversation that has gone on.
        closed: Newest versions that may not be learnt from.
        open: Newest versions that may.
    """

    kept: int
    superseded: int
    closed: int
    open: int


class Log:
    """The interactions of a store, looked at."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def page(self, limit: int, *, before: int | None = None, after: int | None = None, words: bool = False) -> LogPage:
        """The newest entries; or those next below one place, or next above another; in one question to the store.

        With `words`, each with what was said, as `Glimpse` tells.
        """
        asked = _asked(upwards=after is not None, words=words)
        place = _ABOVE_ALL if before is None else before
        with reading(self._engine) as connection:
            rows = connection.execute(asked, {"place": place if after is None else after, "many": limit}).all()
        if not rows:
            return LogPage(entries=(), newer=False, older=False)
        oldest, newest = rows[0][:2]
        found = [_entry(*row[2:]) for row in rows]
        if after is not None:
            found.reverse()
        return LogPage(entries=tuple(found), newer=newest > found[0].sequence, older=oldest < found[-1].sequence)

    def counts(self) -> LogCounts:
        """How many there are of each kind; walks over all of them."""
        superseded = INTERACTIONS.c.superseded_by.is_not(None)
        asked = select(superseded, INTERACTIONS.c.may_train, func.count()).group_by(
            superseded, INTERACTIONS.c.may_train
        )
        with reading(self._engine) as connection:
            found = {(bool(old), bool(may)): int(count) for old, may, count in connection.execute(asked)}
        old = found.get((True, True), 0) + found.get((True, False), 0)
        closed, learnable = found.get((False, False), 0), found.get((False, True), 0)
        return LogCounts(kept=old + closed + learnable, superseded=old, closed=closed, open=learnable)

    def judgement_ids(self, sequence: int) -> tuple[str, ...]:
        """Every judgement of the interaction at this place, oldest first."""
        asked = (
            select(RECORDS.c.id)
            .join(JUDGEMENTS, JUDGEMENTS.c.sequence == RECORDS.c.sequence)
            .where(JUDGEMENTS.c.interaction == sequence)
            .order_by(RECORDS.c.sequence)
        )
        with reading(self._engine) as connection:
            return tuple(connection.execute(asked).scalars())


@cache
def _asked(*, upwards: bool, words: bool) -> Select[Any]:
    """The question for a page, worked out once: the ends of the log beside each row, then what `_entry` takes."""
    place, every = INTERACTIONS.c.sequence, INTERACTIONS.alias("every")
    ends = (select(end(every.c.sequence)).scalar_subquery() for end in (func.min, func.max))
    columns = [
        place,
        RECORDS.c.id,
        INTERACTIONS.c.source,
        INTERACTIONS.c.may_train,
        INTERACTIONS.c.superseded_by,
        INTERACTIONS.c.happened_at,
        RECORDS.c.saved_at,
        *([RECORDS.c.body] if words else []),
    ]
    asked = select(*ends, *columns).join_from(INTERACTIONS, RECORDS, RECORDS.c.sequence == place)
    within = asked.where(place > bindparam("place")) if upwards else asked.where(place < bindparam("place"))
    return within.order_by(place if upwards else place.desc()).limit(bindparam("many"))


def _entry(
    sequence: int,
    name: str,
    source: str,
    may_train: bool,
    later: int | None,
    happened_at: str | None,
    saved_at: str,
    body: str | None = None,
) -> Entry:
    words = None if body is None else _glimpse(body)
    return Entry(sequence, name, source, may_train, later is not None, happened_at, saved_at, words)


def _glimpse(body: str) -> Glimpse:
    try:
        turns = _TURNS.decode(body).messages
    except (msgspec.DecodeError, RecursionError):
        return Glimpse("", "", readable=False)
    asked: str | None = None
    answered: str | None = None
    for turn in reversed(turns):
        if answered is None and turn.role == "assistant":
            # What a person said after it is no question to it.
            asked, answered = None, turn.content
        elif asked is None and turn.role == "user":
            asked = turn.content
    return Glimpse(asked or "", answered or "")


_TURNS: Final = msgspec.json.Decoder(_Turns)
