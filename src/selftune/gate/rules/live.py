"""The rule on real requests: what a candidate did beside the champion while people used both (mission B40)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from selftune.gate.rules.enforced import HARM_SHOWN, EnforcedRule
from selftune.records import Check, CheckStatus

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from selftune.gate.base import Evidence
    from selftune.gate.config import Policy
    from selftune.records import GuardFound, LiveTrial

SERVING: Final = "serving"
"""Whether it could be tried at all: one that fell silent was sent back before anything else was shown."""

ALWAYS_SEEN: Final = ("errors", "latency", "refusals")
"""What every answer shows; whether people point a thumb is up to them."""


@dataclass(frozen=True)
class LiveKept(EnforcedRule):
    """On real requests beside the champion no harm beyond what is tolerated is shown; it stops and never promotes."""

    guard: str = ""

    family = "live"
    consequence = HARM_SHOWN
    settings = ("live_answers",)

    @property
    def name(self) -> str:
        """Family, and what was watched."""
        return f"{self.family}:{self.guard}"

    @classmethod
    def needed(cls, policy: Policy, evidence: Evidence) -> tuple[EnforcedRule, ...]:
        """One for each guardrail that saw enough or showed harm, and for each that the policy asks for."""
        return tuple(cls(guard) for guard in guards_asked(evidence.live, policy))

    def check(self, evidence: Evidence, policy: Policy) -> Check:
        """As `check_live`."""
        return check_live(self.guard, evidence.live, policy)


def live_checks(trials: Sequence[LiveTrial], policy: Policy) -> tuple[Check, ...]:
    """One check for each guardrail that has a say; none where the policy leaves the rule out."""
    if LiveKept.family not in policy.rules:
        return ()
    return tuple(check_live(guard, trials, policy) for guard in guards_asked(trials, policy))


def guards_asked(trials: Sequence[LiveTrial], policy: Policy) -> tuple[str, ...]:
    """What is looked at: where nothing is asked for, a trial too short to show anything is no obstacle."""
    demanded = ALWAYS_SEEN if policy.live_answers else ()
    seen = (found.name for found in _all(trials) if found.shows_harm or found.n >= policy.min_units)
    silent = (SERVING,) if _fell_silent(trials, policy) is not None else ()
    return tuple(dict.fromkeys((*silent, *demanded, *seen)))


def check_live(guard: str, trials: Sequence[LiveTrial], policy: Policy) -> Check:
    """Fails where harm was shown in any trial; passes where one rules it out; too few answers are not measured.

    Trials are not added up: each had its own users and its own chance to be wrong. The one with most answers speaks,
    but for harm, which stays shown however often the candidate is tried again.
    """
    name = f"{LiveKept.family}:{guard}"
    if guard == SERVING:
        silent = _fell_silent(trials, policy)
        return Check(name=name, status=CheckStatus.NOT_MEASURED, detail="" if silent is None else silent.why)
    found = [one for one in _all(trials) if one.name == guard]
    harmful = next((one for one in found if one.shows_harm), None)
    largest = max(found, key=lambda one: one.n, default=None)
    # Whether people point a thumb is up to them: so many answers can be asked for, so many thumbs can't.
    needed = max(policy.live_answers, 1) if guard in ALWAYS_SEEN else 1
    if harmful is None and (largest is None or largest.n < needed):
        n = 0 if largest is None else largest.n
        return Check(
            name=name,
            status=CheckStatus.NOT_MEASURED,
            detail=f"{guard}: {n} answers to real requests were held against the champion's, {needed} are needed",
        )
    told = harmful or largest
    assert told is not None, "there is one that is harmful, or large enough"  # noqa: S101 - what cannot happen
    status = CheckStatus.FAIL if harmful else _status(told)
    return Check(
        name=name,
        status=status,
        detail=_told(told, status),
        measured=told.mean,
        threshold=told.tolerated,
        interval=told.interval,
        n=told.n,
    )


def _fell_silent(trials: Sequence[LiveTrial], policy: Policy) -> LiveTrial | None:
    """The newest trial that was sent back for giving no answers, until a later one showed that the candidate answers.

    Nobody knows whether the candidate or a person did that; a later trial of next to no answers tells no more of it.
    """
    for trial in reversed(trials):
        if trial.returned and not any(found.shows_harm for found in trial.guards):
            return trial
        if trial.candidate_answers >= policy.min_units:
            return None
    return None


def _all(trials: Iterable[LiveTrial]) -> tuple[GuardFound, ...]:
    return tuple(found for trial in trials for found in trial.guards)


def _status(found: GuardFound) -> CheckStatus:
    """Ruled out where the whole interval lies below what is tolerated."""
    ruled_out = found.interval is not None and found.interval[1] <= found.tolerated
    return CheckStatus.PASS if ruled_out else CheckStatus.NOT_SHOWN


_IN_WORDS: Final = {
    CheckStatus.PASS: "more is ruled out",
    CheckStatus.FAIL: "more is shown",
    CheckStatus.NOT_SHOWN: "more is neither shown nor ruled out",
}


def _told(found: GuardFound, status: CheckStatus) -> str:
    mean = 0.0 if found.mean is None else found.mean
    low, high = found.interval or (-1.0, 1.0)
    return (
        f"{found.name} {mean:+.2f} [{low:+.2f}, {high:+.2f}] against the champion beside it, tolerated are "
        f"{found.tolerated:+.2f}: {_IN_WORDS[status]}"
    )
