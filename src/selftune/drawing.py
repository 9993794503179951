"""The frame of every small drawing: SVG as text of our own (decision 0004); equal input, equal bytes."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

LETTERS: Final = 28
"""So many letters of a label fit beside a drawing."""


def frame(title: str, drawn: Sequence[str], *, width: int, height: int, style: str) -> str:
    """A drawing that names itself, to eyes and to a screen reader, and brings its own style."""
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" role="img">'
    name = escape(title)
    caption = f'<text class="title" x="8" y="20">{name}</text>'
    return "\n".join([head, f"<title>{name}</title>", f"<style>{style}</style>", caption, *drawn, "</svg>", ""])


def shorten(label: str, letters: int = LETTERS) -> str:
    """The label, cut with an ellipsis where it is longer than there is room for."""
    return label if len(label) <= letters else f"{label[: letters - 1]}…"
