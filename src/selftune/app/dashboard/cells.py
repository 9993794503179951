"""Cells of a page's own tables: a text with a link, a colour or a figure's alignment. Templates escape the text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote, urlencode

if TYPE_CHECKING:
    from collections.abc import Sequence

_NAME: Final = 26
_WORDS: Final = 60
_FIGURE, _LONG, _SHORT = "figure", "words", "name"


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


def _kind(column: Sequence[Any]) -> str:
    if any(isinstance(cell, dict) and cell.get("figure") for cell in column):
        return _FIGURE
    longest = max(len(str(cell["text"] if isinstance(cell, dict) else cell)) for cell in column)
    return _SHORT if longest <= _NAME else _LONG if longest > _WORDS else ""
