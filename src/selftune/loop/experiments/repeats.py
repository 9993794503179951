"""How often a screen is asked: as often as the noise of the baseline against itself makes necessary, and time allows.

Where answers are drawn, single prompts swing by 3 to 8 points of a judge's scale from one time to the next (mission
B36), so that what looks like the effect of a recipe may be that of the draw.
"""

from __future__ import annotations

from math import ceil, sqrt
from statistics import NormalDist
from typing import TYPE_CHECKING, Final

from selftune.gate.statistics.noise import noise_of_repeats
from selftune.scoring.units import unit_scores

if TYPE_CHECKING:
    from collections.abc import Sequence

    from selftune.gate.statistics.noise import Noise
    from selftune.records import Evaluation, Suite

FEWEST: Final = 2
"""Without two there is nothing to see noise by."""

MOST: Final = 3


def is_drawn(evaluation: Evaluation) -> bool:
    """Whether the same model would answer otherwise the next time: by temperature, or because its server does."""
    return evaluation.generation.temperature > 0 or evaluation.deterministic is False


def affordable_repeats(evaluation: Evaluation, training_seconds: float) -> int:
    """How often may be asked without that taking longer than the training: from 1 to `MOST`."""
    once = evaluation.wall_seconds / max(1, len(evaluation.seeds))
    return max(1, min(MOST, int(training_seconds / once))) if once else MOST


def repeats_needed(noise: Noise, least_gain: float, sure: float) -> int:
    """How often both arms must be asked for the draw alone to feign the least gain no more often than may be.

    From 1 to `MOST`. Each repeat more takes the variance of a mean down by as much, and there are two arms.
    """
    reach = NormalDist().inv_cdf(sure) * sqrt(2) * noise.deviation
    return min(MOST, max(1, ceil((reach / least_gain) ** 2))) if least_gain > 0 else MOST


def noise_on(evaluation: Evaluation, suite: Suite) -> Noise | None:
    """How far the mean moves from one repeat to the next; None where fewer than two can be compared."""
    rounds = [_by_unit(evaluation, suite, repeat) for repeat in range(len(evaluation.seeds))]
    common = [key for key in rounds[0] if all(one.get(key) is not None for one in rounds)] if rounds else []
    if len(rounds) < FEWEST or not common:
        return None
    repeated: Sequence[Sequence[float]] = [
        [score for one in rounds if (score := one[key]) is not None] for key in common
    ]
    return noise_of_repeats(repeated)


def _by_unit(evaluation: Evaluation, suite: Suite, repeat: int) -> dict[str, float | None]:
    outcomes = (one for one in evaluation.outcomes if one.repeat == repeat)
    return {unit.key: unit.value for unit in unit_scores(outcomes, suite.unit)}
