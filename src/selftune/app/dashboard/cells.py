"""Cells of a page's own tables: a text with a link, a colour or a figure's alignment. Templates escape the text."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote, urlencode


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
