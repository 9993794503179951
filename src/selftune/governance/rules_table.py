"""Every rule, declared against enforced: what `selftune rules` prints."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from selftune.gate.rules import declared_rules, enforced_rules

if TYPE_CHECKING:
    from selftune.gate.config import Policy


@dataclass(frozen=True, kw_only=True)
class RuleRow:
    """One rule.

    Attributes:
        declared: Who declares it: `policy`, `house`, or `no`.
        enforced: `yes`; `no` for a rule that nothing enforces or that the policy leaves out.
        last_measured: What the last decision found for it; empty where it had no place there.
        where: Module and name of what enforces it; empty where nothing does.
    """

    name: str
    declared: str
    enforced: str
    what: str
    where: str
    last_measured: str = ""


@dataclass(frozen=True, kw_only=True)
class _HouseRule:
    """A rule of the house: declared by the project itself, in force whatever the policy says."""

    name: str
    what: str
    where: str


HOUSE_RULES: Final = (
    _HouseRule(
        name="promoted_only",
        what="Only the very build that a promoting decision names is released.",
        where="selftune.release.stage:check_promotion",
    ),
    _HouseRule(
        name="served_as_evaluated",
        what="A release must show the weights, template and fingerprint that were evaluated.",
        where="selftune.release.health:check_health",
    ),
    _HouseRule(
        name="approvals",
        what="In a team, by config or roster, all whom the charter names have signed for a release, in its order.",
        where="selftune.governance.clearance:clear_for_release",
    ),
    _HouseRule(
        name="signatures",
        what="A signature counts over the bundle of today, by a person's own key, never over own work, never twice.",
        where="selftune.governance.signing.chain:judge_signature",
    ),
    _HouseRule(
        name="documents",
        what="A bundle without the documents that the charter asks for completes no chain of sign-offs.",
        where="selftune.loop.signatures:missing_documents",
    ),
    _HouseRule(
        name="facts",
        what="What a signature states as a fact is worked out anew whenever it is read; what differs does not count.",
        where="selftune.governance.signing.queries:still_so",
    ),
    _HouseRule(
        name="deployment",
        what="Whoever deploys signs last, and not while anything that was looked at speaks against it.",
        where="selftune.app.signing_off:sign_off",
    ),
    _HouseRule(
        name="circuit_breaker",
        what="After `[governance] approve_every` promotions since the last approval the loop waits for a person.",
        where="selftune.governance.breaker:require_closed_breaker",
    ),
    _HouseRule(
        name="breaker_on_record",
        what="A change of `approve_every` is a ledger entry with from, to and by; `selftune status` tells of it.",
        where="selftune.loop.deciding.breaker_lock:keep_breaker",
    ),
    _HouseRule(
        name="brake",
        what="While `.selftune/brake.json` lies there, readable or not, no step begins until a person lifts it.",
        where="selftune.loop.braking:check_brake",
    ),
    _HouseRule(
        name="freeze",
        what="Nothing is trained and no prompt searched while a freeze of the project stands.",
        where="selftune.loop.braking:check_step",
    ),
    _HouseRule(
        name="pinned_promotion",
        what="No new candidate before a promoting decision is released, refused or expired.",
        where="selftune.governance.approvals:pending_promotion",
    ),
    _HouseRule(
        name="holds",
        what="A hold on a decision, or on anything that it rests on, stops the release until a person lifts it.",
        where="selftune.governance.clearance:clear_for_release",
    ),
    _HouseRule(
        name="blocking_concerns",
        what="A blocking concern stops the release until it is closed, also one that its author took back.",
        where="selftune.governance.clearance:clear_for_release",
    ),
    _HouseRule(
        name="closing",
        what="A concern is closed, with reason and evidence, by a person whom it does not question, never its author.",
        where="selftune.governance.doubts:against_ending",
    ),
    _HouseRule(
        name="roster",
        what="From the second person on the roster on, approvals, closings and lifts count only by a person's own key.",
        where="selftune.governance.people.roster:signer_of",
    ),
    _HouseRule(
        name="alarms",
        what="A promotion that lies outside its project's history, once there is one, is held until a person lifts it.",
        where="selftune.loop.deciding.suspicion:hold_if_suspicious",
    ),
    _HouseRule(
        name="canary",
        what="Real requests reach only a candidate that was evaluated, not refused, and let in; harm sends it back.",
        where="selftune.loop.canary.starting:start_trial",
    ),
    _HouseRule(
        name="auditors",
        what="No model audits its own or an unknown lineage, whatever its name; in a team nobody who stands behind it.",
        where="selftune.governance.audit.auditor:against_auditor",
    ),
    _HouseRule(
        name="audit_coverage",
        what="No audit is concluded over a section that nobody has read, unless its auditor says why it is left so.",
        where="selftune.app.auditing:conclude",
    ),
    _HouseRule(
        name="no_score_on_request",
        what="Nothing is learnt from what addresses its judge, is no answer at all, or is found as good once spoiled.",
        where="selftune.curation.filters:NotSuspected",
    ),
    _HouseRule(
        name="no_worse_correction",
        what="A teacher's correction is learnt from only if it is golden and scores higher than what it corrects.",
        where="selftune.curation.corrections:without_worse_corrections",
    ),
    _HouseRule(
        name="calibrated_judge",
        what='With `[calibration] uncalibrated = "refused"` only a calibrated judge chooses lessons.',
        where="selftune.loop.measuring.calibrating:refuse_uncalibrated",
    ),
)


def rule_rows(policy: Policy) -> tuple[RuleRow, ...]:
    """The gate's rules under this policy, those it enforces but the policy leaves out, then the rules of the house."""
    enforced, declared = enforced_rules(), declared_rules(policy)
    names = [*enforced, *(name for name in declared if name not in enforced)]
    gate = [
        RuleRow(
            name=name,
            declared="policy" if name in declared else "no",
            enforced="yes" if name in enforced and name in declared else "no",
            what=_first_line(enforced[name].__doc__) if name in enforced else "",
            where=f"{enforced[name].__module__}:{enforced[name].__qualname__}" if name in enforced else "",
        )
        for name in names
    ]
    house = [
        RuleRow(name=rule.name, declared="house", enforced="yes", what=rule.what, where=rule.where)
        for rule in HOUSE_RULES
    ]
    return (*gate, *house)


def _first_line(text: str | None) -> str:
    return (text or "").strip().split("\n", 1)[0]
