"""Numbers as reports print them: `~$1,273.50`, `+0.57`, `4.9`, with what rounding leaves open."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

# Not inside a word (v4, Qwen3), a date, a version or another number; a dollar sign may have been mangled to \( or \).
_NUMBER: Final = re.compile(
    r"(?<![\w.])(?P<about>~)?[$\\()]{0,3}(?P<sign>[-+\u2212\u2013])?[$]?(?P<whole>\d{1,3}(?:,\d{3})+|\d+)(?P<part>\.\d+)?"
    r"(?P<power>e[-+]?\d+)?(?P<percent>\s?%)?(?![\d.]*\d|-\d\d)(?!(?<=\d)[A-Za-z_])"
)
_CELL: Final = re.compile(r"^[*`]*" + _NUMBER.pattern + r"(?:\s*/\s*10|\s*tokens)?[*`]*$")
_DATE: Final = re.compile(r"\d{4}-\d\d-\d\d(?:/\d+)?")
_LOOSE: Final = 0.05


@dataclass(frozen=True, kw_only=True)
class Amount:
    """A printed number.

    Attributes:
        slack: Half a unit of its last digit; of one that is said to be about right, a twentieth of it as well.
        shown: As it is printed.
    """

    value: float
    slack: float
    shown: str
    is_percent: bool = False
    is_signed: bool = False

    def agrees(self, value: float, slack: float = 0.0) -> bool:
        """Whether the printed number can stand for a value that is itself only known to `slack`."""
        return abs(self.value - value) <= self.slack + slack + 1e-9


def amounts_in(text: str) -> Iterator[tuple[int, Amount]]:
    """Every number of a text and where it stands, dates left out."""
    hidden = _DATE.sub(lambda found: " " * len(found[0]), text)
    for found in _NUMBER.finditer(hidden):
        yield found.start(), _amount(found)


def cell_amount(cell: str) -> Amount | None:
    """The number that a cell of a table consists of; None for words, dashes and dates."""
    found = _CELL.match(cell.strip()) if not _DATE.search(cell) else None
    return None if found is None else _amount(found)


def _amount(found: re.Match[str]) -> Amount:
    digits = found["whole"].replace(",", "") + (found["part"] or "") + (found["power"] or "")
    value, decimals = float(digits), len(found["part"] or ".") - 1
    slack = 0.5 * 10.0 ** (int((found["power"] or "e0")[1:]) - decimals)
    if found["about"]:
        slack += _LOOSE * value
    return Amount(
        value=-value if found["sign"] in {"-", "\u2212", "\u2013"} else value,
        slack=slack,
        shown=found[0].strip("\\()*` "),
        is_percent=bool(found["percent"]),
        is_signed=found["sign"] is not None,
    )
