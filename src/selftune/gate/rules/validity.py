"""Rules on the measurement: when one of these does not pass, nothing can be said about the candidate at all."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from selftune.gate.rules.enforced import VALIDITY, EnforcedRule
from selftune.records import BuildOrigin, Check, CheckStatus, RunStatus, digest_of

if TYPE_CHECKING:
    from selftune.gate.base import Evidence
    from selftune.gate.config import Policy
    from selftune.records import Build, Evaluation, Suite

NO_CANDIDATE: Final = "there is no candidate to measure"
_NAMED: Final = 5


class RunFinished(EnforcedRule):
    """The run that made the candidate went to its end."""

    family = "run_finished"
    consequence = VALIDITY
    required = True

    def check(self, evidence: Evidence, policy: Policy) -> Check:
        """Passes a finished run, and a candidate that needed none."""
        del policy
        run = evidence.run
        if run is None:
            return untrained(self, evidence.candidate_build)
        if run.status is RunStatus.FINISHED:
            return self.passed(f"finished {run.steps} of {run.planned_steps} steps")
        why = f": {run.reason}" if run.reason else ""
        return self.failed(f"{run.status.value.replace('_', ' ')} after {run.steps} of {run.planned_steps} steps{why}")


class WeightsChanged(EnforcedRule):
    """The run changed the weights."""

    family = "weights_changed"
    consequence = VALIDITY
    required = True

    def check(self, evidence: Evidence, policy: Policy) -> Check:
        """Passes when the adapted matrices moved at all."""
        del policy
        run = evidence.run
        if run is None:
            return untrained(self, evidence.candidate_build)
        if run.mean_abs_delta is None:
            return self.unmeasured("the run did not measure how far its weights moved")
        if run.mean_abs_delta <= 0:
            return self.failed("trained nothing: no adapted weight moved")
        return self.passed(f"adapted weights moved by {run.mean_abs_delta:.2g} on average")


def untrained(rule: EnforcedRule, build: Build | None) -> Check:
    """What a rule on training says where no run is at hand: a candidate that is itself one run's is not measured."""
    if build is None or build.origin is BuildOrigin.RUN:
        return rule.unmeasured("there is no run on record for this candidate")
    return rule.passed(f"no training stands behind this build (origin: {build.origin.value})")


class EvaluationsComplete(EnforcedRule):
    """Both arms were scored on every item, but for the share that the policy allows."""

    family = "evaluations_complete"
    consequence = VALIDITY
    settings = ("max_unscored",)
    required = True

    def check(self, evidence: Evidence, policy: Policy) -> Check:
        """Fails when too many items of an arm are missing or unscored, and names some of them."""
        if evidence.candidate is None:
            return self.unmeasured(NO_CANDIDATE)
        arms = (("champion", evidence.champion), ("candidate", evidence.candidate))
        gaps = [(arm, _gaps(evaluation, evidence.suite)) for arm, evaluation in arms]
        expected = len(evidence.suite.items) * max(1, len(evidence.champion.seeds))
        worst = max(len(named) for _, named in gaps) / expected
        told = "; ".join(f"{arm} {len(named)} of {expected}{_some(named)}" for arm, named in gaps)
        return Check(
            name=self.name,
            status=CheckStatus.PASS if worst <= policy.max_unscored else CheckStatus.FAIL,
            detail=f"unscored: {told}",
            measured=worst,
            threshold=policy.max_unscored,
            n=expected,
        )


def _gaps(evaluation: Evaluation, suite: Suite) -> list[str]:
    scored = {(one.item_id, one.repeat) for one in evaluation.outcomes if one.score is not None}
    repeats = range(max(1, len(evaluation.seeds)))
    return [item.id for item in suite.items for repeat in repeats if (item.id, repeat) not in scored]


def _some(named: list[str]) -> str:
    if not named:
        return ""
    more = f" and {len(named) - _NAMED} more" if len(named) > _NAMED else ""
    return f" ({', '.join(named[:_NAMED])}{more})"


class SameConditions(EnforcedRule):
    """Both arms answered the same suite with the same seeds and parameters, and were graded by the same scorer."""

    family = "same_conditions"
    consequence = VALIDITY
    required = True

    def check(self, evidence: Evidence, policy: Policy) -> Check:
        """Fails when anything but the build differs between the arms, and names it."""
        del policy
        if evidence.candidate is None:
            return self.unmeasured(NO_CANDIDATE)
        old, new = _conditions(evidence.champion), _conditions(evidence.candidate)
        differing = [name for name in old if old[name] != new[name]]
        if digest_of(evidence.suite) != evidence.champion.suite_digest:
            differing.append("the suite and the one it was asked from")
        if _on_another_base(evidence):
            differing.append("the base: each base has a champion of its own")
        if differing:
            return self.failed(f"the arms differ in {', '.join(differing)}")
        return self.passed(f"equal in {', '.join(old)}{_unrepeatable(evidence)}")


def _unrepeatable(evidence: Evidence) -> str:
    """A warning where a server that was asked twice at temperature 0 gave two answers; empty where none did."""
    arms = (("champion", evidence.champion), ("candidate", evidence.candidate))
    shaky = [name for name, arm in arms if arm is not None and arm.deterministic is False]
    if not shaky:
        return ""
    return (
        f"; beware: asked the same twice at temperature 0, the server of {' and '.join(shaky)} gave two answers, so "
        "the same evaluation gives other figures the next time"
    )


def _on_another_base(evidence: Evidence) -> bool:
    """Whether something was trained on one base and is held against what stands on another (mission F6)."""
    build = evidence.candidate_build
    trained = build is not None and build.origin is BuildOrigin.RUN
    return trained and build is not None and build.base_digest != evidence.champion_build.base_digest


def _conditions(arm: Evaluation) -> dict[str, object]:
    return {
        "suite": (arm.suite, arm.suite_digest),
        "generation parameters": arm.generation,
        "seeds": arm.seeds,
        "scorer": (arm.scorer, arm.scorer_lineage),
        "server": arm.proof.server,
        "slots": arm.proof.slots,
    }


class ArmsDiffer(EnforcedRule):
    """The arms were answered by different models."""

    family = "arms_differ"
    consequence = VALIDITY
    required = True

    def check(self, evidence: Evidence, policy: Policy) -> Check:
        """Fails when both servers showed the same weights; a prompt build may, as long as it is another build."""
        del policy
        if evidence.candidate is None or evidence.candidate_build is None:
            return self.unmeasured(NO_CANDIDATE)
        old, new = evidence.champion, evidence.candidate
        if old.build_digest == new.build_digest:
            return self.failed("both arms are the same build")
        same_files = (old.proof.model_digest, old.proof.adapter_digest) == (
            new.proof.model_digest,
            new.proof.adapter_digest,
        )
        if evidence.candidate_build.origin is BuildOrigin.PROMPT:
            return self.passed(
                "another prompt on the same weights" if same_files else "another prompt on other weights"
            )
        if same_files or old.proof.fingerprint == new.proof.fingerprint:
            return self.failed("both arms answered with the same weights")
        return self.passed("the servers showed different weights")


class ProofsMatch(EnforcedRule):
    """Each server proved to hold the build that its arm stands for."""

    family = "proofs_match"
    consequence = VALIDITY
    required = True

    def check(self, evidence: Evidence, policy: Policy) -> Check:
        """Fails when an arm was answered by other weights than its build's, or the build is not the run's."""
        del policy
        if evidence.candidate is None or evidence.candidate_build is None:
            return self.unmeasured(NO_CANDIDATE)
        faults = [
            *_faults("champion", evidence.champion, evidence.champion_build),
            *_faults("candidate", evidence.candidate, evidence.candidate_build),
        ]
        if evidence.run is not None and evidence.candidate_build.run_id != evidence.run.id:
            faults.append("the candidate was not built from this run")
        return self.failed("; ".join(faults)) if faults else self.passed("each server showed its own build's files")


def _faults(arm: str, evaluation: Evaluation, build: Build) -> list[str]:
    model, adapter = build.file("model.gguf"), build.file("adapter.gguf")
    faults = []
    if (evaluation.build_id, evaluation.build_digest) != (build.id, build.digest):
        faults.append(f"the {arm}'s evaluation is of another build")
    if model is None or evaluation.proof.model_digest != model.digest:
        faults.append(f"the {arm}'s server showed other weights than its build holds")
    if evaluation.proof.adapter_digest != (adapter.digest if adapter else None):
        faults.append(f"the {arm}'s server showed another adapter than its build holds")
    return faults


class GuardedPresent(EnforcedRule):
    """Every category that the policy guards or sets a floor for is in the suite."""

    family = "guarded_present"
    consequence = VALIDITY
    required = True

    def check(self, evidence: Evidence, policy: Policy) -> Check:
        """Fails for a category that nothing measures, and names it."""
        for place, seen in enumerate(evidence.on_each_suite()):
            missing = missing_categories(policy, seen.suite, decides=place == 0)
            if missing:
                return self.failed(f"suite {seen.suite.name!r} has no item in {', '.join(missing)}")
        named = policy.guarded_among(evidence.suite.categories)
        return self.passed(f"guarded and measured: {', '.join(named) or 'none'}")


def missing_categories(policy: Policy, suite: Suite, *, decides: bool = True) -> tuple[str, ...]:
    """Categories that the policy names, of the suite that decides or of this one, and no item belongs to."""
    measured = {item.category for item in suite.items}
    demand = policy.demand_on(suite.name)
    floors = (*(policy.floors if decides else ()), *demand.floors)
    guarded = policy.guarded_among(suite.categories) if decides else ()
    together = (category for _, one in demand.sets for category in one.categories)
    wanted = dict.fromkeys((*guarded, *(category for category, _ in floors), *together))
    return tuple(category for category in wanted if category not in measured)
