"""Walks along the edges: back to what a record rests on, or on to what rests on it."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING, Final

from selftune.errors import IntegrityError, UnknownNameError
from selftune.governance.tracing.edges import Edge, Names, edges, edges_of
from selftune.records import Record

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from selftune.context import Reader

    ReadMany = Callable[[Sequence[str], type[Record]], Iterable[Record]]

_AT_ONCE: Final = 500
_NO_RECORD: Final = "a digest, and no record here has it"


@dataclass(frozen=True, kw_only=True)
class Walk:
    """What was reached, and by which edges.

    Attributes:
        steps: How many edges away each node is, by id, the nearest first; the start is not among them.
        edges: Every edge between the start and what was reached.
        unread: Why a node's own edges could not be read, by id: it was erased, or was never kept here.
    """

    steps: tuple[tuple[str, int], ...]
    edges: tuple[Edge, ...]
    unread: tuple[tuple[str, str], ...] = ()

    @property
    def ids(self) -> tuple[str, ...]:
        """What was reached, the nearest first."""
        return tuple(name for name, _ in self.steps)


def walk_back(read: Reader, starts: Iterable[str], *, read_many: ReadMany | None = None) -> Walk:
    """Everything that these records rest on, however far; only what is reached is read.

    `read_many` reads whole records by full ids, as a store's `records` does; a question for each takes ten times as
    long.
    """
    names, unread = Names(read), dict[str, str]()

    def edges_from(ids: Sequence[str]) -> Iterator[tuple[str, Edge]]:
        for record in _read(read, ids, unread, read_many):
            yield from ((edge.on, edge) for edge in edges_of(record, names))

    return _walk(starts, edges_from, unread)


def _read(read: Reader, ids: Sequence[str], unread: dict[str, str], read_many: ReadMany | None) -> Iterator[Record]:
    """The records of these ids; why one can't be read is put into `unread`."""
    if read_many is not None:
        try:
            yield from list(read_many([name for name in ids if not name.startswith("sha256:")], Record))
        except IntegrityError:
            # One of them is gone; which one is found by asking for each.
            pass
        else:
            unread.update({name: _NO_RECORD for name in ids if name.startswith("sha256:")})
            return
    for name in ids:
        try:
            yield read.record(name, Record)
        except (IntegrityError, UnknownNameError) as error:
            unread[name] = _NO_RECORD if name.startswith("sha256:") else error.message


def walk_forward(read: Reader, starts: Iterable[str], *, learnt: bool = False) -> Walk:
    """Everything that rests on these records, however far; with `learnt`, only what learnt from them.

    Reads everything that is kept.
    """
    on: dict[str, list[tuple[str, Edge]]] = {}
    for edge in edges(read):
        if edge.teaches or not learnt:
            on.setdefault(edge.on, []).append((edge.of, edge))
    return _walk(starts, lambda ids: (found for name in ids for found in on.get(name, [])), {})


def _walk(
    starts: Iterable[str], edges_from: Callable[[Sequence[str]], Iterable[tuple[str, Edge]]], unread: dict[str, str]
) -> Walk:
    """Breadth first, so that each node is found by its shortest way; what is as far away is asked for together."""
    steps = dict.fromkeys(starts, 0)
    begun, found, level = len(steps), list[Edge](), list(steps)
    for distance in count(1):
        reached: list[str] = []
        for place in range(0, len(level), _AT_ONCE):
            for other, edge in edges_from(level[place : place + _AT_ONCE]):
                found.append(edge)
                if other not in steps:
                    steps[other] = distance
                    reached.append(other)
        if not reached:
            break
        level = reached
    return Walk(steps=tuple(steps.items())[begun:], edges=tuple(found), unread=tuple(unread.items()))
