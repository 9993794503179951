"""Which items both arms have, and by how much each moved."""

from __future__ import annotations

from array import array
from dataclasses import dataclass
from operator import sub
from statistics import median
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

    from selftune.records.scores import ScoreSheet

_ROUNDING: Final = 1e-9
_ROUND_SCALES: Final = ((0.0, 1.0), (0.0, 10.0), (0.0, 100.0))
# Shares against points, and marks of 10 against percentages, are the two that get mixed.
_ENDS: Final = (1.0, 10.0)


@dataclass(frozen=True, kw_only=True)
class Paired:
    """The items that both arms have a score for, in the champion's order.

    Attributes:
        places: Where they stand in the champion's sheet.
        labels: What each item is clustered by; None when no item is.
        common: How many items stand in both files and were asked alike, scored or not.
        alone: Items that stand in one arm's file only.
        asked_otherwise: Items whose id stands in both files with another question: they are no pair.
    """

    places: Sequence[int]
    champion: Sequence[float]
    candidate: Sequence[float]
    differences: Sequence[float]
    labels: tuple[str, ...] | None
    common: int
    alone: tuple[str, ...]
    asked_otherwise: tuple[str, ...]


def pair(champion: ScoreSheet, candidate: ScoreSheet) -> Paired:
    """Pair the items by id; an id under which something else was asked is no pair."""
    places, olds, news, common = array("L"), array("d"), array("d"), 0
    alone: list[str] = []
    otherwise: list[str] = []
    asked = champion.has_questions and candidate.has_questions
    theirs, old_scores, new_scores = candidate.items, champion.by_place(), candidate.by_place()
    for item, place in champion.items.items():
        other = theirs.get(item)
        if other is None:
            alone.append(item)
            continue
        if asked and _differ(champion.question_at(place), candidate.question_at(other)):
            otherwise.append(item)
            continue
        common += 1
        old, new = old_scores[place], new_scores[other]
        if old is not None and new is not None:
            places.append(place)
            olds.append(old)
            news.append(new)
    if common + len(otherwise) < len(theirs):
        alone += [item for item in theirs if item not in champion.items]
    return Paired(
        places=places,
        champion=olds,
        candidate=news,
        differences=array("d", map(sub, news, olds)),
        labels=_clusters(champion, places),
        common=common,
        alone=tuple(alone),
        asked_otherwise=tuple(otherwise),
    )


def _differ(one: int | None, other: int | None) -> bool:
    return one is not None and other is not None and one != other


def _clusters(champion: ScoreSheet, places: Sequence[int]) -> tuple[str, ...] | None:
    """Each item's cluster; one without is a cluster by itself, whose name meets no other's for its space in front."""
    if not champion.has("cluster"):
        return None
    names = champion.labels("cluster")
    return tuple(names[place] or f" {place}" for place in places)


def scale_of(champion: ScoreSheet, candidate: ScoreSheet) -> tuple[float, float]:
    """The scale that the files name, else the least usual one that holds every score of both arms.

    Raises:
        MixedScalesError: the two arms do not seem to be on one scale.
    """
    named = {sheet.facts.scale for sheet in (champion, candidate)} - {None}
    if len(named) > 1:
        raise MixedScalesError("the files name different scales")
    if named:
        return next(scale for scale in named if scale)
    arms = [(sheet, found) for sheet in (champion, candidate) if (found := sheet.extremes())]
    if not arms:
        return 0.0, 1.0
    for (_, own), (other, theirs) in (arms, arms[::-1]) if len(arms) > 1 else ():
        for end in _ENDS:
            if own[0] >= 0 and own[1] <= end < theirs[1] and median(other.scores()) > end:
                raise MixedScalesError(f"one arm's scores end at {own[1]:g}, half of the other's lie above {end:g}")
    low, high = min(own[0] for _, own in arms), max(own[1] for _, own in arms)
    for scale in _ROUND_SCALES:
        if scale[0] <= low and high <= scale[1]:
            return scale
    return (low, high) if low < 0 else (0.0, high)


def refuse_outside(scale: tuple[float, float], *sheets: ScoreSheet) -> None:
    """Hold every score against the scale.

    Raises:
        ValueError: a score lies outside.
    """
    for sheet in sheets:
        for score in sheet.extremes() or ():
            if not scale[0] - _ROUNDING <= score <= scale[1] + _ROUNDING:
                raise ValueError(f"{sheet.facts.name} has a score of {score:g}, outside {scale[0]:g} to {scale[1]:g}")


class MixedScalesError(ValueError):
    """The arms were not scored on one scale."""
