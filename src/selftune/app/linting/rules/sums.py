"""Sums that are written out, parts of a whole, and totals of a table."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from selftune.app.linting.base import Contradiction
from selftune.app.linting.document import words_of
from selftune.app.linting.numbers import amounts_in

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from selftune.app.linting.document import Document, Table
    from selftune.app.linting.numbers import Amount

_PLUS: Final = re.compile(r"\s\+\s")
_PRODUCT: Final = re.compile(r"(?<![\w.])(\d+)\s*[\u00d7x]\s*(\d[\d,]*(?:\.\d+)?)")
_TIMES: Final = re.compile(r"(\d+)\s*[\u00d7x]\s")
_COUNT_HEADS: Final = frozenset({"pairs", "items", "examples", "rows", "count", "n", "size", "samples", "prompts"})
_TOTALS: Final = frozenset({"total", "sum", "cumulative", "all"})
_LEAST_PARTS: Final = 3
_ABOUT: Final = 0.05


def check_sums(document: Document) -> Iterator[Contradiction]:
    """`a + b = c` that is not, in a sentence."""
    for sentence in document.sentences:
        before, equals, after = sentence.text.partition(" = ")
        addends = [_addend(part) for part in _PLUS.split(re.split(r"[:.]\s", before)[-1])]
        if not equals or len(addends) < _LEAST_PARTS - 1:
            continue
        total = _first(after)
        known = [addend for addend in addends if addend is not None]
        if total is None or len(known) < len(addends):
            continue
        found = sum(addend.value for addend in known)
        slack = sum(addend.slack for addend in known)
        if not total.agrees(found, slack):
            told = f"{' + '.join(one.shown for one in known)} is {found:g}, and {total.shown} is printed"
            yield _found(
                "sum", (sentence.line,), (total.shown, f"{found:g}"), told + _elsewhere(document, known, total)
            )


def _elsewhere(document: Document, parts: Sequence[Amount], total: Amount) -> str:
    """A row of a table that holds the same parts and another total."""
    for table, place in _total_columns(document):
        for row in table.rows:
            printed = row.amount(place)
            held = [amount.value for cell in range(len(row.cells)) if (amount := row.amount(cell))]
            if (
                printed
                and all(part.value in held for part in parts)
                and not printed.agrees(total.value, total.slack / 4)
            ):
                return f"; line {row.line} has {printed.shown} for the same parts"
    return ""


def check_compositions(document: Document) -> Iterator[Contradiction]:
    """A count in a table whose parts, told in the same row, come to something else."""
    for table in document.tables:
        heads = [words_of(head) for head in table.head]
        place = next((at for at, head in enumerate(heads) if head in _COUNT_HEADS), None)
        for row in table.rows if place is not None else ():
            whole = row.amount(place or 0)
            for cell in row.cells:
                addends = _PLUS.split(cell)
                if whole is not None and len(addends) > 1 and not _adds_up(addends, whole):
                    parts = [part.shown for addend in addends if (part := _addend(addend))]
                    if len(parts) == len(addends):
                        told = f"{' + '.join(parts)} is said to make up {whole.shown}"
                        yield _found("parts", (row.line,), (whole.shown, *parts), told)


def _adds_up(addends: Sequence[str], whole: Amount) -> bool:
    """With each part as often as it is said to count, or once."""
    once, often = 0.0, 0.0
    for addend in addends:
        part = _addend(addend)
        if part is None:
            return True
        times = _TIMES.search(addend)
        once += part.value
        often += part.value * (float(times[1]) if times else 1.0)
    return whole.agrees(once) or whole.agrees(often)


def check_totals(document: Document) -> Iterator[Contradiction]:
    """Totals of rows and of columns of money or counts."""
    for table, place in _total_columns(document):
        column = [(row, amount) for row in table.rows if (amount := row.amount(place))]
        for row, total in column:
            others = [amount for cell in range(1, place) if (amount := row.amount(cell)) and "$" in row.cells[cell]]
            found = sum(other.value for other in others)
            if len(others) >= _LEAST_PARTS - 1 and not total.agrees(found, sum(other.slack for other in others)):
                told = f"the row {row.cells[0]!r} comes to {found:g}, and {total.shown} is printed"
                yield _found("total", (row.line,), (total.shown, f"{found:g}"), told)
        yield from _check_last(table, [amount for _, amount in column])
    for table in document.tables:
        yield from _check_counts(table)


def _check_counts(table: Table) -> Iterator[Contradiction]:
    """A last row of totals below columns of counts: each must be the sum of what stands above it."""
    *parts, last = table.rows
    if words_of(last.cells[0]) not in _TOTALS or len(parts) < _LEAST_PARTS:
        return
    for place, head in enumerate(table.head):
        column, printed = [row.amount(place) for row in parts], last.amount(place)
        counts = [amount.value for amount in column if amount is not None]
        if place and printed is not None and words_of(head) in _COUNT_HEADS and len(counts) == len(parts):
            whole = sum(counts)
            if not printed.agrees(whole):
                told = f"the column {head!r} comes to {whole:g}, and {printed.shown} is printed below it"
                yield _found("total", (last.line,), (printed.shown, f"{whole:g}"), told)


def _check_last(table: Table, column: Sequence[Amount]) -> Iterator[Contradiction]:
    last = table.rows[-1]
    printed = [amount for cell in range(1, len(last.cells)) if (amount := last.amount(cell))]
    if words_of(last.cells[0]) not in _TOTALS or not printed:
        return
    parts = [amount for amount in column if amount not in printed]
    found = sum(part.value for part in parts)
    if len(parts) >= _LEAST_PARTS and not printed[-1].agrees(found, _ABOUT * found):
        told = f"the column comes to {found:g}, and {printed[-1].shown} is printed below it"
        yield _found("total", (last.line,), (printed[-1].shown, f"{found:g}"), told)


def _total_columns(document: Document) -> Iterator[tuple[Table, int]]:
    for table in document.tables:
        for place, head in enumerate(table.head):
            if words_of(head) in _TOTALS and place:
                yield table, place


def _addend(text: str) -> Amount | None:
    """The number that a part of a sum stands for: the first one, or a product that is written out."""
    product = _PRODUCT.search(text)
    part = _first(text)
    if product is None or part is None:
        return part
    value = float(product[1]) * float(product[2].replace(",", ""))
    return replace(part, value=value, shown=product[0])


def _first(text: str) -> Amount | None:
    return next((amount for _, amount in amounts_in(text)), None)


def _found(rule: str, lines: tuple[int, ...], figures: tuple[str, ...], told: str) -> Contradiction:
    return Contradiction(rule=rule, lines=lines, figures=figures, told=told)
