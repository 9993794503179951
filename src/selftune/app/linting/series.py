"""The figures of one thing in one table: a row of a table of things, or a column of a table of measures."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from selftune.app.linting.document import words_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from selftune.app.linting.document import Document, Table
    from selftune.app.linting.numbers import Amount

METHODS: Final = ("corrected", "raw", "adjusted", "normalised", "normalized")
OVERALL: Final = "overall"
_METHOD: Final = re.compile(rf"\b({'|'.join(METHODS)})\b", re.IGNORECASE)
# Adjusted p-values are no adjusted scores.
_OF_CHANCE: Final = re.compile(r"\bp(?:-values?)?\s+(?:are\s+)?adjusted\b", re.IGNORECASE)
_MANY: Final = 3
_COUNTS: Final = re.compile(r"\b(crit|critical|failures?|errors?|pairs|steps|count|n|items)\b")


@dataclass(frozen=True, kw_only=True)
class Series:
    """The figures of one thing.

    Attributes:
        name: What it is called there; `key`: the same without the method, as words.
        method: How its scores were made (`raw`, `corrected`), where its own name, its caption or its heading says so.
        own_method: The same, where its own name says so.
        values: Each measure's figure and line.
    """

    name: str
    key: str
    method: str | None
    own_method: str | None
    table: Table
    values: Mapping[str, tuple[Amount, int]]

    @property
    def scores(self) -> dict[str, Amount]:
        """The measures that are scores, and no counts."""
        return {name: amount for name, (amount, _) in self.values.items() if not _COUNTS.search(name)}

    @property
    def line(self) -> int:
        """Where it begins."""
        return min(line for _, line in self.values.values())


def method_in(text: str) -> str | None:
    """The one method that a text names; None for none or several."""
    found = {name.lower() for name in _METHOD.findall(_OF_CHANCE.sub("", text))}
    return found.pop() if len(found) == 1 else None


def read_series(document: Document) -> tuple[Series, ...]:
    """Every series of a report, in order."""
    measures = _measures(document)
    return tuple(one for table in document.tables for one in _of_table(document, table, measures))


def _measures(document: Document) -> frozenset[str]:
    """Names of measures: what stands at the head of columns of numbers, and what the legend spells out."""
    heads = {
        document.name(name)
        for table in document.tables
        for place, name in enumerate(table.head[1:], start=1)
        if any(row.amount(place) for row in table.rows)
    }
    return frozenset(heads | {name for _, name in document.names})


def _of_table(document: Document, table: Table, measures: frozenset[str]) -> Iterator[Series]:
    firsts = [document.name(row.cells[0]) for row in table.rows if row.cells]
    across = sum(name in measures for name in firsts) * 2 > len(firsts)
    yield from _columns(document, table) if across else _rows(document, table)


def _columns(document: Document, table: Table) -> Iterator[Series]:
    for place, name in enumerate(table.head[1:], start=1):
        found = {document.name(row.cells[0]): (row.amount(place), row.line) for row in table.rows}
        values = {key: (amount, line) for key, (amount, line) in found.items() if amount and not amount.is_signed}
        if len(values) >= _MANY:
            yield _series(table, name, values)


def _rows(document: Document, table: Table) -> Iterator[Series]:
    for row in table.rows:
        values: dict[str, tuple[Amount, int]] = {}
        by_method: dict[str, Amount] = {}
        for place, head in enumerate(table.head[1:], start=1):
            amount = row.amount(place)
            if amount is not None and words_of(head) in METHODS:
                by_method[words_of(head)] = amount
            elif amount is not None and not amount.is_signed:
                values[document.name(head)] = (amount, row.line)
        if values:
            yield _series(table, row.cells[0], values)
        for method, amount in by_method.items():
            yield _series(table, row.cells[0], {OVERALL: (amount, row.line)}, method)


def _series(table: Table, name: str, values: Mapping[str, tuple[Amount, int]], method: str | None = None) -> Series:
    own = method or method_in(name)
    around = method_in(table.caption) or method_in(table.title)
    key = words_of(_METHOD.sub("", name))
    return Series(name=name, key=key, method=own or around, own_method=own, table=table, values=values)
