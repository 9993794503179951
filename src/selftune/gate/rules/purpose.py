"""The rule on what the arms were trained for: a cheap look is held against its like (mission B33)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from selftune.gate.rules.enforced import VALIDITY, EnforcedRule
from selftune.gate.rules.validity import untrained
from selftune.records import Check, RunPurpose

if TYPE_CHECKING:
    from selftune.gate.base import Evidence
    from selftune.gate.config import Policy
    from selftune.records import Run


class SamePurpose(EnforcedRule):
    """A probe is held against a probe, and what may serve against what serves."""

    family = "same_purpose"
    consequence = VALIDITY
    settings = ("probe_below",)

    def check(self, evidence: Evidence, policy: Policy) -> Check:
        """Fails when one of the arms is a probe and the other is not, and tells how much each has seen."""
        run, before = evidence.run, evidence.champion_run
        if run is None:
            return untrained(self, evidence.candidate_build)
        if before is None and evidence.champion_build.run_id is not None:
            return self.unmeasured("the run of the champion is not on record")
        old = RunPurpose.PRODUCTION if before is None else before.purpose or RunPurpose.PRODUCTION
        new = purpose_of(run, before, policy.probe_below)
        champion = "what was never trained" if before is None else _budget(before)
        told = f"candidate: {new.value}, {_budget(run)}; champion: {old.value}, {champion}"
        return self.passed(told) if new is old else self.failed(f"a probe is comparable with probes only ({told})")


def purpose_of(run: Run, champion: Run | None, probe_below: float) -> RunPurpose:
    """What a run was for: as its recipe states; else a probe where it saw less than this share of the champion's."""
    if run.purpose:
        return run.purpose
    short = champion is not None and run.lessons_seen < probe_below * champion.lessons_seen
    return RunPurpose.PROBE if short else RunPurpose.PRODUCTION


def _budget(run: Run) -> str:
    return f"{run.steps} steps over {run.lessons_seen:,} lessons"
