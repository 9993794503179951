"""How figures are written: the one place where a number becomes text."""

from __future__ import annotations

from typing import Final

NOTHING: Final = "-"
"""Stands where nothing was measured; never a zero."""

_FINE: Final = 2.0  # a scale narrower than this gets a third place


def places_of(scale: tuple[float, float]) -> int:
    """How many decimal places scores of this scale are written with."""
    return 3 if scale[1] - scale[0] <= _FINE else 2


def number(value: float | None, places: int = 2) -> str:
    """A measured value, `-` where there is none."""
    return NOTHING if value is None else f"{_whole(value, places):.{places}f}"


def signed(value: float | None, places: int = 2) -> str:
    """A difference, with its sign."""
    return NOTHING if value is None else f"{_whole(value, places):+.{places}f}"


def interval(bounds: tuple[float, float] | None, places: int = 2) -> str:
    """An interval [low, high]; empty where there is none."""
    return "" if bounds is None else f"[{number(bounds[0], places)}, {number(bounds[1], places)}]"


def signed_interval(bounds: tuple[float, float] | None, places: int = 2) -> str:
    """An interval of a difference; empty where there is none."""
    return "" if bounds is None else f"[{signed(bounds[0], places)}, {signed(bounds[1], places)}]"


def mean(value: float | None, bounds: tuple[float, float] | None, places: int = 2) -> str:
    """A mean with its interval behind it."""
    return " ".join(filter(None, (number(value, places), interval(bounds, places))))


def shift(value: float | None, bounds: tuple[float, float] | None, places: int = 2) -> str:
    """A difference with its interval behind it."""
    return " ".join(filter(None, (signed(value, places), signed_interval(bounds, places))))


def share(value: float | None) -> str:
    """A share in per cent."""
    return NOTHING if value is None else f"{value:.0%}"


def chance(p_value: float | None) -> str:
    """A p-value; what is smaller than can be told apart is written as a bound."""
    if p_value is None:
        return NOTHING
    return "< 0.001" if p_value < 0.001 else f"{p_value:.3f}"  # noqa: PLR2004 - three places are written


def seconds(value: float) -> str:
    """A span of time in the unit that a person would use."""
    for unit, size in (("h", 3600), ("min", 60)):
        if value >= size:
            return f"{value / size:.1f} {unit}"
    return f"{value:.1f} s"


def dollars(value: float | None) -> str:
    """An amount of money."""
    return NOTHING if value is None else f"${value:,.2f}"


def size(number_of_bytes: int) -> str:
    """The size of a file, in decimal units."""
    for unit, step in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if number_of_bytes >= step:
            return f"{number_of_bytes / step:.1f} {unit}"
    return f"{number_of_bytes} B"


def counted(count: int, one: str, many: str = "") -> str:
    """A count with its noun."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def _whole(value: float, places: int) -> float:
    """The value as it is written; a difference that rounds to nothing has no sign of its own."""
    return round(value, places) + 0.0
