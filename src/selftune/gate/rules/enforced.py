"""What all rules of the gate share: a name, what they read from the policy, and what follows when they do not pass."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Final

from selftune.records import Check, CheckStatus, Outcome

if TYPE_CHECKING:
    from selftune.gate.base import Evidence
    from selftune.gate.config import Policy
    from selftune.gate.statistics.paired import Difference


@dataclass(frozen=True, kw_only=True)
class Consequence:
    """What a decision can at most be when a check does not pass; None where it does not matter.

    A check that was not measured never lets a candidate through, so it has no None.
    """

    failed: Outcome
    not_measured: Outcome
    not_shown: Outcome | None

    def of(self, status: CheckStatus) -> Outcome | None:
        """What follows from this status; None when nothing does."""
        return {
            CheckStatus.PASS: None,
            CheckStatus.FAIL: self.failed,
            CheckStatus.NOT_MEASURED: self.not_measured,
            CheckStatus.NOT_SHOWN: self.not_shown,
        }[status]


VALIDITY: Final = Consequence(failed=Outcome.INVALID, not_measured=Outcome.INVALID, not_shown=Outcome.INVALID)
"""The measurement itself is in doubt: nothing can be said about the candidate."""

HARM_SHOWN: Final = Consequence(failed=Outcome.REJECT, not_measured=Outcome.INCONCLUSIVE, not_shown=None)
"""Only harm that was shown stops the candidate; what was not shown is printed."""

MUST_BE_SHOWN: Final = Consequence(
    failed=Outcome.REJECT, not_measured=Outcome.INCONCLUSIVE, not_shown=Outcome.INCONCLUSIVE
)
"""What was not shown stops the candidate too, until there is enough to show it."""

DOUBT: Final = Consequence(failed=Outcome.INCONCLUSIVE, not_measured=Outcome.INCONCLUSIVE, not_shown=None)
"""The numbers stand, but not for a promotion."""


class EnforcedRule(ABC):
    """A rule that the gate can apply. Its docstring's first line is what `selftune rules` prints.

    Attributes:
        family: The name a policy declares it by.
        settings: The policy's fields it reads; setting one without declaring the rule is refused.
        consequence: What follows when its check does not pass.
        required: Without it no decision means anything, so that a policy can't leave it out.
        yields_to_picks: Statuses in which a person's blind picks may stand in for what was not shown.
    """

    family: ClassVar[str]
    consequence: ClassVar[Consequence]
    settings: ClassVar[tuple[str, ...]] = ()
    required: ClassVar[bool] = False
    yields_to_picks: ClassVar[frozenset[CheckStatus]] = frozenset()

    @classmethod
    def needed(cls, policy: Policy, evidence: Evidence) -> tuple[EnforcedRule, ...]:
        """The rule itself, or one of it for each category or agent it must look at."""
        del policy, evidence
        return (cls(),)

    @property
    def name(self) -> str:
        """What its checks are called."""
        return self.family

    @abstractmethod
    def check(self, evidence: Evidence, policy: Policy) -> Check:
        """What was measured for this rule, and whether it passed."""

    def passed(self, detail: str) -> Check:
        """A check that passed, without a number to it."""
        return Check(name=self.name, status=CheckStatus.PASS, detail=detail)

    def failed(self, detail: str) -> Check:
        """A check that failed, without a number to it."""
        return Check(name=self.name, status=CheckStatus.FAIL, detail=detail)

    def unmeasured(self, detail: str) -> Check:
        """A check that could not run, and why."""
        return Check(name=self.name, status=CheckStatus.NOT_MEASURED, detail=detail)

    def measured(self, status: CheckStatus, detail: str, found: Difference, threshold: float) -> Check:
        """A check of a difference, with its interval and its threshold."""
        return Check(
            name=self.name,
            status=status,
            detail=detail,
            measured=found.mean,
            threshold=threshold,
            interval=found.interval,
            n=found.n,
        )


def in_words(found: Difference) -> str:
    """A difference as a person reads it: `+0.48 [+0.42, +0.55]`."""
    low, high = found.interval
    return f"{found.mean:+.2f} [{low:+.2f}, {high:+.2f}]"
