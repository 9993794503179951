"""One quantity with two values, scores that belong to something else, and rows without any figure."""

from __future__ import annotations

import re
from collections import defaultdict
from typing import TYPE_CHECKING, Final

from selftune.app.linting.base import Contradiction
from selftune.app.linting.document import words_of
from selftune.app.linting.numbers import amounts_in
from selftune.app.linting.series import OVERALL, read_series

if TYPE_CHECKING:
    from collections.abc import Iterator

    from selftune.app.linting.document import Document
    from selftune.app.linting.numbers import Amount
    from selftune.app.linting.series import Series

_PER: Final = re.compile(r"(?<![\w.])(\d[\d,]*)-([a-z]+)\b")
_MODEL: Final = re.compile(r"\b((?:[A-Z]\w+\s+)+)(\d+(?:\.\d+)+)\s*\(([a-z][\w.-]*-[\w.-]+)\)")
_DATED: Final = re.compile(r"\d{6,8}")
_BLANK: Final = re.compile(r"^[-\u2013\u2014]+$")
_SHARED: Final = 2
_WHYS: Final = frozenset({"detail", "details", "note", "notes", "why", "reason", "remark", "comment"})


def check_same_quantity(document: Document) -> Iterator[Contradiction]:
    """The same measure of the same thing, made in the same way, with figures that rounding can't explain."""
    held: dict[tuple[str, str, str | None], list[tuple[Amount, int, Series]]] = defaultdict(list)
    for one in read_series(document):
        for name, (amount, line) in one.values.items():
            held[one.key, name, one.method].append((amount, line, one))
    for (_, name, method), found in held.items():
        first, *others = found
        for amount, line, one in others:
            if (
                method is not None
                and one.table is not first[2].table
                and not amount.agrees(first[0].value, first[0].slack)
            ):
                yield Contradiction(
                    rule="two values",
                    lines=(first[1], line),
                    figures=(first[0].shown, amount.shown),
                    told=f"{name} ({method}) of {one.name!r} is {first[0].shown} in one place and {amount.shown} in "
                    "another",
                )


def check_owners(document: Document) -> Iterator[Contradiction]:
    """`the 861-step scores (8.97)`, where what scored 8.97 has another number of steps in the tables."""
    series = read_series(document)
    counts = {(one.key, name): found for one in series for name, found in one.values.items()}
    for sentence in document.sentences:
        for number, unit in _PER.findall(sentence.text):
            wanted = float(number.replace(",", ""))
            for _, amount in amounts_in(sentence.text):
                owners = {one.key for one in series if "." in amount.shown and _overall(one) == amount.shown}
                known = {key: counts[key, f"{unit}s"] for key in owners if (key, f"{unit}s") in counts}
                if known and not any(found.agrees(wanted) for found, _ in known.values()):
                    key, (found, line) = next(iter(known.items()))
                    yield Contradiction(
                        rule="owner",
                        lines=(sentence.line, line),
                        figures=(f"{number}-{unit}", found.shown, amount.shown),
                        told=f"{amount.shown} is the score of {key!r}, which has {found.shown} {unit}s, not {number}",
                    )


def _overall(one: Series) -> str | None:
    return one.values[OVERALL][0].shown if OVERALL in one.values else None


def check_model_names(document: Document) -> Iterator[Contradiction]:
    """A model named with one version, and the id beside it with another."""
    places = [(sentence.line, sentence.text) for sentence in document.sentences]
    places += [(row.line, cell) for table in document.tables for row in table.rows for cell in row.cells]
    for line, text in places:
        for name, version, model_id in _MODEL.findall(text):
            parts = words_of(_DATED.sub("", model_id.replace("-", " "))).split()
            shared = set(words_of(name).split()) & set(parts)
            numbers = [part for part in parts if part.replace(".", "").isdigit()]
            if len(shared) >= _SHARED and numbers and ".".join(numbers) != version:
                yield Contradiction(
                    rule="model name",
                    lines=(line,),
                    figures=(f"{name.strip()} {version}", model_id),
                    told=f"the name says version {version}, the id {'.'.join(numbers)}",
                )


def check_blank_rows(document: Document) -> Iterator[Contradiction]:
    """A row of a table of scores that shows none, without a word why."""
    for table in document.tables:
        scored = [
            place
            for place in range(1, len(table.head))
            if sum(bool(row.amount(place) and "." in row.cells[place]) for row in table.rows) * 2 > len(table.rows)
        ]
        whys = [place for place, head in enumerate(table.head) if words_of(head) in _WHYS]
        for row in table.rows:
            cells = [row.cells[place] for place in scored if place < len(row.cells)]
            told = any(place < len(row.cells) and not _BLANK.match(row.cells[place] or "-") for place in whys)
            if len(scored) > 1 and cells and all(map(_BLANK.match, cells)) and not told:
                heads = ", ".join(table.head[place] for place in scored)
                yield Contradiction(
                    rule="blank",
                    lines=(row.line,),
                    figures=tuple(cells),
                    told=f"{row.cells[0]!r} has no figure under {heads}: what was measured, or that nothing was, is "
                    "not said",
                )
