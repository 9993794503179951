"""A report as sections, tables and sentences, each with its line."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from selftune.app.linting.numbers import Amount, cell_amount

if TYPE_CHECKING:
    from collections.abc import Iterator

_HEADING: Final = re.compile(r"^(?:#{1,6}\s+(?P<title>.+?)#*|(?P<trailing>[^|#]{1,120})#+)\s*$")
_RULE: Final = re.compile(r"^\|?[\s:|-]+\|?$")
_BREAK: Final = re.compile(r"(?<=[.!?])\s+(?=[A-Z(*`\"])|\s+-\s+(?=[A-Z*])|(?<=;)\s+")
_LEGEND: Final = re.compile(r"\b([A-Z]{2,6})\s*=\s*([a-z][a-z_]+)\b")
_WORD: Final = re.compile(r"[a-z0-9.]+")
_FENCE: Final = re.compile(r"^(?P<marks>`{3,}|~{3,})")
_BAR: Final = re.compile(r"(?<!\\)\|")


@dataclass(frozen=True, kw_only=True)
class Row:
    """One row of a table."""

    line: int
    cells: tuple[str, ...]

    def amount(self, place: int) -> Amount | None:
        """The number in a cell, if it is one."""
        return cell_amount(self.cells[place]) if place < len(self.cells) else None


@dataclass(frozen=True, kw_only=True)
class Table:
    """A table; `caption` is the line above it, where that announces it."""

    line: int
    head: tuple[str, ...]
    rows: tuple[Row, ...]
    caption: str
    section: int
    title: str


@dataclass(frozen=True, kw_only=True)
class Sentence:
    """One sentence, one point of a list, or a heading: that claims as much."""

    line: int
    text: str
    section: int


@dataclass(frozen=True, kw_only=True)
class Document:
    """A report.

    Attributes:
        names: What its abbreviations stand for, by the abbreviation in small letters: `gt` to `ground truth`.
        quoted: Lines that it only quotes, as a model's answer or a piece of code: nobody claims what they say.
    """

    tables: tuple[Table, ...]
    sentences: tuple[Sentence, ...]
    names: tuple[tuple[str, str], ...]
    quoted: tuple[Sentence, ...] = ()

    def name(self, text: str) -> str:
        """A name as words in small letters, abbreviations spelt out: `GT` and `ground_truth` are one."""
        plain = words_of(text)
        return dict(self.names).get(plain, plain)


def words_of(text: str) -> str:
    """Letters and digits as words in small letters; marks, brackets and underscores are gaps."""
    return " ".join(word.strip(".") for word in _WORD.findall(text.lower()) if word.strip("."))


def parse_report(text: str) -> Document:
    """The parts of a report in Markdown or in text with tables of pipes; what stands in fences is quoted."""
    tables: list[Table] = []
    sentences: list[Sentence] = []
    quoted: list[Sentence] = []
    section, title, above, fence, block = 0, "", "", "", list[tuple[int, str]]()
    for number, line in enumerate([*text.splitlines(), ""], start=1):
        stripped = line.strip()
        if fence:
            fence = "" if stripped.startswith(fence) and not stripped.strip(fence[0]) else fence
            quoted += [Sentence(line=number, text=stripped, section=section)] if fence and stripped else []
            continue
        if stripped.startswith("|"):
            block.append((number, stripped))
            continue
        if block:
            tables += _table(block, above, section, title)
            block = []
        if not stripped:
            continue
        if opened := _FENCE.match(stripped):
            fence = opened["marks"]
            continue
        if heading := _HEADING.match(stripped):
            section, title, above = section + 1, (heading["title"] or heading["trailing"]).strip(), ""
            sentences.append(Sentence(line=number, text=title, section=section))
            continue
        above = stripped if stripped.endswith(":") else ""
        sentences += sentences_in(stripped, number, section)
    return Document(tables=tuple(tables), sentences=tuple(sentences), names=legend_in(text), quoted=tuple(quoted))


def sentences_in(text: str, line: int, section: int) -> Iterator[Sentence]:
    """The sentences and points of a paragraph."""
    return (Sentence(line=line, text=part, section=section) for part in _BREAK.split(text) if part)


def legend_in(text: str) -> tuple[tuple[str, str], ...]:
    """Abbreviations that a text spells out, in small letters: `HO=honesty`."""
    return tuple((short.lower(), words_of(name)) for short, name in _LEGEND.findall(text))


def _table(block: list[tuple[int, str]], caption: str, section: int, title: str) -> list[Table]:
    rows = [Row(line=number, cells=_cells(line)) for number, line in block if not _RULE.match(line)]
    if len(rows) < 2:  # noqa: PLR2004 - a head and a row
        return []
    head, *body = rows
    return [Table(line=head.line, head=head.cells, rows=tuple(body), caption=caption, section=section, title=title)]


def _cells(line: str) -> tuple[str, ...]:
    cells = _BAR.split(line.removeprefix("|"))
    return tuple(cell.strip() for cell in (cells[:-1] if len(cells) > 1 and not cells[-1].strip() else cells))
