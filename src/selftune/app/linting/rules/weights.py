"""The mean over categories, weighted by their items, against the overall that is printed beside them.

How many items a category has is read off the report's own tables: where many rows hold categories and an overall, and
one set of counts explains all of them to the last digit, those are the counts.
"""

from __future__ import annotations

import re
from collections import defaultdict
from typing import TYPE_CHECKING, Final

from selftune.app.linting.base import Contradiction
from selftune.app.linting.series import OVERALL, read_series

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from selftune.app.linting.document import Document
    from selftune.app.linting.series import Series

_ITEMS: Final = re.compile(r"\b(\d{1,4})(?:\s+\w+)?[- ](?:prompt|item|question|case)s?\b")
_LEAST: Final = 3
_SPARE: Final = 2
_EXACT: Final = 0.011
"""Categories and overall are printed with two digits: twice half a unit, and a little."""


def check_weighted_means(document: Document) -> Iterator[Contradiction]:
    """An overall that its categories do not give."""
    for counts in _counts(document):
        for one in read_series(document):
            if OVERALL not in one.values or not counts.keys() <= one.values.keys():
                continue
            overall, line = one.values[OVERALL]
            n = sum(counts.values())
            mean = sum(one.values[name][0].value * count for name, count in counts.items()) / n
            slack = sum(one.values[name][0].slack * count for name, count in counts.items()) / n
            if not overall.agrees(mean, slack + _EXACT):
                told = ", ".join(f"{count} of {name}" for name, count in counts.items())
                yield Contradiction(
                    rule="weighted mean",
                    lines=tuple(sorted({line, *(one.values[name][1] for name in counts)})),
                    figures=(overall.shown, f"{mean:.2f}"),
                    told=f"the categories of {one.name!r} weighted by their items ({told}) give {mean:.2f}, and "
                    f"{overall.shown} is printed",
                )


def _counts(document: Document) -> Iterator[Mapping[str, int]]:
    """For each set of categories the counts that explain its rows."""
    totals = {int(n) for sentence in document.sentences for n in _ITEMS.findall(sentence.text)}
    totals |= {int(n) for table in document.tables for row in table.rows for n in _ITEMS.findall(" | ".join(row.cells))}
    grouped: dict[tuple[int, frozenset[str]], list[Series]] = defaultdict(list)
    for one in read_series(document):
        names = frozenset(one.scores) - {OVERALL}
        if OVERALL in one.values and len(names) >= _LEAST:
            grouped[id(one.table), names].append(one)
    for (_, names), rows in grouped.items():
        if len(rows) >= len(names) + _SPARE and (counts := _explain(sorted(names), rows, totals)):
            yield counts


def _explain(names: Sequence[str], rows: Sequence[Series], totals: set[int]) -> dict[str, int] | None:
    """Whole numbers of items, of a total that the report names, with which most rows come out to the digit."""
    import numpy as np

    parts = np.array([[row.values[name][0].value for name in names] for row in rows])
    overall = np.array([row.values[OVERALL][0].value for row in rows])
    kept = np.ones(len(rows), dtype=bool)
    while totals and kept.sum() >= max(len(names) + _SPARE, len(rows) / 2):
        weights = np.linalg.lstsq(parts[kept], overall[kept], rcond=None)[0]
        for total in sorted(totals):
            counts = np.rint(weights * total).astype(int)
            if counts.min() > 0 and counts.sum() == total:
                away = np.abs(parts @ counts / total - overall)
                if (away[kept] <= _EXACT).all():
                    return dict(zip(names, counts.tolist(), strict=True))
        # A row that is itself wrong would hide the others: the one that fits worst is left out.
        residuals = np.where(kept, np.abs(parts @ weights - overall), -1.0)
        kept[residuals.argmax()] = False
    return None
