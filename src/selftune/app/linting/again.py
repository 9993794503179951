"""A page of ours, as somebody has it, held line by line against the same page made again from the records."""

from __future__ import annotations

import re
from collections import defaultdict
from difflib import SequenceMatcher
from itertools import chain
from typing import TYPE_CHECKING, Final, TypeVar

from selftune.app.linting.base import Contradiction
from selftune.app.linting.document import Row

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence

    from selftune.app.linting.document import Document, Sentence, Table

_COMMAND: Final = re.compile(r"Made again by: selftune report (?P<arguments>[\w:. -]+)$")
_FIGURES: Final = re.compile(r"\d+(?:[.,]\d+)*")
_SHOWN: Final = 60
_RULE: Final = "records"

T = TypeVar("T")


def command_in(document: Document) -> tuple[str, ...]:
    """What a page says `selftune report` was given to make it; empty where it does not say."""
    found = [match for one in document.sentences if (match := _COMMAND.search(one.text))]
    return tuple(found[-1]["arguments"].split()) if found else ()


def hold_against_again(printed: Document, again: Document) -> tuple[Contradiction, ...]:
    """Every cell and sentence in which a page differs from what the records make; added sentences are passed over.

    Both must be read from the same form, Markdown or HTML.
    """
    found = [*_tables(printed, again), *_sentences(printed.sentences, again.sentences)]
    return (*found, *_sentences(printed.quoted, again.quoted))


def _tables(printed: Document, again: Document) -> Iterator[Contradiction]:
    for one, other in _paired(printed.tables, again.tables, _identity):
        rows = [(Row(line=one.line, cells=one.head), Row(line=other.line, cells=other.head))]
        rows += _paired(one.rows, other.rows, lambda row: row.cells[0])
        known = {id(row) for row, _ in rows}
        left = [row for row in one.rows if id(row) not in known]
        new = {id(row) for _, row in rows}
        missed = [row for row in other.rows if id(row) not in new]
        if len(left) == len(missed):
            # The name of a row itself was changed.
            rows += zip(left, missed, strict=True)
            left = missed = []
        yield from chain.from_iterable(_row(one, row, same) for row, same in rows)
        yield from (_alone(row) for row in left)
        yield from (_left_out(one, row) for row in missed)


def _identity(table: Table) -> Hashable:
    """What tells a table from the others of its page, whatever figures stand in its caption."""
    return (_bare(table.title), _bare(table.caption), tuple(map(_bare, table.head)))


def _paired(some: Sequence[T], others: Sequence[T], key_of: Callable[[T], Hashable]) -> Iterator[tuple[T, T]]:
    """Those with equal keys, the first with the first."""
    waiting: dict[Hashable, list[T]] = defaultdict(list)
    for other in reversed(others):
        waiting[key_of(other)].append(other)
    for one in some:
        if waiting[key_of(one)]:
            yield one, waiting[key_of(one)].pop()


def _row(table: Table, printed: Row, again: Row) -> Iterator[Contradiction]:
    for place, (cell, known) in enumerate(zip(printed.cells, again.cells, strict=False)):
        if cell != known:
            head = table.head[place] if place < len(table.head) else f"column {place + 1}"
            yield Contradiction(
                rule=_RULE,
                lines=(printed.line,),
                figures=(_short(cell), _short(known)),
                told=f"{head or 'a cell'} of {_short(again.cells[0])!r} is printed as {_short(cell)!r}; the records "
                f"give {_short(known)!r}",
            )


def _alone(row: Row) -> Contradiction:
    return Contradiction(
        rule=_RULE,
        lines=(row.line,),
        figures=tuple(map(_short, row.cells[1:4])),
        told=f"a row {_short(row.cells[0])!r} is printed, and the records give none of that name in this table",
    )


def _left_out(table: Table, row: Row) -> Contradiction:
    return Contradiction(
        rule=_RULE,
        lines=(table.line,),
        figures=tuple(map(_short, row.cells[1:4])),
        told=f"the table leaves out a row {_short(row.cells[0])!r} that the records give",
    )


def _sentences(printed: Sequence[Sentence], again: Sequence[Sentence]) -> Iterator[Contradiction]:
    """Sentences of the same words with other figures, and sentences that stand where another one belongs."""
    matcher = SequenceMatcher(
        None, [_bare(one.text) for one in printed], [_bare(one.text) for one in again], autojunk=False
    )
    for tag, first, last, start, end in matcher.get_opcodes():
        if tag in {"equal", "replace"} and last - first == end - start:
            yield from _differing(zip(printed[first:last], again[start:end], strict=True))


def _differing(pairs: Iterable[tuple[Sentence, Sentence]]) -> Iterator[Contradiction]:
    for one, other in pairs:
        if one.text != other.text:
            words, known = _where_they_part(one.text, other.text)
            yield Contradiction(
                rule=_RULE,
                lines=(one.line,),
                figures=(words, known),
                told=f"printed is {words!r} where the records give {known!r}",
            )


def _where_they_part(text: str, other: str) -> tuple[str, str]:
    """What differs, with a few words around it."""
    words, known = text.split(), other.split()
    same = next((at for at, (a, b) in enumerate(zip(words, known, strict=False)) if a != b), 0)
    start, end = max(0, same - 2), same + 5
    return _short(" ".join(words[start:end])), _short(" ".join(known[start:end]))


def _bare(text: str) -> str:
    return _FIGURES.sub("#", text)


def _short(text: str) -> str:
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…"
