"""Scores of one arm, whoever gave them: what a comparison reads."""

from __future__ import annotations

import math
from array import array
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

LABELS: Final = ("category", "difficulty", "agent", "cluster")
"""What an item can be labelled by."""

_NONE: Final = -1


class ScoredRow(NamedTuple):
    """One answer and its score; a score of None comes with the reason.

    Attributes:
        repeat: Which repetition of the item it is, where an item is asked several times.
        cluster: What several items have in common, so that they rise and fall together.
        judge_overall: What the judge itself gave as overall, where ours is computed.
        stated: What the file shows as the row's score, failures counted as it counts them.
        critical: Whether a critical failure is named.
    """

    item_id: str
    score: float | None
    reason: str | None = None
    category: str | None = None
    difficulty: str | None = None
    agent: str | None = None
    cluster: str | None = None
    repeat: str = ""
    judge_overall: float | None = None
    stated: float | None = None
    critical: bool = False


class UnscoredRow(NamedTuple):
    """A row without a score, and why."""

    item_id: str
    reason: str


class RepeatedRowError(ValueError):
    """An item stands twice in one arm, with nothing that tells the two apart."""


@dataclass(frozen=True, kw_only=True)
class SheetFacts:
    """What holds for all scores of an arm; None where the file does not say.

    Attributes:
        metric: What the scores are called.
        scale: The lowest and the highest score there can be.
        parameters: How answers were generated, by name.
    """

    name: str
    format: str
    metric: str
    scale: tuple[float, float] | None = None
    model: str | None = None
    judge: str | None = None
    rubric: str | None = None
    suite: str | None = None
    parameters: tuple[tuple[str, str], ...] = ()


class ScoreSheet:
    """The scores of one arm by item, in columns: a million items fit in little memory. Repeats are averaged."""

    def __init__(self, rows: Iterable[ScoredRow], facts: SheetFacts) -> None:
        """Read the rows once.

        Raises:
            RepeatedRowError: an item stands twice with the same repeat.
            ValueError: a score is no finite number.
        """
        self.facts = facts
        self.rows = 0
        self.unscored: list[UnscoredRow] = []
        self.critical: set[str] = set()
        self._places: dict[str, int] = {}
        self._scores = _Means()
        self._own = _Means()
        self._stated = _Means()
        self._labels = {what: _Labels() for what in LABELS}
        self._columns = tuple(self._labels.values())
        self._repeats: set[tuple[int, str]] = set()
        for row in rows:
            self._take(row)
        self._repeats.clear()

    @property
    def items(self) -> Mapping[str, int]:
        """Each item id, in the order of the file, and its place."""
        return self._places

    def score(self, item_id: str) -> float | None:
        """Mean over the scored repeats of an item; None where there is none."""
        return self._scores.at(self._places.get(item_id))

    def judge_overall(self, item_id: str) -> float | None:
        """The judge's own overall of an item; None where it gave none."""
        return self._own.at(self._places.get(item_id))

    def stated(self, item_id: str) -> float | None:
        """What the file shows as an item's score, failures counted as it counts them."""
        return self._stated.at(self._places.get(item_id))

    def label(self, what: str, item_id: str) -> str | None:
        """What an item is labelled with; `what` is one of `LABELS`."""
        place = self._places.get(item_id)
        return None if place is None else self._labels[what].at(place)

    def has(self, what: str) -> bool:
        """Whether any item bears such a label."""
        return bool(self._labels[what].names)

    def scored(self) -> Iterator[tuple[str, float]]:
        """Each scored item and its score, in the order of the file."""
        return (
            (item_id, score) for item_id, score in zip(self._places, self._scores, strict=False) if score is not None
        )

    def scores(self) -> list[float]:
        """The scores of all scored items, in the order of the file."""
        return [score for score in self._scores if score is not None]

    def _take(self, row: ScoredRow) -> None:
        self.rows += 1
        known = len(self._places)
        place = self._places.setdefault(row.item_id, known)
        if place < known and (not row.repeat or (place, row.repeat) in self._repeats):
            raise RepeatedRowError(row.item_id)
        if row.repeat:
            self._repeats.add((place, row.repeat))
        if row.score is None:
            self.unscored.append(UnscoredRow(row.item_id, row.reason or "no reason given"))
        else:
            self._scores.add(place, row.score)
        # Most files hold few of these: a look at each costs less than a call.
        if row.judge_overall is not None:
            self._own.add(place, row.judge_overall)
        if row.stated is not None:
            self._stated.add(place, row.stated)
        for labels, word in zip(self._columns, (row.category, row.difficulty, row.agent, row.cluster), strict=True):
            if word is not None:
                labels.put(place, word)
        if row.critical:
            self.critical.add(row.item_id)


class _Means:
    """The mean of what is added at each place; nothing is kept while nothing is added."""

    def __init__(self) -> None:
        self._totals = array("d")
        self._counts = array("L")

    def __iter__(self) -> Iterator[float | None]:
        for total, count in zip(self._totals, self._counts, strict=True):
            yield total / count if count else None

    def add(self, place: int, value: float) -> None:
        if not math.isfinite(value):
            raise ValueError(f"a score of {value}")
        if place == len(self._counts):
            self._totals.append(value)
            self._counts.append(1)
            return
        if missing := max(0, place + 1 - len(self._counts)):
            self._totals.extend([0.0] * missing)
            self._counts.extend([0] * missing)
        self._totals[place] += value
        self._counts[place] += 1

    def at(self, place: int | None) -> float | None:
        if place is None or place >= len(self._counts) or not self._counts[place]:
            return None
        return self._totals[place] / self._counts[place]


class _Labels:
    """Words as small numbers: most columns hold few different ones."""

    def __init__(self) -> None:
        self._codes: dict[str, int] = {}
        self.names: list[str] = []
        self._column = array("i")

    def put(self, place: int, word: str) -> None:
        code = self._codes.get(word)
        if code is None:
            code = self._codes[word] = len(self.names)
            self.names.append(word)
        if place == len(self._column):
            self._column.append(code)
            return
        self._column.extend([_NONE] * max(0, place + 1 - len(self._column)))
        self._column[place] = code

    def at(self, place: int) -> str | None:
        code = self._column[place] if place < len(self._column) else _NONE
        return None if code == _NONE else self.names[code]
