"""A report in HTML as sections, tables and sentences: the same as of one in Markdown."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import Final

from selftune.app.linting.document import Document, Row, Sentence, Table, legend_in, sentences_in

_HEADINGS: Final = frozenset({"h1", "h2", "h3", "h4", "h5", "h6"})
_CELLS: Final = frozenset({"td", "th"})
_ENDS_CELL: Final = _CELLS | {"tr", "table", "tbody", "tfoot"}
_QUOTES: Final = frozenset({"blockquote", "pre"})
# Words in a drawing are the marks of its axes; what it claims stands in its caption.
_HIDDEN: Final = frozenset({"style", "script", "title", "template"})
_BLOCKS: Final = frozenset(
    {"address", "article", "aside", "body", "caption", "dd", "details", "div", "dl", "dt", "figcaption", "figure",
     "footer", "header", "hr", "li", "main", "nav", "ol", "p", "section", "summary", "table", "tbody", "tfoot", "thead",
     "tr", "ul", "svg", "text"}
) | _HEADINGS | _CELLS | _QUOTES  # fmt: skip
_STARTS: Final = ("<!doctype html", "<html", "<head", "<body", "<table", "<h1", "<p>")


def is_markup(text: str) -> bool:
    """Whether a text is HTML rather than Markdown."""
    return text.lstrip("\ufeff \t\r\n").lower().startswith(_STARTS)


def parse_markup(text: str) -> Document:
    """The parts of a report in HTML; unclosed and unknown tags are taken as browsers take them, near enough."""
    reader = _Reader()
    reader.feed(text)
    reader.close()
    reader.end_block()
    return Document(
        tables=tuple(reader.tables),
        sentences=tuple(reader.sentences),
        names=legend_in("\n".join(one.text for one in reader.sentences)),
        quoted=tuple(reader.quoted),
    )


class _Reader(HTMLParser):
    """Gathers words up to the next tag that begins or ends a block, and gives them to where they belong."""

    def __init__(self) -> None:
        super().__init__()
        self.tables: list[Table] = []
        self.sentences: list[Sentence] = []
        self.quoted: list[Sentence] = []
        self._words: list[str] = []
        self._line = 0
        self._block = ""
        self._section, self._title, self._above = 0, "", ""
        self._hidden = self._quoting = self._drawing = 0
        self._rows: list[tuple[int, list[str]]] | None = None
        self._in_cell = False
        self._caption = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002 - as the parser calls it
        """A block ends where the next one begins."""
        if tag in _BLOCKS:
            self.end_block()
            self._block = tag
            # Cells and rows need not be closed.
            self._in_cell = self._in_cell and tag not in _ENDS_CELL
        self._hidden += tag in _HIDDEN
        self._quoting += tag in _QUOTES
        self._drawing += tag == "svg"
        if tag == "table":
            self._rows, self._caption = [], ""
        elif tag == "tr" and self._rows is not None:
            self._rows.append((self.getpos()[0], []))
        elif tag in _CELLS and self._rows:
            self._rows[-1][1].append("")
            self._in_cell = True
        elif tag == "br":
            self._words.append("\n")

    def handle_endtag(self, tag: str) -> None:
        """What was gathered is whole."""
        if tag in _BLOCKS:
            self.end_block()
        self._in_cell = self._in_cell and tag not in _ENDS_CELL
        self._hidden -= tag in _HIDDEN and self._hidden > 0
        self._quoting -= tag in _QUOTES and self._quoting > 0
        self._drawing -= tag == "svg" and self._drawing > 0
        if tag == "table" and self._rows is not None:
            self._end_table(self._rows)
            self._rows = None

    def handle_data(self, data: str) -> None:
        """Words of the block that is open."""
        if self._hidden or not data.strip():
            self._words += [" "] if self._words else []
            return
        if not self._words:
            self._line = self.getpos()[0]
        self._words.append(data)

    def end_block(self) -> None:
        """Give what was gathered to the table, the heading or the sentences that it is of."""
        text, tag, line = "".join(self._words), self._block, self._line
        self._words, self._block = [], ""
        rows = self._rows
        if self._in_cell and rows:
            cells = rows[-1][1]
            cells[-1] = " ".join((*cells[-1].split(), *text.split()))
            return
        if not text.strip():
            return
        if self._quoting or self._drawing:
            lines = [one.strip() for one in text.splitlines() if one.strip()]
            self.quoted += (Sentence(line=line, text=one, section=self._section) for one in lines)
            return
        text = " ".join(text.split())
        if tag in _HEADINGS:
            self._section, self._title, self._above = self._section + 1, text, ""
            self.sentences.append(Sentence(line=line, text=text, section=self._section))
            return
        if tag == "caption":
            self._caption = text
        self._above = text if text.endswith(":") else ""
        self.sentences += sentences_in(text, line, self._section)

    def _end_table(self, found: list[tuple[int, list[str]]]) -> None:
        rows = [Row(line=line, cells=tuple(cells)) for line, cells in found if cells]
        if len(rows) < 2:  # noqa: PLR2004 - a head and a row
            return
        head, *body = rows
        self.tables.append(
            Table(
                line=head.line,
                head=head.cells,
                rows=tuple(body),
                caption=self._caption or self._above,
                section=self._section,
                title=self._title,
            )
        )
