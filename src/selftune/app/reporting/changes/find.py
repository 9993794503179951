"""Lay what two models answered side by side: how it sounds, what was mended, what broke, and what to read."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass
from enum import StrEnum
from statistics import fmean
from typing import TYPE_CHECKING, Final

from selftune.app.reporting.changes.likeness import difference_of
from selftune.app.reporting.changes.traits import TRAITS, Kind
from selftune.gate.statistics.many import benjamini_hochberg
from selftune.gate.statistics.means import mean_difference
from selftune.records import digest_of
from selftune.scoring.reading import claimed_names, normalise

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from selftune.app.reporting.answers import Answered, AnswerSheet
    from selftune.app.reporting.changes.traits import Trait
    from selftune.gate.statistics.means import MeanDifference

LEVEL: Final = 0.95
CLEARLY: Final = 0.3
"""Share of the scale by which a graded answer must move to be called mended or broken."""

READINGS: Final = 10
"""Pairs to read that are drawn by chance, and as many that stand out."""

SAME_SHARE: Final = 0.05
"""A share that moved by less hardly matters; nor does a rate by less than `SAME_RATE`, a count by that part of it."""

SAME_RATE: Final = 0.5
SAME_OF_MEAN: Final = 0.1
_LEAST: Final = 2


class Moved(StrEnum):
    """What the paired answers show of a trait; `SAME` needs an interval within what hardly matters."""

    MORE = "more"
    LESS = "less"
    SAME = "same"
    NOT_SHOWN = "not shown"


@dataclass(frozen=True, kw_only=True)
class Shift:
    """One trait of both models, over the items that both answered.

    Attributes:
        p_value: Adjusted for looking at many traits.
        margin: So much more or less would hardly matter.
    """

    trait: Trait
    champion: float
    candidate: float
    difference: float
    interval: tuple[float, float]
    p_value: float
    margin: float
    n: int

    @property
    def is_absent(self) -> bool:
        """Whether no answer of either model shows it."""
        return not self.champion and not self.candidate

    @property
    def moved(self) -> Moved:
        """Whether there is more of it, less, as much, or whether nobody can tell."""
        low, high = self.interval
        if self.p_value <= 1 - LEVEL and not low <= 0 <= high:
            return Moved.MORE if self.difference > 0 else Moved.LESS
        return Moved.SAME if -self.margin <= low and high <= self.margin else Moved.NOT_SHOWN


@dataclass(frozen=True, kw_only=True)
class ItemChange:
    """One item under both models: mean scores over repeats, how much the words differ, and the answers themselves."""

    item_id: str
    category: str
    champion: float | None
    candidate: float | None
    difference: float
    pair: tuple[Answered, Answered]

    @property
    def gain(self) -> float | None:
        """Candidate minus champion; None where one of them has no score."""
        return None if self.champion is None or self.candidate is None else self.candidate - self.champion


@dataclass(frozen=True, kw_only=True)
class Reading:
    """A pair of answers worth reading, and why it is among them."""

    label: str
    item: ItemChange


@dataclass(frozen=True, kw_only=True)
class Changes:
    """All of it.

    Attributes:
        only_champion: Items that only one of them was asked; they are left out of everything else.
        wording: Mean difference of the words, and `noise`: that of two answers of the champion itself to one question,
            None where none was asked twice.
        fixed, broken: Items that crossed from wrong to right or back; of graded scores, that moved `CLEARLY`.
        graded: Whether scores lie between right and wrong.
        names: Names that they give themselves, with how many answers of each.
        seed: What the random readings were drawn with.
    """

    champion: str
    candidate: str
    scale: tuple[float, float]
    items: tuple[ItemChange, ...]
    only_champion: tuple[str, ...]
    only_candidate: tuple[str, ...]
    score: MeanDifference | None
    shifts: tuple[Shift, ...]
    wording: float
    noise: float | None
    graded: bool
    fixed: tuple[ItemChange, ...]
    broken: tuple[ItemChange, ...]
    names: tuple[tuple[str, int, int], ...]
    readings: tuple[Reading, ...]
    seed: int


def find_changes(champion: AnswerSheet, candidate: AnswerSheet) -> Changes:
    """What changed from champion to candidate, over the items that both answered."""
    olds, news = champion.by_item(), candidate.by_item()
    shared = [item_id for item_id in olds if item_id in news]
    pairs = [(_said(olds[item_id]), _said(news[item_id])) for item_id in shared]
    both = [pair for pair in pairs if all(pair)]
    items = tuple(_item(*pair) for pair in both)
    graded = any(one.score not in (None, *champion.scale) for one in (*champion.answers, *candidate.answers))
    seed = int(digest_of([champion.identity, candidate.identity]).rpartition(":")[2][:8], 16)
    return Changes(
        champion=champion.name,
        candidate=candidate.name,
        scale=champion.scale,
        items=items,
        only_champion=tuple(item_id for item_id in olds if item_id not in news),
        only_candidate=tuple(item_id for item_id in news if item_id not in olds),
        score=score_change(champion, candidate),
        shifts=_shifts(both),
        wording=fmean(item.difference for item in items) if items else 0.0,
        noise=_noise([old for old, _ in both]),
        graded=graded,
        fixed=tuple(item for item in items if _crossed(item, champion.scale, graded=graded) > 0),
        broken=tuple(item for item in items if _crossed(item, champion.scale, graded=graded) < 0),
        names=_names(both),
        readings=draw_readings(items, seed),
        seed=seed,
    )


def score_change(champion: AnswerSheet, candidate: AnswerSheet) -> MeanDifference | None:
    """Candidate minus champion over the items that both have a score for; None where there are none."""
    olds, news = champion.by_item(), candidate.by_item()
    items = [_scores_of(olds[item_id], news[item_id]) for item_id in olds if item_id in news]
    return _score(items, champion.scale[1] - champion.scale[0])


def _scores_of(olds: Sequence[Answered], news: Sequence[Answered]) -> tuple[float | None, str]:
    """How far an item's mean score moved, and its cluster."""
    old, new = _mean(one.score for one in olds), _mean(one.score for one in news)
    gain = None if old is None or new is None else new - old
    return gain, olds[0].cluster or f" {olds[0].item_id}"


def _said(answers: Sequence[Answered]) -> tuple[Answered, ...]:
    """The answers that are any: what a server never gave has no style."""
    return tuple(answer for answer in answers if answer.text or answer.score is not None)


def _item(olds: Sequence[Answered], news: Sequence[Answered]) -> ItemChange:
    return ItemChange(
        item_id=olds[0].item_id,
        category=olds[0].category,
        champion=_mean(one.score for one in olds),
        candidate=_mean(one.score for one in news),
        difference=fmean(difference_of(old.text, new.text) for old, new in zip(olds, news, strict=False)),
        pair=(olds[0], news[0]),
    )


def _mean(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return fmean(known) if known else None


def _score(items: Iterable[tuple[float | None, str]], width: float) -> MeanDifference | None:
    scored = [(gain, label) for gain, label in items if gain is not None]
    if not scored:
        return None
    gains, labels = [gain for gain, _ in scored], [label for _, label in scored]
    return mean_difference(gains, labels, level=LEVEL, width=width)


def _noise(olds: Sequence[Sequence[Answered]]) -> float | None:
    """How much two answers of one model to one question differ."""
    found = [difference_of(answers[0].text, answers[1].text) for answers in olds if len(answers) >= _LEAST]
    return fmean(found) if found else None


def _crossed(item: ItemChange, scale: tuple[float, float], *, graded: bool) -> int:
    """1 for an item that was mended, -1 for one that broke, 0 else."""
    if item.gain is None or item.champion is None or item.candidate is None:
        return 0
    if graded:
        far = abs(item.gain) >= CLEARLY * (scale[1] - scale[0])
        return (1 if item.gain > 0 else -1) if far else 0
    return (item.candidate >= scale[1]) - (item.champion >= scale[1])


def _shifts(both: Sequence[tuple[Sequence[Answered], Sequence[Answered]]]) -> tuple[Shift, ...]:
    measured = [(trait, _measure(trait, both)) for trait in TRAITS]
    found = [(trait, values, _compare(trait, values)) for trait, values in measured if len(values) >= _LEAST]
    adjusted = benjamini_hochberg([one.p_value for _, _, one in found])
    return tuple(
        _shift(trait, values, one, p_value) for (trait, values, one), p_value in zip(found, adjusted, strict=True)
    )


def _measure(
    trait: Trait, both: Sequence[tuple[Sequence[Answered], Sequence[Answered]]]
) -> list[tuple[float, float, str]]:
    """The trait in both models' answers to each item, and the item's cluster."""
    values = []
    for olds, news in both:
        old, new = (_mean(trait.measure(one.question, one.text) for one in answers) for answers in (olds, news))
        if old is not None and new is not None:
            values.append((old, new, olds[0].cluster or f" {olds[0].item_id}"))
    return values


def _compare(trait: Trait, values: Sequence[tuple[float, float, str]]) -> MeanDifference:
    differences = [new - old for old, new, _ in values]
    # Counts have no scale; twice the largest difference is wide enough to cut off nothing.
    width = 1.0 if trait.kind is Kind.SHARE else 2 * max(map(abs, differences)) or 1.0
    # Clusters that all stayed would leave an interval of no width, as if so many answers showed everything.
    labels = [label for _, _, label in values] if any(differences) else None
    return mean_difference(differences, labels, level=LEVEL, width=width)


def _shift(trait: Trait, values: Sequence[tuple[float, float, str]], found: MeanDifference, p_value: float) -> Shift:
    champion = fmean(old for old, _, _ in values)
    margins = {Kind.SHARE: SAME_SHARE, Kind.RATE: SAME_RATE, Kind.COUNT: SAME_OF_MEAN * champion}
    return Shift(
        trait=trait,
        champion=champion,
        candidate=fmean(new for _, new, _ in values),
        difference=found.mean,
        interval=found.interval,
        p_value=p_value,
        margin=margins[trait.kind],
        n=found.n,
    )


def _names(both: Sequence[tuple[Sequence[Answered], Sequence[Answered]]]) -> tuple[tuple[str, int, int], ...]:
    """Each name that either model gives itself, with the answers in which it does; the commonest first."""
    olds = Counter(name for old, _ in both for one in old for name in set(claimed_names(normalise(one.text))))
    news = Counter(name for _, new in both for one in new for name in set(claimed_names(normalise(one.text))))
    return tuple((name, olds[name], news[name]) for name, _ in (olds + news).most_common())


def draw_readings(items: Sequence[ItemChange], seed: int, each: int = READINGS) -> tuple[Reading, ...]:
    """So many items drawn by chance, and as many of the others that stand out.

    Chance first: whoever reads only what stands out believes that all of it does.
    """
    drawn = random.Random(seed).sample(range(len(items)), min(each, len(items)))  # noqa: S311 - to be drawn again
    chosen = dict.fromkeys(sorted(drawn), "random")
    for place, why in _standing_out(items):
        if len(chosen) >= len(drawn) + each:
            break
        chosen.setdefault(place, f"extreme: {why}")
    return tuple(Reading(label=label, item=items[place]) for place, label in chosen.items())


def _standing_out(items: Sequence[ItemChange]) -> Iterable[tuple[int, str]]:
    """Places of items in turn: the largest falls, the largest gains, and the wordings that differ most."""
    places = range(len(items))
    gains = {place: gain for place in places if (gain := items[place].gain)}
    fell = [(place, "among the largest falls") for place in sorted(gains, key=gains.__getitem__) if gains[place] < 0]
    rose = [
        (place, "among the largest gains")
        for place in sorted(gains, key=gains.__getitem__, reverse=True)
        if gains[place] > 0
    ]
    worded = [
        (place, "worded most differently")
        for place in sorted(places, key=lambda at: items[at].difference, reverse=True)
        if items[place].difference
    ]
    longest = max(map(len, (fell, rose, worded)), default=0)
    return [ranked[at] for at in range(longest) for ranked in (fell, rose, worded) if at < len(ranked)]
