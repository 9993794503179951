"""The rule on further seeds of the training: what one seed gained and the others did not is luck (mission C21)."""

from __future__ import annotations

import math
from dataclasses import replace
from statistics import fmean
from typing import TYPE_CHECKING

from selftune.gate.comparison import compare
from selftune.gate.rules.enforced import MUST_BE_SHOWN, EnforcedRule
from selftune.gate.rules.validity import (
    NO_CANDIDATE,
    EvaluationsComplete,
    ProofsMatch,
    RunFinished,
    SameConditions,
    WeightsChanged,
    untrained,
)
from selftune.gate.statistics.noise import noise_of_trainings
from selftune.gate.statistics.student import t_quantile
from selftune.records import Check, CheckStatus

if TYPE_CHECKING:
    from collections.abc import Sequence

    from selftune.gate.base import Evidence, Training
    from selftune.gate.config import Policy
    from selftune.gate.statistics.noise import Noise


class TrainingSpread(EnforcedRule):
    """Trained anew under other seeds the recipe gains again, and its means spread less than the limit."""

    family = "training_spread"
    consequence = MUST_BE_SHOWN
    settings = ("training_seeds",)

    @classmethod
    def needed(cls, policy: Policy, evidence: Evidence) -> tuple[EnforcedRule, ...]:
        """Itself where the policy asks for more than one training."""
        del evidence
        return (cls(),) if policy.training_seeds > 1 else ()

    def check(self, evidence: Evidence, policy: Policy) -> Check:
        """Fails at the limit or above; below it, not shown unless the gain over all seeds is clear of their spread.

        Whoever is released is the first seed, named before any was trained. The best of several would be a lucky one:
        its lead over the others is noise that the next training does not repeat.
        """
        if evidence.candidate is None:
            return self.unmeasured(NO_CANDIDATE)
        if evidence.run is None:
            return untrained(self, evidence.candidate_build)
        fault = next((told for told in (_fault(one, evidence, policy) for one in evidence.trainings) if told), None)
        if fault is not None:
            return self.unmeasured(fault)
        gains = gains_by_seed(evidence)
        if len(gains) < policy.training_seeds:
            return self.unmeasured(f"trained under {len(gains)} of {policy.training_seeds} seeds")
        if _repeats_itself(evidence):
            return self.unmeasured("two of the trainings had one seed, or left the same weights")
        noise = noise_of_trainings(gains, level=policy.level)
        low, high = interval_of_recipe(gains, noise, policy.level)
        status = CheckStatus.PASS if low > 0 else CheckStatus.NOT_SHOWN
        return Check(
            name=self.name,
            status=status if noise.deviation < policy.most_spread else CheckStatus.FAIL,
            detail=f"the mean over {len(gains)} training seeds has a standard deviation of {noise.deviation:.3f}, the "
            f"gain is {', '.join(f'{gain:+.3f}' for gain in gains)}, over all of them {fmean(gains):+.3f} "
            f"[{low:+.3f}, {high:+.3f}]; two equal trainings may differ by {noise.floor:.3f}",
            measured=noise.deviation,
            threshold=policy.most_spread,
            interval=noise.interval,
            n=len(gains),
        )


def gains_by_seed(evidence: Evidence) -> tuple[float, ...]:
    """The mean paired gain over the champion of each training that was evaluated, the candidate's first."""
    arms = (evidence.candidate, *(one.evaluation for one in evidence.trainings))
    compared = (compare(replace(evidence, candidate=arm)).differences for arm in arms if arm is not None)
    return tuple(fmean(differences) for differences in compared if differences)


def interval_of_recipe(gains: Sequence[float], noise: Noise, level: float) -> tuple[float, float]:
    """[low, high] of what the recipe gains, whatever the seed: Student's interval over the trainings.

    The items are the same for all of them, so it says nothing of other items; the rule on the gain does.
    """
    mean, half = fmean(gains), t_quantile(level, noise.freedom) * noise.deviation / math.sqrt(noise.runs)
    return mean - half, mean + half


def _fault(one: Training, evidence: Evidence, policy: Policy) -> str | None:
    """Why a further training can't stand beside the candidate's; None where it can."""
    run, first = one.run, evidence.run
    if first is None or (run.recipe_digest, run.dataset_id, run.base_digest) != (
        first.recipe_digest,
        first.dataset_id,
        first.base_digest,
    ):
        return f"seed {run.seed} was trained by another recipe, from other lessons or on another base"
    seen = replace(evidence, run=run, candidate=one.evaluation, candidate_build=one.build)
    rules = (RunFinished(), WeightsChanged(), EvaluationsComplete(), ProofsMatch(), SameConditions())
    checks = (rule.check(seen, policy) for rule in rules)
    told = next((check for check in checks if check.status is not CheckStatus.PASS), None)
    return None if told is None else f"seed {run.seed}: {told.detail}"


def _repeats_itself(evidence: Evidence) -> bool:
    runs = [run for run in (evidence.run, *(one.run for one in evidence.trainings)) if run is not None]
    arms = (evidence.candidate, *(one.evaluation for one in evidence.trainings))
    weights = [(arm.proof.model_digest, arm.proof.adapter_digest) for arm in arms if arm is not None]
    return len({run.seed for run in runs}) < len(runs) or len(set(weights)) < len(weights)
