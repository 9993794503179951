"""Many records one after the other, a page to a transaction, so that writers never wait for a slow reader."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any, Final, TypeVar

from selftune.records import Record
from selftune.store import rows
from selftune.store.dialect import reading

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from sqlalchemy import Connection, Engine

R = TypeVar("R", bound=Record)
# A row of a page, its place first.
P = TypeVar("P", bound="tuple[Any, ...]")

BATCH: Final = 500
"""Records of one page, whose words are read."""
PAGE: Final = 2000
"""Rows of one page, of tables that hold no words."""


def walk(engine: Engine, read: Callable[[Connection, int], Sequence[P]], after: int) -> Iterator[P]:
    """What comes behind a place, as `read` gives the page behind one."""
    while True:
        with reading(engine) as connection:
            page = read(connection, after)
        if not page:
            return
        yield from page
        after = page[-1][0]


def walk_kind(engine: Engine, kind: type[R], since: int) -> Iterator[tuple[int, R]]:
    """Every record of a kind with its ingest sequence, those that are there when the walk begins."""
    for sequence, record_id, body in _walk_bodies(engine, kind.KIND, since):
        yield sequence, rows.check_kind(record_id, body, kind)


def walk_damaged(engine: Engine) -> Iterator[str]:
    """Ids of the records whose content is not what their id names."""
    return (name for _, name, body in _walk_bodies(engine, None, 0) if not rows.is_sound(name, body))


def _walk_bodies(engine: Engine, kind: str | None, since: int) -> Iterator[tuple[int, str, str]]:
    with reading(engine) as connection:
        until = rows.last_sequence(connection, kind)
    yield from walk(
        engine, lambda connection, after: rows.read_page(connection, kind, after=after, until=until, limit=BATCH), since
    )


def read_records(engine: Engine, record_ids: Iterable[str], kind: type[R]) -> Iterator[R]:
    """The records of these full ids, in this order.

    Raises:
        IntegrityError: one is missing, damaged, erased, or of another kind.
    """
    for name, body in _read_bodies(engine, record_ids):
        yield rows.check_kind(name, body, kind)


def read_kept(engine: Engine, record_ids: Iterable[str], kind: type[R]) -> Iterator[R]:
    """The same without those that were erased."""
    for name, body in _read_bodies(engine, record_ids):
        if body is not None:
            yield rows.check_kind(name, body, kind)


def _read_bodies(engine: Engine, record_ids: Iterable[str]) -> Iterator[tuple[str, str | None]]:
    source = iter(record_ids)
    while batch := list(islice(source, BATCH)):
        with reading(engine) as connection:
            bodies = rows.read_bodies(connection, batch)
        for name in batch:
            yield name, bodies[name]
