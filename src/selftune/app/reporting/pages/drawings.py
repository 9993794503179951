"""The drawings of a report: intervals, items that moved, and how scores are spread. SVG text; equal input, equal bytes.

Each is 360 units wide, with a label above what it names, so that a telephone shows it whole; what a colour says is also
said by a shape or a word.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Final

from selftune.app.reporting.pages.figures import counted, mean, shift, signed
from selftune.app.reporting.pages.plain import plain
from selftune.drawing import frame, shorten

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_WIDTH: Final = 360
_LEFT: Final = 12
_RIGHT: Final = 348
_TOP: Final = 34
_ROW: Final = 32
_LETTERS: Final = 48
_TITLE: Final = 44  # in the larger type of a title
_BESIDE: Final = 26  # beside figures on the same line
_STYLE: Final = (
    "text{font:11px system-ui,'DejaVu Sans',sans-serif;fill:#16202e}text.title{font-weight:600;font-size:13px}"
    "text.soft{fill:#4a5666}line,path{fill:none;stroke:#6b7789;stroke-width:1}.grid{stroke:#d8dee7}.zero{stroke:#16202e}"
    ".aim{stroke:#7a5000;stroke-dasharray:4 3}.up{stroke:#1f5699;fill:#1f5699}.down{stroke:#b3520f;fill:#b3520f}"
    ".same{stroke:#6b7789;fill:#6b7789}line.up,line.down,line.same{stroke-width:2}.champion{fill:#8a97a9}"
    ".candidate{fill:#2f6db5}"
    "@media screen and (prefers-color-scheme:dark){text{fill:#e8edf5}text.soft{fill:#a9b5c6}.grid{stroke:#303c4e}"
    ".zero{stroke:#e8edf5}.aim{stroke:#eec06a}.up{stroke:#8fbbf5;fill:#8fbbf5}.down{stroke:#f0a066;fill:#f0a066}"
    ".same{stroke:#9aa7b9;fill:#9aa7b9}.champion{fill:#7d8999}.candidate{fill:#6ea3e6}}"
)
_LINE: Final = 13  # from one line of names to the next
_BARS: Final = 124  # height of one arm's bars with what is written around them
_MANY: Final = 40  # more lines than that cover each other
_WIDEST: Final = 8  # a line that all items share
_TICKS: Final = 5
_STEPS: Final = (1.0, 2.0, 2.5, 5.0, 10.0)


@dataclass(frozen=True, kw_only=True)
class Span:
    """One row of a forest plot: a value with its interval; without one only the value is drawn."""

    label: str
    value: float
    interval: tuple[float, float] | None
    n: int


def draw_forest(
    title: str, spans: Sequence[Span], *, zero: float | None = 0.0, aim: float | None = None, places: int = 2
) -> str:
    """Values with their intervals on one axis.

    Args:
        title: What the axis shows.
        spans: From top to bottom.
        zero: Where nothing changes: what lies clear above it is a filled diamond, clear below a filled square, else a
            ring. None where values are no differences.
        aim: A line that values are held against, such as the least gain worth having.
        places: Decimal places of the figures.
    """
    marks = [mark for mark in (zero, aim) if mark is not None]
    ends = [end for span in spans for end in (span.interval or (span.value, span.value))]
    axis = _Axis.over([*marks, *ends] or [0.0, 1.0])
    bottom = _TOP + _ROW * len(spans)
    lines = [("zero", zero), ("aim", aim)]
    drawn = [axis.number(bottom)]
    for place, span in enumerate(spans):
        band = _TOP + place * _ROW + 15
        drawn.append(axis.draw(band))
        drawn += [_upright(css, axis.at(value), band) for css, value in lines if value is not None]
        drawn += _span(span, axis, band - 15, zero=zero, places=places)
    return _drawn(title, drawn, bottom + 24)


def _upright(css: str, x: float, top: float) -> str:
    """A piece of a vertical line, as high as a bar has room: no line runs through a word."""
    return f'<line class="{css}" x1="{x}" y1="{top}" x2="{x}" y2="{top + 15}"/>'


def _span(span: Span, axis: _Axis, top: int, *, zero: float | None, places: int) -> Iterator[str]:
    told = (shift if zero is not None else mean)(span.value, span.interval, places)
    yield _text(_LEFT, top + 12, span.label, letters=_BESIDE)
    yield _text(_RIGHT, top + 12, f"{told}  n={span.n}", css="soft", anchor="end")
    name = _direction(span.interval, zero)
    middle = top + 22
    if span.interval is not None:
        low, high = map(axis.at, span.interval)
        yield f'<line class="{name}" x1="{low}" y1="{middle}" x2="{high}" y2="{middle}"/>'
    yield _mark(name, axis.at(span.value), middle)


def _direction(interval: tuple[float, float] | None, zero: float | None) -> str:
    if zero is None or interval is None or interval[0] <= zero <= interval[1]:
        return "same"
    return "up" if interval[0] > zero else "down"


def _mark(name: str, x: float, y: float) -> str:
    match name:
        case "up":
            return f'<path class="up" d="M{x} {y - 5}l5 5l-5 5l-5 -5z"/>'
        case "down":
            return f'<rect class="down" x="{x - 4:g}" y="{y - 4}" width="8" height="8"/>'
        case _:
            return f'<circle class="same" cx="{x}" cy="{y}" r="4"/>'


@dataclass(frozen=True, kw_only=True)
class Slope:
    """One item's score under either model."""

    label: str
    champion: float
    candidate: float

    @property
    def change(self) -> float:
        """Candidate minus champion."""
        return self.candidate - self.champion


def draw_slopes(title: str, slopes: Sequence[Slope], scale: tuple[float, float], *, named: int = 6) -> str:
    """A line for each item from the champion's score to the candidate's; those that moved most are named.

    Items that moved alike share one line, the thicker the more they are: right-or-wrong scores leave four lines.
    """
    top, bottom, left, right = _TOP + 26, _TOP + 266, 70, 190
    axis = _Axis(low=scale[0], high=scale[1], start=bottom, end=top)
    drawn = [_text(left, _TOP + 8, "champion", anchor="end"), _text(right, _TOP + 8, "candidate")]
    for value in scale:
        drawn.append(f'<line class="grid" x1="{left}" y1="{axis.at(value)}" x2="{right}" y2="{axis.at(value)}"/>')
        drawn.append(_text(left - 10, axis.at(value) + 4, f"{value:g}", css="soft", anchor="end"))
    alike = _alike(slopes)
    faint = 1 if len(alike) <= _MANY else 0.35
    ordered = sorted(alike, key=lambda group: (abs(group[0].change), len(group)))
    for group in ordered:
        slope, width = group[0], 2 + round(_WIDEST * (len(group) - 1) / len(slopes), 1)
        name = "same" if not slope.change else "up" if slope.change > 0 else "down"
        ends = f'x1="{left}" y1="{axis.at(slope.champion)}" x2="{right}" y2="{axis.at(slope.candidate)}"'
        drawn.append(f'<line class="{name}" opacity="{faint}" style="stroke-width:{width:g}" {ends}/>')
    most = [group for group in ordered[-named:] if group[0].change]
    names = [(axis.at(group[0].candidate), f"{_called(group)} {signed(group[0].change)}") for group in most]
    drawn += _names(names, right + 8, bottom + 4)
    return _drawn(title, drawn, bottom + 24)


def _alike(slopes: Sequence[Slope]) -> list[list[Slope]]:
    """Items by the line that they are drawn as."""
    groups: dict[tuple[float, float], list[Slope]] = {}
    for slope in slopes:
        groups.setdefault((slope.champion, slope.candidate), []).append(slope)
    return list(groups.values())


def _called(group: Sequence[Slope]) -> str:
    return group[0].label if len(group) == 1 else counted(len(group), "item")


def _names(wanted: Sequence[tuple[float, str]], x: float, lowest: float) -> Iterator[str]:
    """Names at the heights where they belong, moved down and then up as far as their neighbours and the edge need."""
    ordered, heights = sorted(wanted), list[float]()
    for y, _ in ordered:
        heights.append(max(y + 4, heights[-1] + _LINE if heights else 0.0))
    for place in range(len(heights) - 1, -1, -1):
        heights[place] = min(heights[place], lowest - _LINE * (len(heights) - 1 - place))
    for height, (_, words) in zip(heights, ordered, strict=True):
        yield _text(x, height, words, letters=26)


def draw_distribution(
    title: str, arms: Sequence[tuple[str, Sequence[float]]], scale: tuple[float, float], bins: int = 10
) -> str:
    """How many items have which score, one row of bars for each arm; two heaps are seen as two."""
    counts = [(name, _count(scores, scale, bins)) for name, scores in arms]
    most = max((count for _, found in counts for count in found), default=0) or 1
    drawn = list[str]()
    for place, (name, found) in enumerate(counts):
        bottom = _TOP + 100 + place * _BARS
        css = "champion" if name == "champion" else "candidate"
        drawn.append(_text(_LEFT, bottom - 86, f"{name}, {counted(sum(found), 'item')}"))
        drawn += (_bar(step, bins, count, most, bottom, css) for step, count in enumerate(found) if count)
        drawn.append(f'<line class="zero" x1="{_LEFT}" y1="{bottom}" x2="{_RIGHT}" y2="{bottom}"/>')
        drawn.append(_text(_LEFT, bottom + 13, f"{scale[0]:g}", css="soft"))
        drawn.append(_text(_RIGHT, bottom + 13, f"{scale[1]:g}", css="soft", anchor="end"))
    return _drawn(title, drawn, _TOP + len(counts) * _BARS)


def _bar(step: int, bins: int, count: int, most: int, bottom: float, css: str) -> str:
    width, tall = (_RIGHT - _LEFT) / bins, round(66 * count / most, 1)
    x = _LEFT + step * width
    rect = f'<rect class="{css}" x="{x + 1:g}" y="{bottom - tall:g}" width="{width - 2:g}" height="{tall:g}"/>'
    return rect + _text(x + width / 2, bottom - tall - 2, str(count), css="soft", anchor="middle")


def _count(scores: Sequence[float], scale: tuple[float, float], bins: int) -> list[int]:
    found = [0] * bins
    for score in scores:
        place = int((score - scale[0]) / (scale[1] - scale[0]) * bins)
        found[min(bins - 1, max(0, place))] += 1
    return found


def draw_courses(title: str, courses: Sequence[tuple[str, Sequence[Span]]], scale: tuple[float, float]) -> str:
    """How a score went from place to place, a panel for each course: points with their intervals, joined by a line."""
    drawn = list[str]()
    for place, (name, spans) in enumerate(courses):
        top, bottom = _TOP + place * _BARS + 22, _TOP + place * _BARS + 96
        upward = _Axis(low=scale[0], high=scale[1], start=bottom, end=top)
        along = _Axis(low=1, high=max(2, len(spans)), start=_LEFT + 24)
        drawn.append(_text(_LEFT, top - 9, name))
        for value in scale:
            drawn.append(_line("grid", along.start, upward.at(value), _RIGHT, upward.at(value)))
            drawn.append(_text(_LEFT, upward.at(value) + 5, f"{value:g}", css="soft"))
        points = [(along.at(at), upward.at(span.value), span) for at, span in enumerate(spans, start=1)]
        drawn.append('<path d="M' + " ".join(f"{x:g} {y:g}" for x, y, _ in points) + '"/>')
        for x, y, span in points:
            low, high = map(upward.at, span.interval or (span.value, span.value))
            drawn.append(_line("same", x, low, x, high) + f'<circle class="candidate" cx="{x:g}" cy="{y:g}" r="2.5"/>')
        drawn.append(_text(_RIGHT, bottom + 14, spans[-1].label if spans else "", css="soft", anchor="end"))
    return _drawn(title, drawn, _TOP + len(courses) * _BARS)


def _line(css: str, x1: float, y1: float, x2: float, y2: float) -> str:
    return f'<line class="{css}" x1="{x1:g}" y1="{y1:g}" x2="{x2:g}" y2="{y2:g}"/>'


@dataclass(frozen=True, kw_only=True)
class _Axis:
    """Where a value lies between two ends of a drawing."""

    low: float
    high: float
    start: float = _LEFT + 4
    end: float = _RIGHT - 4

    @classmethod
    def over(cls, values: Sequence[float]) -> _Axis:
        """An axis that holds all of them, from one tick to another."""
        low, high = min(values), max(values)
        step = _step_of((high - low) or abs(high) or 1.0)
        return cls(low=math.floor(low / step) * step, high=math.ceil(high / step) * step or step)

    def at(self, value: float) -> float:
        """The place of a value, to a tenth of a unit."""
        share = (value - self.low) / (self.high - self.low)
        return round(self.start + min(1.0, max(0.0, share)) * (self.end - self.start), 1)

    def ticks(self) -> tuple[float, ...]:
        """Round values from end to end."""
        step = _step_of(self.high - self.low)
        return tuple(self.low + place * step for place in range(round((self.high - self.low) / step) + 1))

    def draw(self, top: float) -> str:
        """The grid behind one row."""
        return "".join(_upright("grid", self.at(value), top) for value in self.ticks())

    def number(self, bottom: float) -> str:
        """The numbers below."""
        return "".join(
            _text(x, bottom + 14, f"{round(value, 10) + 0.0:g}", css="soft", anchor=_inwards(x))
            for value in self.ticks()
            for x in (self.at(value),)
        )


def _inwards(x: float) -> str:
    """Where a number at this place begins, so that none is cut at an edge."""
    edge = 12  # half a number
    return "start" if x - _LEFT < edge else "end" if _RIGHT - x < edge else "middle"


def _step_of(width: float) -> float:
    """A round step that leaves at most about five of them."""
    rough = width / _TICKS
    power = 10.0 ** math.floor(math.log10(rough))
    return next(step * power for step in _STEPS if step * power >= rough * 0.999)


def _drawn(title: str, drawn: Sequence[str], height: float) -> str:
    return frame(shorten(plain(title), _TITLE), drawn, width=_WIDTH, height=round(height), style=_STYLE)


def _text(x: float, y: float, words: str, *, css: str = "", anchor: str = "", letters: int = _LETTERS) -> str:
    classed = f' class="{css}"' if css else ""
    anchored = f' text-anchor="{anchor}"' if anchor else ""
    return f'<text{classed} x="{x:g}" y="{y:g}"{anchored}>{escape(shorten(plain(words), letters))}</text>'
