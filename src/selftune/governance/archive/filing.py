"""Sessions brought in: what is new is kept, what is known adds nothing, what contradicts it is set aside."""

from __future__ import annotations

from dataclasses import dataclass, replace
from hashlib import sha256
from itertools import islice
from typing import TYPE_CHECKING, Final

from selftune.governance.archive.reading import SOURCE, set_aside
from selftune.records import Quarantined, Session, canonical_json

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from selftune.context import Context
    from selftune.interactions.config import Capture
    from selftune.store import Store

EVENT: Final = "archived"
_BATCH: Final = 500


@dataclass(frozen=True, kw_only=True)
class Filed:
    """What came of bringing sessions in.

    Attributes:
        known: Sessions that were here already, with the same content; those whose words were erased since among them.
        other: Sessions whose number is taken by other content; they are set aside.
        unreadable: Lines that are no session; they are set aside.
        disorder: How often a number was lower than the one before it in the file.
    """

    added: int = 0
    known: int = 0
    other: int = 0
    unreadable: int = 0
    disorder: int = 0


def file_sessions(store: Store, items: Iterable[Session | Quarantined], *, context: Context, door: Capture) -> Filed:
    """Keep what is new, 500 to a transaction; what was cut off is made up for by bringing the same in again."""
    filed, before, source = Filed(), -1, iter(items)
    while batch := list(islice(source, _BATCH)):
        sessions = [item for item in batch if isinstance(item, Session)]
        kept = _kept(store, sessions)
        fresh: list[Session | Quarantined] = []
        for item in batch:
            if isinstance(item, Quarantined):
                fresh.append(item)
                filed = replace(filed, unreadable=filed.unreadable + 1)
                continue
            filed, before = replace(filed, disorder=filed.disorder + (item.number < before)), item.number
            there = kept.get((item.programme, item.number), item)
            if there is item:
                kept[item.programme, item.number] = item
                fresh.append(item)
                filed = replace(filed, added=filed.added + 1)
            elif there is None or _says_the_same(item, there):
                filed = replace(filed, known=filed.known + 1)
            else:
                fresh.append(_contradicting(item, context, door))
                filed = replace(filed, other=filed.other + 1)
        store.save(fresh, event=EVENT)
    return filed


def _kept(store: Store, sessions: Iterable[Session]) -> dict[tuple[str, int], Session | None]:
    """What is here under these numbers already; None for one whose words were erased."""
    numbers: dict[str, list[int]] = {}
    for session in sessions:
        numbers.setdefault(session.programme, []).append(session.number)
    found = {
        (programme, number): session_id
        for programme, wanted in numbers.items()
        for number, session_id in store.sessions.known(programme, wanted).items()
    }
    erased = store.sessions.erased(found.values())
    readable = [session_id for session_id in found.values() if session_id not in erased]
    records = dict(zip(readable, store.records(readable, Session), strict=True))
    return {place: records.get(session_id) for place, session_id in found.items()}


def _says_the_same(one: Session, other: Session) -> bool:
    """Whether two accounts of a session differ in nothing but where they were read."""
    return replace(one, salt=other.salt, source=other.source, position=other.position) == other


def _contradicting(item: Session, context: Context, door: Capture) -> Quarantined:
    # Named by what it says: the same account adds nothing when it is brought in again.
    content = canonical_json(replace(item, salt="", source="", position=""))
    file = item.source.removeprefix(f"{SOURCE}:")
    reason = f"{file}, {item.position}: session {item.number} of {item.programme!r} is archived with other content"
    return set_aside(content, item.source, f"{sha256(content.encode()).hexdigest()}:0", reason, context, door)


def missing_numbers(numbers: Iterable[int]) -> Iterator[tuple[int, int]]:
    """The gaps between numbers that come in order, each by its first and last missing number."""
    before: int | None = None
    for number in numbers:
        if before is not None and number > before + 1:
            yield before + 1, number - 1
        before = number
