"""Rules of promotion as they are described where they are used; each docstring is the description."""

from __future__ import annotations

from collections import defaultdict
from statistics import fmean
from typing import TYPE_CHECKING, Final

from gatebench.rule import AddsTwoHundredths, as_zeros

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gatebench.rule import Night, Rule, Scores

_DROP: Final = 0.05
_RESAMPLES: Final = 1_000
_LOW: Final = 0.025
_ASKS: Final = 3


class BetterWithoutADrop:
    """The candidate's mean is above the champion's, and no category's mean is lower by more than 0.05."""

    title = "strictly better, no category drops 0.05"

    def promotes(self, night: Night) -> bool:
        """By the means alone."""
        parts: dict[str, list[float]] = defaultdict(list)
        for item, difference in zip(night.items, _differences(night.champion, night.candidate), strict=True):
            parts[item.category].append(difference)
        better = fmean(difference for part in parts.values() for difference in part) > 0
        return better and all(fmean(part) >= -_DROP for part in parts.values())


class BootstrapBound:
    """The lower bound of the 95 % percentile bootstrap interval of the mean paired difference is above zero."""

    title = "bootstrap bound above zero"

    def promotes(self, night: Night) -> bool:
        """By 1,000 resamples of the items."""
        import numpy as np

        differences = np.asarray(_differences(night.champion, night.candidate))
        draw = np.random.default_rng(0)
        means = differences[draw.integers(0, len(differences), (_RESAMPLES, len(differences)))].mean(axis=1)
        return bool(np.quantile(means, _LOW) > 0)


class ThreeAsksAgree:
    """The exam is given three times, and the candidate's mean is above the champion's every time."""

    title = "better in three asks of three"

    def promotes(self, night: Night) -> bool:
        """Stops asking at the first time that says no."""
        sheets = (night.champion, night.candidate)
        for ask in range(_ASKS):
            champion, candidate = night.ask_again() if ask else sheets
            if fmean(_differences(champion, candidate)) <= 0:
                return False
        return True


def _differences(champion: Scores, candidate: Scores) -> list[float]:
    return [new - old for old, new in zip(as_zeros(champion), as_zeros(candidate), strict=True)]


def baselines() -> Iterable[Rule]:
    """The rules that ours is held against."""
    return (AddsTwoHundredths(), BetterWithoutADrop(), BootstrapBound(), ThreeAsksAgree())
