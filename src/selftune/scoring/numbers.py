"""Numbers as they stand in an answer: digits with sign, thousands, decimals and fractions, and the unit beside them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

_NUMBER: Final = re.compile(
    r"(?P<before>[$€£])?\s?(?<![\w.])(?P<sign>[-+\u2212])?(?P<before_digits>[$€£])?"
    r"(?P<whole>\d{1,3}(?:,\d{3})+(?!\d)|\d+)(?P<decimals>\.\d+)?(?:/(?P<below>[1-9]\d*))?"
    r"\s?(?P<after>%|°[A-Z]?|[$€£]|[^\W\d_]+(?:[/²³][^\W\d_]*)?)?"
)
_CLOSE: Final = 1e-9


@dataclass(frozen=True, kw_only=True)
class Number:
    """A number of a text; `units` holds what stands right before and right after it, in lower case."""

    value: float
    units: tuple[str, ...] = ()


def numbers_in(text: str) -> tuple[Number, ...]:
    """The numbers of a text in order. Digits only: "forty-two" is none, and "14:30" is two."""
    return tuple(_number(found) for found in _NUMBER.finditer(text))


def is_close(value: float, wanted: float, tolerance: float = 0.0) -> bool:
    """Whether two numbers are equal but for the tolerance and for rounding in the last digits."""
    return abs(value - wanted) <= tolerance + _CLOSE * max(1.0, abs(wanted))


def _number(found: re.Match[str]) -> Number:
    value = float(found["whole"].replace(",", "") + (found["decimals"] or ""))
    value = value / float(found["below"]) if found["below"] else value
    signed = -value if found["sign"] in {"-", "\N{MINUS SIGN}"} else value
    units = (found["before"], found["before_digits"], found["after"])
    return Number(value=signed, units=tuple(unit.lower() for unit in units if unit))
