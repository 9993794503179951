"""Intervals that stand the wrong way round or do not hold their own figure, and significance that a p-value denies."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from selftune.app.linting.base import Contradiction
from selftune.app.linting.numbers import cell_amount

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from selftune.app.linting.document import Document
    from selftune.app.linting.numbers import Amount

_FIGURE: Final = r"[-+\u2212\u2013]?\d+(?:\.\d+)?\s?%?"
_INTERVAL: Final = re.compile(rf"^\[\s*(?P<low>{_FIGURE})\s*(?:,|;|\.\.|\u2026|to)\s*(?P<high>{_FIGURE})\s*\]$")
_WITH_INTERVAL: Final = re.compile(
    rf"(?<![\w.,\[])(?P<mean>{_FIGURE})\s*(?:\(95\s?% CI:?\s*)?\[\s*(?P<low>{_FIGURE})\s*,\s*(?P<high>{_FIGURE})\s*\]"
)
_TRIALS: Final = re.compile(r"(?:\bof|/|\b[nN]\s?=)\s*$")
_HEAD: Final = re.compile(r"\binterval\b|\bCI\b", re.IGNORECASE)
_SIGNIFICANT: Final = re.compile(
    r"(?<!not )(?<!in)(?<!no )(?<!never )\bsignificant\b[^.;]{0,40}?\bp\s?=\s?(?P<p>0?\.\d+)", re.IGNORECASE
)
_OTHER_LEVEL: Final = re.compile(r"\bat (?:the )?(?:[12]\d|10)\s?%|\balpha\b|\u03b1", re.IGNORECASE)
_LEVEL: Final = 0.05


def check_intervals(document: Document) -> Iterator[Contradiction]:
    """`0.61 [0.70, 0.80]`, in sentences, in cells, and where the interval has a column of its own."""
    for sentence in document.sentences:
        yield from _in_text(sentence.text, sentence.line)
    for table in document.tables:
        places = [place for place, head in enumerate(table.head) if _HEAD.search(head)]
        for row in table.rows:
            for cell in row.cells:
                yield from _in_text(cell, row.line)
            for place in places:
                found = _INTERVAL.match(row.cells[place]) if place < len(row.cells) else None
                before = [amount for at in range(1, place) if (amount := row.amount(at))]
                ends = _ends(found) if found else None
                if ends is not None and before:
                    yield from _check(before, ends, row.line)


def _in_text(text: str, line: int) -> Iterator[Contradiction]:
    for found in _WITH_INTERVAL.finditer(text):
        mean, ends = cell_amount(found["mean"]), _ends(found)
        # `8 of 200 [1.7 %, 7.7 %]`: the interval is of the share, not of the 200.
        if mean is None or ends is None or mean.is_percent is not ends[1].is_percent:
            continue
        if not _TRIALS.search(text[: found.start()]):
            yield from _check([mean], ends, line)


def _ends(found: re.Match[str]) -> tuple[Amount, Amount] | None:
    low, high = cell_amount(found["low"]), cell_amount(found["high"])
    return None if low is None or high is None else (low, high)


def _check(figures: Sequence[Amount], ends: tuple[Amount, Amount], line: int) -> Iterator[Contradiction]:
    """The interval must hold one of the figures before it: a table may have a threshold between the two."""
    low, high = ends
    shown = f"[{low.shown}, {high.shown}]"
    if low.value > high.value:
        told = f"{shown} ends below where it begins"
        yield Contradiction(rule="interval", lines=(line,), figures=(shown,), told=told)
    elif not any(low.value - low.slack <= one.value + one.slack and one.value - one.slack <= high.value + high.slack
                 for one in figures):  # fmt: skip
        names = " nor ".join(one.shown for one in figures)
        told = f"{shown} does not hold {names}, whose interval it is said to be"
        yield Contradiction(rule="interval", lines=(line,), figures=(names, shown), told=told)


def check_significance(document: Document) -> Iterator[Contradiction]:
    """`significant (p = 0.21)`."""
    for sentence in document.sentences:
        for found in _SIGNIFICANT.finditer(sentence.text):
            if float(found["p"]) > _LEVEL and not _OTHER_LEVEL.search(sentence.text):
                yield Contradiction(
                    rule="significance",
                    lines=(sentence.line,),
                    figures=(f"p = {found['p']}",),
                    told=f"p = {found['p']} is called significant; at 5 % it is not",
                )
