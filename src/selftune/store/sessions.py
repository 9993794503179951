"""Archived sessions by number, and what can be counted and averaged over thousands of them without reading one.

The rows are made in the transaction that keeps the record, and quote nobody. Whatever is then shown is read as a record
and checked against its id.
"""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from sqlalchemy import func, insert, select, update

from selftune.errors import UsageError
from selftune.scoring.reading import words
from selftune.scoring.stock_phrases import count_stock_phrases
from selftune.scoring.wording import repeated_share, wording_of
from selftune.store.dialect import reading
from selftune.store.names import number_of
from selftune.store.tables import RECORDS, SESSIONS

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from sqlalchemy import Connection, Engine

    from selftune.records import Session

_END_WORDS: Final = 3


class SessionFacts(NamedTuple):
    """A session without its words.

    Attributes:
        scores: By category; `flags` as the programme gave them.
        words: How many the answers have; this and what follows is None once the words are erased.
        distinct_pairs: Share of different word pairs among all of the session's (distinct-2); None for fewer than two.
        repeated: Share of runs of four words that stood there before; None for a short answer.
        opening: A number that stands for the first three words of the last answer, `ending` for its last three.
        stock: How many stock phrases the answers hold.
    """

    sequence: int
    session_id: str
    programme: str
    number: int
    happened_at: str | None
    flags: tuple[str, ...]
    scores: Mapping[str, float]
    reward: float | None
    attempts: int
    words: int | None
    distinct_pairs: float | None
    repeated: float | None
    opening: int | None
    ending: int | None
    stock: int | None


class Programme(NamedTuple):
    """How much of a training programme is archived, and between which numbers and times."""

    name: str
    sessions: int
    first: int
    last: int
    began_at: str | None
    ended_at: str | None


class Sessions:
    """The archived sessions of one project, to be read; they are kept by `Store.save` as any record is."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def programmes(self) -> tuple[Programme, ...]:
        """Every programme that has a session here, by name."""
        number, at = SESSIONS.c.number, SESSIONS.c.happened_at
        columns = func.count(), func.min(number), func.max(number), func.min(at), func.max(at)
        asked = select(SESSIONS.c.programme, *columns).group_by(SESSIONS.c.programme).order_by(SESSIONS.c.programme)
        with reading(self._engine) as connection:
            return tuple(Programme(*row) for row in connection.execute(asked))

    def known(self, programme: str, numbers: Collection[int]) -> dict[int, str]:
        """Ids of the sessions of these numbers, by number; of what is not here, none. Some 500 at a time."""
        asked = (
            select(SESSIONS.c.number, RECORDS.c.id)
            .join(RECORDS, RECORDS.c.sequence == SESSIONS.c.sequence)
            .where(SESSIONS.c.programme == programme, SESSIONS.c.number.in_(numbers))
        )
        with reading(self._engine) as connection:
            return {row.number: row.id for row in connection.execute(asked)}

    def erased(self, session_ids: Collection[str]) -> frozenset[str]:
        """Those of these ids whose words are gone."""
        asked = select(RECORDS.c.id).where(RECORDS.c.id.in_(session_ids), RECORDS.c.body.is_(None))
        with reading(self._engine) as connection:
            return frozenset(connection.execute(asked).scalars())

    def facts(self, programme: str) -> Iterator[SessionFacts]:
        """What is told of each session of a programme, in the order of their numbers."""
        columns = [RECORDS.c.id if name == "session_id" else SESSIONS.c[name] for name in SessionFacts._fields]
        asked = (
            select(*columns)
            .join(RECORDS, RECORDS.c.sequence == SESSIONS.c.sequence)
            .where(SESSIONS.c.programme == programme)
            .order_by(SESSIONS.c.number)
        )
        with reading(self._engine) as connection:
            rows = connection.execute(asked).all()
        flags, scores = (SessionFacts._fields.index(name) for name in ("flags", "scores"))
        for row in rows:
            told = list(row)
            told[flags], told[scores] = tuple(json.loads(told[flags])), json.loads(told[scores])
            yield SessionFacts._make(told)


def add_sessions(connection: Connection, sessions: Sequence[tuple[int, Session]]) -> None:
    """Copy what these new sessions say, each with its sequence.

    Raises:
        UsageError: a number of a programme is there already: two accounts of one session can't both be the archive's.
    """
    if not sessions:
        return
    for programme in {record.programme for _, record in sessions}:
        numbers = [record.number for _, record in sessions if record.programme == programme]
        taken = select(SESSIONS.c.number).where(SESSIONS.c.programme == programme, SESSIONS.c.number.in_(numbers))
        found = connection.execute(taken).scalar()
        met = Counter(numbers).most_common(1)[0]
        twice = met[0] if found is None and met[1] > 1 else found
        if twice is not None:
            raise UsageError(
                f"session {twice} of {programme!r} is archived already, and with other content.",
                next_step="Look at it with `selftune archive show`; what an archive holds is never replaced.",
            )
    connection.execute(insert(SESSIONS), [_row_of(sequence, record) for sequence, record in sessions])


def forget_words(connection: Connection, sequences: Collection[int]) -> None:
    """Take away what was copied of the words of these sessions, for whoever erases them; numbers and scores stay."""
    gone = dict.fromkeys(("words", "distinct_pairs", "repeated", "opening", "ending", "stock"))
    connection.execute(update(SESSIONS).where(SESSIONS.c.sequence.in_(sequences)).values(**gone))


def _row_of(sequence: int, record: Session) -> dict[str, Any]:
    return {
        "sequence": sequence,
        "programme": record.programme,
        "number": record.number,
        "happened_at": record.happened_at,
        "flags": json.dumps(record.flags, ensure_ascii=False),
        "scores": json.dumps(dict(record.scores), ensure_ascii=False),
        "reward": record.reward,
        "attempts": record.attempts,
        **_measures(record.answers),
    }


def _measures(answers: Sequence[str]) -> dict[str, Any]:
    """How the answers of one session are worded."""
    said = "\n".join(answers)
    last = words(answers[-1]) if answers else ()
    return {
        "words": len(words(said)),
        "distinct_pairs": wording_of([said]).distinct,
        "repeated": repeated_share(said),
        "opening": number_of(" ".join(last[:_END_WORDS])),
        "ending": number_of(" ".join(last[-_END_WORDS:])),
        "stock": count_stock_phrases(said),
    }
