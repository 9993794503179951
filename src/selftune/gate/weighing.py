"""From checks to an outcome: the gravest consequence of any check decides."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from selftune.gate.rules.picks import PersonsPicks
from selftune.records import CheckStatus, Outcome

if TYPE_CHECKING:
    from collections.abc import Sequence

    from selftune.gate.rules.enforced import EnforcedRule
    from selftune.records import Check

_GRAVEST_FIRST: Final = (Outcome.INVALID, Outcome.REJECT, Outcome.INCONCLUSIVE)

Checked = tuple["EnforcedRule | type[EnforcedRule]", "Check"]
"""A check and the rule that made it."""


@dataclass(frozen=True, kw_only=True)
class Weighed:
    """What checks come to.

    Attributes:
        stopped: The checks that have the gravest consequence; none for a promotion.
        excused: Checks without consequence because a person's picks stand in for what they could not show.
        picked: The check of these picks; None where they stand in for nothing.
    """

    outcome: Outcome
    stopped: tuple[Check, ...]
    excused: tuple[Check, ...] = ()
    picked: Check | None = None


def weigh(checked: Sequence[Checked]) -> Weighed:
    """A doubt about the measurement weighs more than harm, harm more than noise.

    Picks that show a preference for the candidate stand in where a rule yields to them, and never for a veto.
    """
    picked = next((check for _, check in checked if _shows_preference(check)), None)
    excused = tuple(check for rule, check in checked if picked and check.status in rule.yields_to_picks)
    stands_in = picked if excused else None
    consequences = [(rule.consequence.of(check.status), check) for rule, check in checked if check not in excused]
    for outcome in _GRAVEST_FIRST:
        stopped = tuple(check for consequence, check in consequences if consequence is outcome)
        if stopped:
            return Weighed(outcome=outcome, stopped=stopped, excused=excused, picked=stands_in)
    return Weighed(outcome=Outcome.PROMOTE, stopped=(), excused=excused, picked=stands_in)


def picks_could_settle(checked: Sequence[Checked], stopped: Sequence[Check]) -> bool:
    """Whether picks would lift everything that stops the candidate."""
    return all(check.status in rule.yields_to_picks for rule, check in checked if check in stopped)


def _shows_preference(check: Check) -> bool:
    return check.name == PersonsPicks.family and check.status is CheckStatus.PASS
