"""Rules on the form that is served: what was measured is what ships."""

from __future__ import annotations

from typing import TYPE_CHECKING

from selftune.gate.rules.enforced import HARM_SHOWN, EnforcedRule
from selftune.gate.rules.validity import NO_CANDIDATE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from selftune.gate.base import Evidence
    from selftune.gate.config import Policy
    from selftune.records import Build, Check


class Parity(EnforcedRule):
    """The form that is served agrees with what was trained."""

    family = "parity"
    consequence = HARM_SHOWN

    def check(self, evidence: Evidence, policy: Policy) -> Check:
        """Fails when a parity figure of the candidate's build misses its threshold."""
        del policy
        build = evidence.candidate_build
        if build is None:
            return self.unmeasured(NO_CANDIDATE)
        if not build.parity:
            if build.run_id is None:
                return self.passed("nothing was merged or quantised")
            return self.unmeasured("no parity was measured for this build")
        told = ", ".join(f"{one.name} {one.measured:.3g} of {one.threshold:.3g} (n = {one.n})" for one in build.parity)
        return self.passed(told) if all(one.passed for one in build.parity) else self.failed(told)


class ServingForm(EnforcedRule):
    """On every suite the candidate answered in the form, the number type and the template that would be served."""

    family = "serving_form"
    consequence = HARM_SHOWN

    def check(self, evidence: Evidence, policy: Policy) -> Check:
        """Fails when a suite was answered by other files or through another template than the build's."""
        del policy
        build = evidence.candidate_build
        if build is None or evidence.candidate is None:
            return self.unmeasured(NO_CANDIDATE)
        faults = list(_other_forms(build, evidence))
        if faults:
            return self.failed("; ".join(faults))
        return self.passed(f"{build.form.value} {build.quantisation}, as it would be served")


def _other_forms(build: Build, evidence: Evidence) -> Iterator[str]:
    model, adapter = build.file("model.gguf"), build.file("adapter.gguf")
    for seen in evidence.on_each_suite():
        if seen.candidate is None:
            continue
        proof = seen.candidate.proof
        if proof.template_digest != build.template_digest:
            yield f"{seen.suite.name} was asked through another template than the build's"
        files = (None if model is None else model.digest, None if adapter is None else adapter.digest)
        if files != (proof.model_digest, proof.adapter_digest):
            yield f"{seen.suite.name} was answered in another form than {build.form.value} {build.quantisation}"
