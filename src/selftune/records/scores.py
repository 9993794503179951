"""Scores of one arm, whoever gave them: what a comparison reads."""

from __future__ import annotations

from array import array
from dataclasses import dataclass
from itertools import chain, islice
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

LABELS: Final = ("category", "difficulty", "agent", "cluster")
"""What an item can be labelled by."""

MOST: Final = 1e12
"""A score that lies farther from 0 is refused: sums of squares of such numbers say nothing."""

_NONE: Final = -1


class ScoredRow(NamedTuple):
    """One answer and its score; a score of None comes with the reason.

    Attributes:
        repeat: Which repetition of the item it is, where an item is asked several times.
        cluster: What several items have in common, so that they rise and fall together.
        judge_overall: What the judge itself gave as overall, where ours is computed.
        stated: What the file shows as the row's score, failures counted as it counts them.
        critical: Whether a critical failure is named.
        asked: What was asked, as text or a digest of it; two arms whose texts differ were not asked the same.
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
    asked: str | None = None


class ScoredBlock(NamedTuple):
    """Many rows at once, each of an item of its own and with a score; labels by what they are."""

    item_ids: Sequence[str]
    scores: array[float]
    labels: tuple[tuple[str, Sequence[str | None]], ...]


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

    def __init__(self, rows: Iterable[ScoredRow | ScoredBlock], facts: SheetFacts) -> None:
        """Read the rows once.

        Raises:
            RepeatedRowError: an item stands twice with the same repeat.
            ValueError: a score is no number within ±`MOST`.
        """
        self.facts = facts
        self.rows = 0
        self.unscored: list[UnscoredRow] = []
        self.critical: set[str] = set()
        self._places: dict[str, int] = {}
        self._scores = _Means()
        self._own = _Means()
        self._stated = _Means()
        self._asked: dict[int, int] = {}
        self._repeated: dict[int, list[float]] = {}
        self._labels = {what: _Labels() for what in LABELS}
        repeats: set[tuple[int, str]] = set()
        for row in rows:
            if isinstance(row, ScoredRow):
                self._take(row, repeats)
            else:
                self._take_block(row)

    @property
    def items(self) -> Mapping[str, int]:
        """Each item id, in the order of the file, and its place."""
        return self._places

    def score(self, item_id: str) -> float | None:
        """Mean over the scored repeats of an item; None where there is none."""
        return self._scores.at(self._places.get(item_id))

    def by_place(self) -> list[float | None]:
        """The score of each item, in the order of the file."""
        found = list(self._scores)
        return found + [None] * (len(self._places) - len(found))

    def judge_overall(self, item_id: str) -> float | None:
        """The judge's own overall of an item; None where it gave none."""
        return self._own.at(self._places.get(item_id))

    def stated(self, item_id: str) -> float | None:
        """What the file shows as an item's score, failures counted as it counts them."""
        return self._stated.at(self._places.get(item_id))

    @property
    def states(self) -> bool:
        """Whether the file shows scores beside ours."""
        return bool(self._stated)

    @property
    def has_own(self) -> bool:
        """Whether the judge gave overalls of its own."""
        return bool(self._own)

    def question_at(self, place: int) -> int | None:
        """A number for what was asked, equal for equal texts while this process runs; None where nobody says."""
        return self._asked.get(place)

    @property
    def has_questions(self) -> bool:
        """Whether any row says what was asked."""
        return bool(self._asked)

    def label(self, what: str, item_id: str) -> str | None:
        """What an item is labelled with; `what` is one of `LABELS`."""
        place = self._places.get(item_id)
        return None if place is None else self._labels[what].at(place)

    def labels(self, what: str) -> list[str | None]:
        """What each item is labelled with, in the order of the file."""
        found = list(self._labels[what])
        return found + [None] * (len(self._places) - len(found))

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

    def repeated(self) -> list[list[float]]:
        """The scores of each item that was scored more than once, in the order of the file."""
        return list(self._repeated.values())

    def extremes(self) -> tuple[float, float] | None:
        """The lowest and the highest score of an item; None without any."""
        low = min((score for score in self._scores if score is not None), default=None)
        high = max((score for score in self._scores if score is not None), default=None)
        return None if low is None or high is None else (low, high)

    def _take(self, row: ScoredRow, repeats: set[tuple[int, str]]) -> None:  # noqa: C901 - flat, and runs a million times
        item_id, score, reason, category, difficulty, agent, cluster, repeat, own, stated, critical, asked = row
        self.rows += 1
        known = len(self._places)
        place = self._places.setdefault(item_id, known)
        if place != known and (not repeat or (place, repeat) in repeats):
            raise RepeatedRowError(item_id)
        if repeat:
            repeats.add((place, repeat))
        if score is None:
            self.unscored.append(UnscoredRow(item_id, reason or "no reason given"))
        else:
            self._keep(place, score, is_new=place == known)
        # Most files hold few of these: a look at each costs less than a call. An empty label is none.
        if own is not None:
            self._own.add(place, own)
        if stated is not None:
            self._stated.add(place, stated)
        if category:
            self._labels["category"].put(place, category)
        if difficulty:
            self._labels["difficulty"].put(place, difficulty)
        if agent:
            self._labels["agent"].put(place, agent)
        if cluster:
            self._labels["cluster"].put(place, cluster)
        if critical:
            self.critical.add(item_id)
        if asked is not None:
            self._asked[place] = hash(asked)

    def _keep(self, place: int, score: float, *, is_new: bool) -> None:
        before = None if is_new else self._scores.at(place)
        if before is not None:
            self._repeated.setdefault(place, [before]).append(score)
        self._scores.add(place, score)

    def _take_block(self, block: ScoredBlock) -> None:
        first, count = len(self._places), len(block.item_ids)
        self._places.update(zip(block.item_ids, range(first, first + count), strict=True))
        if len(self._places) < first + count:
            raise RepeatedRowError(_first_repeated(self._places, block.item_ids, first))
        self.rows += len(block.scores)
        self._scores.extend(first, block.scores)
        for what, words in block.labels:
            self._labels[what].extend(first, words)


def _first_repeated(places: Mapping[str, int], added: Sequence[str], first: int) -> str:
    """One of the added ids that came twice: within the block, or already before place `first`."""
    within = (item_id for place, item_id in enumerate(added, start=first) if places[item_id] != place)
    before = (item_id for item_id in islice(places, first) if places[item_id] >= first)
    return next(chain(within, before))


class _Means:
    """The mean of what is added at each place; nothing is kept while nothing is added."""

    def __init__(self) -> None:
        self._totals = array("d")
        self._counts = array("L")
        # So far each place holds exactly one value.
        self._is_plain = True

    def __bool__(self) -> bool:
        return bool(self._counts)

    def __iter__(self) -> Iterator[float | None]:
        if self._is_plain:
            return iter(self._totals)
        pairs = zip(self._totals, self._counts, strict=True)
        return (total / count if count else None for total, count in pairs)

    def add(self, place: int, value: float) -> None:
        if not -MOST <= value <= MOST:
            raise ValueError(f"a score of {value:g}")
        if place == len(self._counts):
            self._totals.append(value)
            self._counts.append(1)
            return
        self._is_plain = False
        if missing := max(0, place + 1 - len(self._counts)):
            self._totals.extend([0.0] * missing)
            self._counts.extend([0] * missing)
        self._totals[place] += value
        self._counts[place] += 1

    def extend(self, first: int, values: array[float]) -> None:
        """One value for each place from `first` on."""
        if max(values) > MOST or min(values) < -MOST:
            raise ValueError(f"a score of {max(values, key=abs):g}")
        missing = first - len(self._counts)
        self._is_plain = self._is_plain and not missing
        self._totals.extend([0.0] * missing)
        self._counts.extend([0] * missing)
        self._totals.extend(values)
        self._counts.extend([1] * len(values))

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

    def __iter__(self) -> Iterator[str | None]:
        names = [*self.names, None]
        return (names[code] for code in self._column)

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

    def extend(self, first: int, words: Sequence[str | None]) -> None:
        """One word, or none, for each place from `first` on."""
        for word in dict.fromkeys(words):
            if word and word not in self._codes:
                self._codes[word] = len(self.names)
                self.names.append(word)
        self._column.extend([_NONE] * (first - len(self._column)))
        code = self._codes.get
        self._column.extend([code(word, _NONE) if word else _NONE for word in words])

    def at(self, place: int) -> str | None:
        code = self._column[place] if place < len(self._column) else _NONE
        return None if code == _NONE else self.names[code]
