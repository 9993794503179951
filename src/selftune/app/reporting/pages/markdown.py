"""A page as Markdown: for a terminal, a pull request, a mail."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from selftune.app.reporting.pages.parts import Cell, Drawing, Page, Points, Said, Section, Table, Transcript
from selftune.app.reporting.pages.plain import one_line, plain

if TYPE_CHECKING:
    from collections.abc import Iterator

    from selftune.app.reporting.pages.parts import Part, Row

# What would be read as markup inside a sentence or a cell: emphasis, code, HTML, what is struck out, a cell's end, a
# link, a picture from elsewhere, a ticked box, what a link refers to, a letter by its number, or an address that a
# reader makes a link of. A bracket alone is an interval's, an underscore within a word is part of a name.
_MARKUP: Final = re.compile(
    r"[\\`*<~|]|\](?=[(\[:])|!(?=\[)|\[(?=[ xX]?\]|\^)|&(?=#?\w+;)|(?<![^\W_])_|_(?![^\W_])"
    r"|:(?=//)|(?<=\bmailto):|(?<=\bxmpp):|(?<=\bwww)\.",
    re.IGNORECASE,
)
# What would make the line that it begins a heading, a list, a quotation or a rule; and the end of a heading.
_OPENING: Final = re.compile(r"^(?:>|#(?=#{0,5}(?:\s|$))|[+-](?=\s|$)|[=-](?=[\s=-]*$)|\d{1,9}(?=[.)](?:\s|$)))")
_CLOSING: Final = re.compile(r"(?:(?<=\s)|^)#+$")
_FENCE: Final = re.compile(r"`{3,}")


def as_markdown(page: Page) -> str:
    """The page as text; drawings are told in words."""
    return "\n".join(_lines(page)).rstrip() + "\n"


def _lines(page: Page) -> Iterator[str]:
    yield from (f"# {_heading(page.title)}", "")
    if page.outcome:
        yield from (f"**{_inline(page.outcome)}**", "")
    for sentence in page.lead:
        yield from (_line(sentence), "")
    for section in page.sections:
        yield from _section(section)
    if page.footing:
        yield from ("---", "", _line(page.footing))


def _section(section: Section) -> Iterator[str]:
    yield from (f"## {_heading(section.title)}", "")
    for part in section.parts:
        yield from _part(part)
        yield ""


def _part(part: Part) -> Iterator[str]:
    match part:
        case Said():
            yield _line(part.text)
        case Points():
            yield from (f"- {_line(point)}" for point in part.points)
        case Table():
            yield from _table(part)
        case Drawing():
            yield f"*{_inline(part.alt)}*"
        case Transcript():
            yield from _transcript(part)


def _table(table: Table) -> Iterator[str]:
    yield from (_line(table.caption) + ":", "")
    yield _row(table.head)
    yield "|" + "---|" * len(table.head)
    yield from map(_row, table.rows)


def _row(row: Row) -> str:
    cells = (cell.text if isinstance(cell, Cell) else cell for cell in row)
    return "| " + " | ".join(map(_inline, cells)) + " |"


def _transcript(part: Transcript) -> Iterator[str]:
    yield f"### {_heading(part.name)}"
    if part.note:
        yield from ("", _line(part.note))
    for speaker, text in part.asked:
        yield from ("", f"{_line(speaker)}:", *_quoted(text))
    for answer in part.answers:
        note = f" ({_inline(answer.note)})" if answer.note else ""
        yield from ("", f"**{_inline(answer.name)}**{note}:", *_quoted(answer.text))


def _quoted(text: str) -> Iterator[str]:
    """What somebody said, in a fence that nothing in it closes."""
    fence = "`" * max(3, 1 + max((len(found) for found in _FENCE.findall(text)), default=0))
    yield from ("", fence + "text", plain(text), fence)


def _inline(text: str) -> str:
    return _MARKUP.sub(r"\\\g<0>", one_line(text))


def _line(text: str) -> str:
    """Words at the beginning of a line of their own, where more is read as markup than within one."""
    return _OPENING.sub(_not_opening, _inline(text))


def _not_opening(found: re.Match[str]) -> str:
    # A number is told from a list's by its dot: only marks can be escaped.
    return f"{found[0]}\\" if found[0].isdigit() else f"\\{found[0]}"


def _heading(text: str) -> str:
    return _CLOSING.sub(r"\\\g<0>", _inline(text))
