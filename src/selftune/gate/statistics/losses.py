"""Losses beside gains of units that hold or don't, exactly, and over several groups at once. Standard library only."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


def chance_of_losses(gained: int, lost: int) -> float:
    """One-sided p-value of "a unit that changes is as likely gained as lost": so many lost or more of those changed.

    Source:
        Q. McNemar, "Note on the sampling error of the difference between correlated proportions or percentages",
        Psychometrika 12 (1947), 153-157, in its exact form, which is the sign test of the units that changed.

    Raises:
        ValueError: a count lies below 0.
    """
    if min(gained, lost) < 0:
        raise ValueError(f"{gained} gained and {lost} lost are no counts")
    ways, above = 1, 0
    changed = gained + lost
    # Of k gained among those that changed; the fewer were gained, the more were lost.
    for k in range(gained + 1):
        above += ways
        ways = ways * (changed - k) // (k + 1)
    return above / (1 << changed)


def shared_alpha(changed: Sequence[int], alpha: float) -> float:
    """What each group's `chance_of_losses` may be at most, so that some group errs in a share alpha of cases at most.

    Where few units of a group changed, even the loss of all of them could not be shown: such a group can't err, and the
    others need not share alpha with it. With k groups that could, each has alpha / k.

    Source:
        R. E. Tarone, "A modified Bonferroni method for discrete data", Biometrics 46 (1990), 515-522.
    """
    return next(
        alpha / shares for shares in count(1) if sum(0.5**units <= alpha / shares for units in changed) <= shares
    )


def fewest_to_show(alpha: float) -> int:
    """Units that must be lost, with none gained, for a loss to be shown at this alpha where nothing else changed."""
    return next(units for units in count(1) if chance_of_losses(0, units) <= alpha)
