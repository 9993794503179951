"""Drawings of lines: what was varied against what came of it, and how a loss went. SVG; equal input, equal bytes."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Final

from selftune.app.reporting.pages.plain import plain
from selftune.drawing import frame, shorten

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_WIDTH: Final = 720
_LEFT: Final = 60
_RIGHT: Final = 660
_TOP: Final = 56
_BOTTOM: Final = 266
_HEIGHT: Final = 300
_LETTERS: Final = 18
_STYLE: Final = (
    "text{font:11px system-ui,'DejaVu Sans',sans-serif;fill:#16202e}text.title{font-weight:600;font-size:13px}"
    "text.soft{fill:#4a5666}line{stroke:#6b7789}polyline{fill:none;stroke-width:1.6;stroke:#8a97a9;opacity:.7}"
    "polyline.up{stroke:#1f5699;opacity:1}polyline.down{stroke:#b3520f;stroke-dasharray:5 3;opacity:1}"
    "polyline.second{stroke:#b3520f;stroke-dasharray:5 3}"
    "@media (prefers-color-scheme:dark){text{fill:#e8edf5}text.soft{fill:#a9b5c6}line{stroke:#9aa7b9}"
    "polyline{stroke:#7d8999}polyline.up{stroke:#8fbbf5}polyline.down,polyline.second{stroke:#f0a066}}"
)


@dataclass(frozen=True, kw_only=True)
class Tried:
    """One line through all axes.

    Attributes:
        values: By axis; a text where the axis has names. An axis that it lacks is passed by.
        direction: `up` or `down` where its interval lies clear of nothing, else empty.
    """

    name: str
    values: tuple[tuple[str, float | str], ...]
    direction: str = ""


def draw_parallel(title: str, tried: Sequence[Tried], axes: Sequence[str]) -> str:
    """Parallel coordinates: an axis for each name, a line for each try, the last axis being what came of it.

    An axis whose values are all numbers goes from the least to the most; on another one each text has its height.
    """
    scales = {axis: _Scale.over([dict(one.values)[axis] for one in tried if axis in dict(one.values)]) for axis in axes}
    step = (_RIGHT - _LEFT) / max(1, len(axes) - 1)
    places = {axis: _LEFT + place * step for place, axis in enumerate(axes)}
    drawn = [line for axis in axes for line in _axis(axis, places[axis], scales[axis])]
    for one in sorted(tried, key=lambda each: bool(each.direction)):
        known = [(axis, value) for axis, value in one.values if axis in places]
        points = " ".join(f"{places[axis]:.1f},{scales[axis].at(value):.1f}" for axis, value in known)
        css = f' class="{one.direction}"' if one.direction in {"up", "down"} else ""
        drawn.append(f'<polyline{css} points="{points}"><title>{escape(plain(one.name))}</title></polyline>')
    return frame(plain(title), drawn, width=_WIDTH, height=_HEIGHT, style=_STYLE)


def draw_curve(title: str, first: Sequence[tuple[float, float]], second: Sequence[tuple[float, float]] = ()) -> str:
    """One quantity over another as a line, and a second one broken; both share the axes."""
    points = [*first, *second]
    across, upward = (_Scale.over([point[of] for point in points] or [0.0, 1.0]) for of in (0, 1))
    drawn = [
        f'<line x1="{_LEFT}" y1="{_BOTTOM}" x2="{_RIGHT}" y2="{_BOTTOM}"/>',
        f'<line x1="{_LEFT}" y1="{_TOP}" x2="{_LEFT}" y2="{_BOTTOM}"/>',
    ]
    for height, value in ((_TOP, upward.most), (_BOTTOM, upward.least)):
        drawn.append(_text(_LEFT - 6, height + 4, _number(value), anchor="end"))
    for place, value in ((_LEFT, across.least), (_RIGHT, across.most)):
        drawn.append(_text(place, _BOTTOM + 18, _number(value), anchor="middle"))
    for css, line in (("up", first), ("second", second)):
        if line:
            at = " ".join(f"{across.along(x):.1f},{upward.at(y):.1f}" for x, y in line)
            drawn.append(f'<polyline class="{css}" points="{at}"/>')
    return frame(plain(title), drawn, width=_WIDTH, height=_HEIGHT, style=_STYLE)


@dataclass(frozen=True, kw_only=True)
class _Scale:
    """Where a value lies: by its number, or by its name's place among all names."""

    least: float
    most: float
    names: tuple[str, ...] = ()

    @classmethod
    def over(cls, values: Sequence[float | str]) -> _Scale:
        numbers = [value for value in values if not isinstance(value, str)]
        if numbers and len(numbers) == len(values):
            return cls(least=min(numbers), most=max(numbers))
        names = tuple(sorted({_named(value) for value in values}))
        return cls(least=0.0, most=float(max(0, len(names) - 1)), names=names)

    def share(self, value: float | str) -> float:
        number = float(self.names.index(_named(value))) if self.names or isinstance(value, str) else value
        return 0.5 if self.most == self.least else (number - self.least) / (self.most - self.least)

    def at(self, value: float | str) -> float:
        return _BOTTOM - self.share(value) * (_BOTTOM - _TOP)

    def along(self, value: float) -> float:
        return _LEFT + self.share(value) * (_RIGHT - _LEFT)

    def ticks(self) -> Iterator[tuple[float, str]]:
        if self.names:
            yield from ((self.at(name), name) for name in self.names)
        else:
            yield from ((self.at(value), _number(value)) for value in dict.fromkeys((self.least, self.most)))


def _named(value: float | str) -> str:
    return value if isinstance(value, str) else _number(value)


def _axis(name: str, x: float, scale: _Scale) -> Iterator[str]:
    yield f'<line x1="{x:.1f}" y1="{_TOP}" x2="{x:.1f}" y2="{_BOTTOM}"/>'
    yield _text(x, _BOTTOM + 22, name, anchor="middle")
    for height, told in scale.ticks():
        yield _text(x + 4, height - 3, told, css="soft")


def _number(value: float) -> str:
    return f"{value:.4g}"


def _text(x: float, y: float, words: str, *, anchor: str = "start", css: str = "") -> str:
    classed = f' class="{css}"' if css else ""
    told = escape(shorten(plain(words), _LETTERS))
    return f'<text{classed} x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{told}</text>'
