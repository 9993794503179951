"""Differences and ratios that are printed beside the figures they are made of."""

from __future__ import annotations

import re
from itertools import permutations
from typing import TYPE_CHECKING, Final

from selftune.app.linting.base import Contradiction
from selftune.app.linting.numbers import amounts_in, cell_amount

if TYPE_CHECKING:
    from collections.abc import Iterator

    from selftune.app.linting.document import Document, Row, Table
    from selftune.app.linting.numbers import Amount

_DELTA: Final = re.compile(r"\bdelta\b|Δ|\bchange\b|\bdifference\b", re.IGNORECASE)
_BASELINE: Final = re.compile(r"\bvs\b|\bbaseline\b|\bagainst\b", re.IGNORECASE)
_RISE: Final = re.compile(
    r"\b(?:from|at)\s+~?(?P<old>\d+(?:\.\d+)?)(?:/10)?\b.*?\bto\s+~?(?P<new>\d+(?:\.\d+)?)(?:/10)?"
    r"[^.\d]{0,20}?(?P<change>[-+\u2212]\d+(?:\.\d+)?)(?!\d*\s?%)"
)
_RISE_BY: Final = re.compile(
    r"\bfrom\s+~?(?P<old>\d+(?:\.\d+)?)(?P<percent>\s?%)?(?:/10)?\s+to\s+~?(?P<new>\d+(?:\.\d+)?)(?:\s?%)?(?:/10)?,?\s+"
    r"(?:by|up by|down by|an? (?:gain|rise|increase|improvement|drop|fall|decrease|loss) of)\s+~?"
    r"(?P<change>\d+(?:\.\d+)?)\s?(?P<unit>%|percent\b|percentage points|points)"
)
_RATIO: Final = re.compile(
    r"(?<![\w.])(\d+(?:\.\d+)?)\s?[\u00d7x]\s+(?:\w+\s+){0,2}?(?:degradation|drop|gain|improvement|increase|"
    r"decrease|loss|faster|slower|better|worse|larger|smaller|higher|lower)\b"
)


def check_deltas(document: Document) -> Iterator[Contradiction]:
    """Columns of differences, absolute or in percent, beside the two columns they come from."""
    for table in document.tables:
        for place, head in enumerate(table.head):
            if place < 2 or not _DELTA.search(head):  # noqa: PLR2004 - a name and a figure stand before it
                continue
            for row in table.rows:
                yield from _check_row(table, row, place, against_first=bool(_BASELINE.search(head)))


def _check_row(table: Table, row: Row, place: int, *, against_first: bool) -> Iterator[Contradiction]:
    change = row.amount(place)
    new = row.amount(place - 1)
    old = table.rows[0].amount(place - 1) if against_first else row.amount(place - 2)
    if change is None or new is None or old is None or not (change.is_signed or change.is_percent):
        return
    expected, slack = new.value - old.value, new.slack + old.slack
    if change.is_percent:
        if not old.value:
            return
        expected, slack = 100 * expected / old.value, 100 * slack / abs(old.value) * max(1, new.value / old.value)
    if not change.agrees(expected, slack):
        unit = " %" if change.is_percent else ""
        yield Contradiction(
            rule="delta",
            lines=(row.line,),
            figures=(old.shown, new.shown, change.shown),
            told=f"from {old.shown} to {new.shown} is {expected:+.2f}{unit}, and {change.shown} is printed",
        )


def check_rises(document: Document) -> Iterator[Contradiction]:
    """`from 7.8 to 8.5, a +0.6 gain` whose figures do not fit."""
    for sentence in document.sentences:
        for found in _RISE.finditer(sentence.text):
            old, new, change = (cell_amount(found[name]) for name in ("old", "new", "change"))
            if old is None or new is None or change is None:
                continue
            if not change.agrees(new.value - old.value, new.slack + old.slack):
                yield Contradiction(
                    rule="delta",
                    lines=(sentence.line,),
                    figures=(old.shown, new.shown, change.shown),
                    told=f"from {old.shown} to {new.shown} is {new.value - old.value:+.2f}, and {change.shown} is "
                    "printed: it was taken against another figure than the one named",
                )


def check_rises_by(document: Document) -> Iterator[Contradiction]:
    """`from 4.00 to 5.00, a gain of 25%` and `from 40% to 55%, by 15 percentage points`."""
    for sentence in document.sentences:
        for found in _RISE_BY.finditer(sentence.text):
            old, new, change = (cell_amount(found[name]) for name in ("old", "new", "change"))
            if old is None or new is None or change is None or not old.value:
                continue
            away, slack = abs(new.value - old.value), new.slack + old.slack
            as_points = found["unit"].endswith("points") or found["percent"] is not None
            share, loose = 100 * away / old.value, 100 * slack / old.value * max(1.0, new.value / old.value)
            fits = (as_points and change.agrees(away, slack)) or (
                not found["unit"].endswith("points") and change.agrees(share, loose)
            )
            if not fits:
                told = f"{away:g} points" if as_points else f"{share:.1f} %"
                yield Contradiction(
                    rule="delta",
                    lines=(sentence.line,),
                    figures=(old.shown, new.shown, change.shown),
                    told=f"from {old.shown} to {new.shown} it is {told}, and {change.shown} {found['unit']} is printed",
                )


def check_ratios(document: Document) -> Iterator[Contradiction]:
    """`4.9x degradation` where no two figures of the sentence have that ratio."""
    for sentence in document.sentences:
        figures = [amount for _, amount in amounts_in(sentence.text) if not amount.is_percent and "." in amount.shown]
        for ratio in _RATIO.findall(sentence.text):
            others = [amount for amount in figures if amount.shown != ratio and amount.value > 0]
            if len(others) >= 2 and not any(_has_ratio(one, other, ratio) for one, other in permutations(others, 2)):  # noqa: PLR2004
                yield Contradiction(
                    rule="ratio",
                    lines=(sentence.line,),
                    figures=(f"{ratio}x", *(amount.shown for amount in others)),
                    told=f"no two of {', '.join(amount.shown for amount in others)} have the ratio {ratio}",
                )


def _has_ratio(one: Amount, other: Amount, ratio: str) -> bool:
    found = one.value / other.value
    return abs(found - float(ratio)) <= 0.05 * found + 0.5 * 10.0 ** -len(ratio.partition(".")[2])
