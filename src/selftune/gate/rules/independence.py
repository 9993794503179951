"""The rule on who grades whom."""

from __future__ import annotations

from typing import TYPE_CHECKING

from selftune.gate.rules.enforced import DOUBT, EnforcedRule
from selftune.gate.rules.validity import NO_CANDIDATE
from selftune.records import Build, BuildOrigin, Check, CheckStatus

if TYPE_CHECKING:
    from selftune.gate.base import Evidence
    from selftune.gate.config import Policy


class Independence(EnforcedRule):
    """Who selected the training data does not grade the result, and no model grades its own lineage."""

    family = "independence"
    consequence = DOUBT
    settings = ("independence",)
    yields_to_picks = frozenset({CheckStatus.FAIL})

    def check(self, evidence: Evidence, policy: Policy) -> Check:
        """Fails when judge, scorer and candidate share a model; deterministic checks are exempt, and it says so."""
        if evidence.candidate is None or evidence.candidate_build is None:
            return self.unmeasured(NO_CANDIDATE)
        judge = evidence.judge
        graded = [seen.candidate for seen in evidence.on_each_suite() if seen.candidate is not None]
        if judge is None and evidence.candidate_build.origin is BuildOrigin.RUN:
            return self.unmeasured("it is not on record who selected the training data")
        selecting = frozenset(judge.lineage if judge else ())
        grading = frozenset(name for one in graded for name in one.scorer_lineage)
        own = _lineage(evidence)
        shared = sorted((selecting & grading) | (selecting & own) | (grading & own))
        if shared:
            return self._dependent(", ".join(shared), policy)
        scorers = ", ".join(repr(name) for name in dict.fromkeys(one.scorer for one in graded))
        return self.passed(_told(judge.name if judge else None, scorers, code=not (selecting or grading)))

    def _dependent(self, shared: str, policy: Policy) -> Check:
        told = f"{shared} stands on both sides: it selected the data, grades the result, or is the model itself"
        if policy.independence == "reported":
            return Check(name=self.name, status=CheckStatus.NOT_SHOWN, detail=f"{told} (allowed by the policy)")
        return self.failed(told)


def _lineage(evidence: Evidence) -> frozenset[str]:
    builds: list[Build] = [build for build in (evidence.candidate_build, evidence.champion_build) if build is not None]
    names = [name for build in builds for name in (build.id, build.digest, build.base_digest, build.run_id)]
    files = [file.digest for build in builds for file in build.files]
    return frozenset(name for name in (*names, *files) if name is not None)


def _told(judge: str | None, scorers: str, *, code: bool) -> str:
    if judge is None:
        return f"no judge selected training data; graded by {scorers}"
    if code:
        return (
            f"selected by {judge!r} and graded by {scorers}, all code: shared deterministic checks are exempt on "
            "held-out items, but what they can't see, neither can"
        )
    return f"selected by {judge!r}, graded by {scorers}: no model in common"
