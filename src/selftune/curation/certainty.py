"""How sure it is that an answer is golden, from several scores of it (mission A16, after CLEAR).

A score is the true one plus a judge's noise; how large that noise is can be read off the answers that were scored more
than once. What is likely of an answer then depends on all of them: one that scored far above the others is, on average,
not that good (empirical Bayes; Morris, "Parametric empirical Bayes inference", JASA 78, 1983). Chen and Mueller
("Automated data curation for robust language model fine-tuning", ACL 2024) filter by a confidence of another make and
have a model correct what is in doubt; here it goes to a person.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist, fmean, pvariance
from typing import TYPE_CHECKING

from selftune.curation.confidence import PENDING, verdict_on
from selftune.curation.facts import facts_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from selftune.curation.base import Pair
    from selftune.curation.rejects import Rejects


@dataclass(frozen=True, kw_only=True)
class Crowd:
    """What is known of all answers together: mean and variance of the true scores, and variance of the noise."""

    mean: float
    variance: float
    noise: float


@dataclass(frozen=True, kw_only=True)
class Sorted:
    """Names of the answers by what is sure of them: golden, not golden, or a person must look."""

    golden: tuple[str, ...]
    not_golden: tuple[str, ...]
    doubtful: tuple[str, ...]


def learn_crowd(scores: Mapping[str, Sequence[float]], noise_sd: float | None = None) -> Crowd | None:
    """The crowd that these answers are drawn from; None where no noise is known: no answer was scored twice.

    Args:
        scores: The scores of each answer, at least one.
        noise_sd: Standard deviation of the noise, where it was measured elsewhere (test-retest).
    """
    noise = pooled_noise(scores) if noise_sd is None else noise_sd**2
    if noise is None or not scores:
        return None
    means = [fmean(values) for values in scores.values()]
    of_noise = fmean(noise / len(values) for values in scores.values())
    return Crowd(mean=fmean(means), variance=max(0.0, pvariance(means) - of_noise), noise=noise)


def pooled_noise(scores: Mapping[str, Sequence[float]]) -> float | None:
    """The variance of scores of one answer, pooled over all that were scored more than once; None without any."""
    freedom = sum(len(values) - 1 for values in scores.values())
    if freedom < 1:
        return None
    return math.fsum((value - fmean(values)) ** 2 for values in scores.values() for value in values) / freedom


def golden_probability(values: Sequence[float], crowd: Crowd, threshold: float) -> float:
    """How likely the true score is at or above the threshold, given these scores and the crowd."""
    noise = crowd.noise / len(values)
    whole = crowd.variance + noise
    weight = crowd.variance / whole if whole else 1.0
    centre = crowd.mean + weight * (fmean(values) - crowd.mean)
    spread = math.sqrt(weight * noise)
    return float(centre >= threshold) if spread == 0 else 1 - NormalDist(centre, spread).cdf(threshold)


def sort_by_certainty(
    scores: Mapping[str, Sequence[float]], crowd: Crowd, threshold: float, *, sure: float = 0.8
) -> Sorted:
    """Every answer by how sure it is: golden from a probability of `sure` on, not golden up to one less `sure`."""
    likely = {name: golden_probability(values, crowd, threshold) for name, values in scores.items()}
    golden = tuple(name for name, found in likely.items() if found >= sure)
    below = tuple(name for name, found in likely.items() if found <= 1 - sure)
    settled = {*golden, *below}
    return Sorted(golden=golden, not_golden=below, doubtful=tuple(name for name in likely if name not in settled))


def set_aside_unsure(pairs: Sequence[Pair], threshold: float, sure: float, rejects: Rejects) -> tuple[Pair, ...]:
    """Pairs without those whose golden score may well be the judges' noise: a person must look at them.

    What a person judged or corrected needs no second look, what is below the threshold is not golden anyhow, and where
    nothing was judged twice nobody knows the noise; all of these pass.
    """
    if sure == 0:
        return tuple(pairs)
    verdicts = [(pair, verdict_on(pair)) for pair in pairs]
    scores = {
        pair.key.interaction_id: [overall for _, overall in verdict.voices]
        for pair, verdict in verdicts
        if verdict.voices and not verdict.by_person
    }
    crowd = learn_crowd(scores)
    kept = []
    for pair, verdict in verdicts:
        values = scores.get(pair.key.interaction_id)
        looks_golden = verdict.overall is not None and verdict.overall >= threshold
        likely = 1.0
        if crowd and values and looks_golden and not facts_of(pair).corrected:
            likely = golden_probability(values, crowd, threshold)
        if likely >= sure:
            kept.append(pair)
        else:
            rejects.add(
                pair, f"{PENDING}: needs a person, golden with a chance of {likely:.0%}, and {sure:.0%} are asked"
            )
    return tuple(kept)
