"""What a page is made of: sentences, tables, drawings and what was said. Plain text; each writer escapes its own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

SHADES: Final = 6
"""Steps of a heat map above the lowest; of a shift, half of them to either side."""


@dataclass(frozen=True, kw_only=True)
class Cell:
    """A cell of a table; `tint` is `heat-0` … `heat-6`, `shift-0` … `shift-6` (3: none), `good`, `bad`, `unsure`."""

    text: str
    tint: str = ""


Row = tuple[str | Cell, ...]


@dataclass(frozen=True, kw_only=True)
class Said:
    """A paragraph."""

    text: str


@dataclass(frozen=True, kw_only=True)
class Points:
    """A list of sentences."""

    points: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Table:
    """Rows under a head; the first cell of a row names it. `caption` says what the figures are."""

    caption: str
    head: tuple[str, ...]
    rows: tuple[Row, ...]


@dataclass(frozen=True, kw_only=True)
class Drawing:
    """A drawing of our own as SVG text. `alt` tells in words what it shows; Markdown prints that alone."""

    svg: str
    alt: str


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What one model said, and what came of it."""

    name: str
    text: str
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class Transcript:
    """One item: what was asked, and what each model answered, side by side where there is room.

    Attributes:
        asked: Who spoke and what, in order.
    """

    name: str
    note: str
    asked: tuple[tuple[str, str], ...]
    answers: tuple[Answer, ...]


Part = Said | Points | Table | Drawing | Transcript


@dataclass(frozen=True, kw_only=True)
class Section:
    """A heading and what stands below it; a folded one is opened by whoever wants to look."""

    title: str
    parts: tuple[Part, ...]
    folded: bool = False


@dataclass(frozen=True, kw_only=True)
class Page:
    """A whole page.

    Attributes:
        outcome: The one word that a reader looks for; empty where there is none.
        lead: What the page says, in sentences, before any figure.
        foot: What it was made from and when.
        again: What `selftune report` is given to make this page once more; empty for a page of files.
    """

    title: str
    lead: tuple[str, ...]
    sections: tuple[Section, ...]
    outcome: str = ""
    foot: str = ""
    again: str = ""

    @property
    def footing(self) -> str:
        """The foot, and the command that makes the page once more: by it the linter holds a copy against the store."""
        made = f"Made again by: selftune report {self.again}" if self.again else ""
        return " ".join(filter(None, (self.foot, made)))


def heat(value: float | None, scale: tuple[float, float]) -> str:
    """The tint of a score: the higher, the stronger."""
    if value is None:
        return ""
    place = (value - scale[0]) / (scale[1] - scale[0])
    return f"heat-{round(min(1.0, max(0.0, place)) * SHADES)}"


def drift(value: float | None, most: float) -> str:
    """The tint of a difference: one colour below zero, another above, none at zero. `most` gets the strongest."""
    if value is None or most <= 0:
        return ""
    half = SHADES // 2
    return f"shift-{half + round(min(1.0, max(-1.0, value / most)) * half)}"
