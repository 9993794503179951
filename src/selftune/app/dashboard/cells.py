"""Cells of a page's own tables: a text with a link, a colour or a figure's alignment; and how a row is written."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote, urlencode

from markupsafe import Markup

from selftune.app.reporting.pages.plain import one_line

if TYPE_CHECKING:
    from collections.abc import Sequence

_NAME: Final = 26
_WORDS: Final = 60
_FIGURE, _LONG, _SHORT = "figure", "words", "name"
_BLANK: Final = " blank"
_NOTHING: Final = frozenset({"", "-"})


def linked(text: str, path: str, **query: str) -> dict[str, Any]:
    """A text that leads to a page of ours."""
    return {"text": text, "link": address(path, **query)}


def tinted(text: str, tint: str) -> dict[str, Any]:
    """A text in one of the tints of `pages.parts.Cell`; the word says the same without the colour."""
    return {"text": text, "tint": tint}


def figure(text: str) -> dict[str, Any]:
    """A number, which stands to the right."""
    return {"text": text, "figure": True}


def address(path: str, **query: str) -> str:
    """A path of ours with what is asked of it; both are quoted, for ids and names of items may hold anything."""
    asked = {name: value for name, value in query.items() if value}
    return quote(path, safe="/:") + (f"?{urlencode(asked)}" if asked else "")


def kinds_of(rows: Sequence[Sequence[Any]]) -> list[str]:
    """What each column holds: figures, names that stay on one line, words that need room, or what lies between."""
    return [_kind(column) for column in zip(*rows, strict=True)]


def rows_of(rows: Sequence[Sequence[Any]], kinds: Sequence[str], head: Sequence[str]) -> Markup:
    """The rows of a table's body, the first cell of each its heading; every text in them is escaped here.

    Each other cell bears its column's name, which stands before it where a narrow window shows rows as cards.

    Written here and not by a template, which takes ten times as long for a page of three hundred cells.
    """
    tags = ['th scope="row"', *(f'td data-label="{escape(name)}"' for name in head[1:])]
    lines = "\n".join(f"<tr>{''.join(map(_written, row, kinds, tags))}</tr>" for row in rows)
    return Markup(lines)  # noqa: S704 - each text in it was escaped


def _written(cell: Any, kind: str, tag: str) -> str:
    if not isinstance(cell, dict):
        text = escape(one_line(str(cell)))
        return f'<{tag} class="{kind}{_BLANK if text in _NOTHING else ""}">{text}</{tag[:2]}>'
    text = escape(one_line(str(cell["text"])))
    if link := cell.get("link"):
        text = f'<a href="{escape(link)}">{text}</a>'
    tint = f" {escape(tint)}" if (tint := cell.get("tint")) else _BLANK if text in _NOTHING else ""
    return f'<{tag} class="{kind}{tint}">{text}</{tag[:2]}>'


def _kind(column: Sequence[Any]) -> str:
    if any(isinstance(cell, dict) and cell.get("figure") for cell in column):
        return _FIGURE
    longest = max(len(str(cell["text"] if isinstance(cell, dict) else cell)) for cell in column)
    return _SHORT if longest <= _NAME else _LONG if longest > _WORDS else ""
