"""Small drawings for a dataset's card: bars, as SVG text of our own (decision 0004); equal input, equal bytes."""

from __future__ import annotations

from html import escape
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from selftune.drawing import frame, shorten

if TYPE_CHECKING:
    from collections.abc import Sequence

_WIDTH: Final = 560
_LABELS: Final = 190  # where the bars begin
_ROOM: Final = 60  # for the number behind a bar
_ROW: Final = 22
_TOP: Final = 34
_STYLE: Final = (
    "text{font:12px system-ui,'DejaVu Sans',sans-serif;fill:#16202e}.title{font-weight:600;font-size:13px}"
    ".before{fill:#c3cfe2}.after{fill:#4a6fa5}"
    "@media(prefers-color-scheme:dark){text{fill:#f0f4fa}.before{fill:#3b4a61}.after{fill:#7fa6dc}}"
)


def draw_bars(title: str, bars: Sequence[tuple[str, int]]) -> str:
    """One horizontal bar for each label and number."""
    return _frame(title, len(bars), [_row(place, label, (), count, bars) for place, (label, count) in enumerate(bars)])


def draw_before_and_after(title: str, bars: Sequence[tuple[str, int, int]]) -> str:
    """For each label a pale bar for the number before, and on it one for the number after."""
    scale = [(label, max(before, after)) for label, before, after in bars]
    rows = [_row(place, label, (before,), after, scale) for place, (label, before, after) in enumerate(bars)]
    return _frame(title, len(bars), rows)


def count_in_bins(values: Sequence[float], edges: Sequence[float]) -> list[tuple[str, int]]:
    """How many values lie below each edge and at or above the one before; the last bin is open."""
    bounds = [*edges, float("inf")]
    lows = [float("-inf"), *edges]
    names = [f"below {edges[0]:g}", *(f"{low:g} to {high:g}" for low, high in pairwise(edges))]
    names.append(f"{edges[-1]:g} and more")
    counted = [sum(low <= value < high for value in values) for low, high in zip(lows, bounds, strict=True)]
    return list(zip(names, counted, strict=True))


def _row(place: int, label: str, before: Sequence[int], count: int, scale: Sequence[tuple[str, int]]) -> str:
    most = max((number for _, number in scale), default=0) or 1
    top = _TOP + place * _ROW
    bars = [("before", number) for number in before] + [("after", count)]
    drawn = "".join(
        f'<rect class="{name}" x="{_LABELS}" y="{top}" width="{_span(number, most)}" height="{_ROW - 8}"/>'
        for name, number in bars
    )
    longest = max(number for _, number in bars)
    at = _LABELS + _span(longest, most) + 6
    told = f"{count} of {before[0]}" if before and before[0] != count else str(count)
    text = f'<text x="{_LABELS - 8}" y="{top + 11}" text-anchor="end">{escape(shorten(label))}</text>'
    return f'{text}{drawn}<text x="{at}" y="{top + 11}">{told}</text>'


def _frame(title: str, rows: int, drawn: Sequence[str]) -> str:
    return frame(title, drawn, width=_WIDTH, height=_TOP + rows * _ROW + 8, style=_STYLE)


def _span(number: int, most: int) -> int:
    return round((_WIDTH - _LABELS - _ROOM) * number / most)
