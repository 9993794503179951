"""The rule on the spread over generation seeds: one lucky draw is no gain (mission C21)."""

from __future__ import annotations

from collections import defaultdict
from statistics import fmean
from typing import TYPE_CHECKING

from selftune.gate.rules.enforced import HARM_SHOWN, EnforcedRule
from selftune.gate.rules.validity import NO_CANDIDATE
from selftune.gate.statistics.noise import noise_of_trainings
from selftune.records import Check, CheckStatus
from selftune.scoring.units import unit_scores

if TYPE_CHECKING:
    from selftune.gate.base import Evidence
    from selftune.gate.config import Policy
    from selftune.records import Evaluation

_TWO = 2


class SeedSpread(EnforcedRule):
    """The candidate's mean does not hang on the seed: its spread over generation seeds stays below the limit."""

    family = "seed_spread"
    consequence = HARM_SHOWN
    settings = ("most_spread", "least_seeds")

    def check(self, evidence: Evidence, policy: Policy) -> Check:
        """Fails at the limit or above; greedy answers have no spread, and too few seeds measure none."""
        if evidence.candidate is None:
            return self.unmeasured(NO_CANDIDATE)
        if evidence.candidate.generation.temperature == 0:
            return self.passed("answers are drawn greedily: one seed is as good as any")
        means = means_by_seed(evidence.candidate, evidence.suite.unit)
        if len(means) < max(_TWO, policy.least_seeds):
            return self.unmeasured(f"answers were drawn with {len(means)} seeds, {policy.least_seeds} are needed")
        noise = noise_of_trainings(means, level=policy.level)
        return Check(
            name=self.name,
            status=CheckStatus.PASS if noise.deviation < policy.most_spread else CheckStatus.FAIL,
            detail=f"the mean over {len(means)} seeds has a standard deviation of {noise.deviation:.3f}, "
            f"from {min(means):.3f} to {max(means):.3f}; one run of an equal arm may differ by {noise.floor:.3f}",
            measured=noise.deviation,
            threshold=policy.most_spread,
            interval=noise.interval,
            n=len(means),
        )


def means_by_seed(evaluation: Evaluation, unit: str) -> tuple[float, ...]:
    """The mean over the scored units, for each seed that has any."""
    drawn = defaultdict(list)
    for outcome in evaluation.outcomes:
        drawn[outcome.repeat].append(outcome)
    scored = [
        [one.value for one in unit_scores(outcomes, unit) if one.value is not None] for outcomes in drawn.values()
    ]
    return tuple(fmean(values) for values in scored if values)
