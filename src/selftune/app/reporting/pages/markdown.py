"""A page as Markdown: for a terminal, a pull request, a mail."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from selftune.app.reporting.pages.parts import Cell, Drawing, Page, Points, Said, Section, Table, Transcript
from selftune.app.reporting.pages.plain import plain

if TYPE_CHECKING:
    from collections.abc import Iterator

    from selftune.app.reporting.pages.parts import Part, Row

# What would be read as markup inside a sentence or a cell: emphasis, code, HTML, a cell's end, a link, a picture from
# elsewhere, what a link refers to, or a letter by its number. A bracket alone is an interval's.
_MARKUP: Final = re.compile(r"[\\`*<|]|\](?=[(\[:])|!(?=\[)|&(?=#?\w+;)")
_FENCE: Final = re.compile(r"`{3,}")


def as_markdown(page: Page) -> str:
    """The page as text; drawings are told in words."""
    return "\n".join(_lines(page)).rstrip() + "\n"


def _lines(page: Page) -> Iterator[str]:
    yield from (f"# {_inline(page.title)}", "")
    if page.outcome:
        yield from (f"**{_inline(page.outcome)}**", "")
    for sentence in page.lead:
        yield from (_inline(sentence), "")
    for section in page.sections:
        yield from _section(section)
    if page.footing:
        yield from ("---", "", _inline(page.footing))


def _section(section: Section) -> Iterator[str]:
    yield from (f"## {_inline(section.title)}", "")
    for part in section.parts:
        yield from _part(part)
        yield ""


def _part(part: Part) -> Iterator[str]:
    match part:
        case Said():
            yield _inline(part.text)
        case Points():
            yield from (f"- {_inline(point)}" for point in part.points)
        case Table():
            yield from _table(part)
        case Drawing():
            yield f"*{_inline(part.alt)}*"
        case Transcript():
            yield from _transcript(part)


def _table(table: Table) -> Iterator[str]:
    yield from (_inline(table.caption) + ":", "")
    yield _row(table.head)
    yield "|" + "---|" * len(table.head)
    yield from map(_row, table.rows)


def _row(row: Row) -> str:
    cells = (cell.text if isinstance(cell, Cell) else cell for cell in row)
    return "| " + " | ".join(map(_inline, cells)) + " |"


def _transcript(part: Transcript) -> Iterator[str]:
    yield f"### {_inline(part.name)}"
    if part.note:
        yield from ("", _inline(part.note))
    for speaker, text in part.asked:
        yield from ("", f"{_inline(speaker)}:", *_quoted(text))
    for answer in part.answers:
        note = f" ({_inline(answer.note)})" if answer.note else ""
        yield from ("", f"**{_inline(answer.name)}**{note}:", *_quoted(answer.text))


def _quoted(text: str) -> Iterator[str]:
    """What somebody said, in a fence that nothing in it closes."""
    fence = "`" * max(3, 1 + max((len(found) for found in _FENCE.findall(text)), default=0))
    yield from ("", fence + "text", plain(text), fence)


def _inline(text: str) -> str:
    return _MARKUP.sub(r"\\\g<0>", " ".join(plain(text).split()))
