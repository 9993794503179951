"""Walks along the edges: back to what a record rests on, or on to what rests on it."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from selftune.errors import IntegrityError, UnknownNameError
from selftune.governance.tracing.edges import Edge, Names, edges, edges_of
from selftune.records import Record

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from selftune.context import Reader


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


def walk_back(read: Reader, starts: Iterable[str]) -> Walk:
    """Everything that these records rest on, however far; only what is reached is read."""
    names, unread = Names(read), dict[str, str]()

    def edges_from(name: str) -> list[tuple[str, Edge]]:
        try:
            record = read.record(name, Record)
        except (IntegrityError, UnknownNameError) as error:
            unread[name] = error.message
            return []
        return [(edge.on, edge) for edge in edges_of(record, names)]

    return _walk(starts, edges_from, unread)


def walk_forward(read: Reader, starts: Iterable[str], *, learnt: bool = False) -> Walk:
    """Everything that rests on these records, however far; with `learnt`, only what learnt from them.

    Reads everything that is kept.
    """
    on: dict[str, list[tuple[str, Edge]]] = {}
    for edge in edges(read):
        if edge.teaches or not learnt:
            on.setdefault(edge.on, []).append((edge.of, edge))
    return _walk(starts, lambda name: on.get(name, []), {})


def _walk(starts: Iterable[str], edges_from: Callable[[str], list[tuple[str, Edge]]], unread: dict[str, str]) -> Walk:
    """Breadth first, so that each node is found by its shortest way."""
    steps = dict.fromkeys(starts, 0)
    begun, found, waiting = len(steps), list[Edge](), deque(steps)
    while waiting:
        name = waiting.popleft()
        for other, edge in edges_from(name):
            found.append(edge)
            if other not in steps:
                steps[other] = steps[name] + 1
                waiting.append(other)
    return Walk(steps=tuple(steps.items())[begun:], edges=tuple(found), unread=tuple(unread.items()))
