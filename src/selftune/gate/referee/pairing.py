"""Which items both arms have, and by how much each moved."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from selftune.records.scores import ScoreSheet

_ROUND_SCALES: Final = ((0.0, 1.0), (0.0, 10.0), (0.0, 100.0))


@dataclass(frozen=True, kw_only=True)
class Paired:
    """Differences, candidate minus champion, of the items that both arms have a score for.

    Attributes:
        labels: What each item is clustered by; None when no item is.
        alone: Items that stand in one arm's file only.
    """

    items: tuple[str, ...]
    differences: tuple[float, ...]
    labels: tuple[str, ...] | None
    alone: tuple[str, ...]


def pair(champion: ScoreSheet, candidate: ScoreSheet) -> Paired:
    """Pair the items by id, in the champion's order."""
    items, differences = [], []
    for item, score in champion.scored():
        other = candidate.score(item)
        if other is not None:
            items.append(item)
            differences.append(other - score)
    alone = [item for item in champion.items if item not in candidate.items]
    alone += [item for item in candidate.items if item not in champion.items]
    labels = None
    if champion.has("cluster"):
        # An item without a cluster is one by itself; a space in front keeps it from meeting a cluster's name.
        labels = tuple(champion.label("cluster", item) or f" {item}" for item in items)
    return Paired(items=tuple(items), differences=tuple(differences), labels=labels, alone=tuple(alone))


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
    arms = [sorted(sheet.scores()) for sheet in (champion, candidate)]
    arms = [arm for arm in arms if arm]
    if not arms:
        return 0.0, 1.0
    for one, other in (arms, arms[::-1]) if len(arms) > 1 else ():
        if one[-1] <= 1 < other[len(other) // 2] and one[0] >= 0:
            raise MixedScalesError(f"one arm's scores end at {one[-1]:g}, half of the other's lie above 1")
    low, high = min(arm[0] for arm in arms), max(arm[-1] for arm in arms)
    for scale in _ROUND_SCALES:
        if scale[0] <= low and high <= scale[1]:
            return scale
    return (low, high) if low < 0 else (0.0, high)


class MixedScalesError(ValueError):
    """The arms were not scored on one scale."""
