"""The rule on what a person picked blind."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from selftune.gate.picks.base import Choice, PicksMay
from selftune.gate.picks.bet import bet
from selftune.gate.rules.enforced import HARM_SHOWN, EnforcedRule
from selftune.records import Check, CheckStatus

if TYPE_CHECKING:
    from selftune.gate.base import Evidence
    from selftune.gate.config import Policy
    from selftune.gate.picks.base import Picks
    from selftune.gate.picks.bet import Bet

_EVEN: Final = 0.5
_STATUS: Final = {
    Choice.CANDIDATE: CheckStatus.PASS,
    Choice.CHAMPION: CheckStatus.FAIL,
    None: CheckStatus.NOT_SHOWN,
}


class PersonsPicks(EnforcedRule):
    """A person's blind picks may stand in for a gain that is not shown, and stop what the person likes less."""

    family = "picks"
    consequence = HARM_SHOWN
    settings = ("picks",)

    @classmethod
    def needed(cls, policy: Policy, evidence: Evidence) -> tuple[EnforcedRule, ...]:
        """The rule itself as soon as somebody picked: that nobody did is no obstacle."""
        del policy
        return (cls(),) if evidence.picks.choices else ()

    def check(self, evidence: Evidence, policy: Policy) -> Check:
        """As `check_picks`."""
        return check_picks(evidence.picks, policy)


def check_picks(picks: Picks, policy: Policy) -> Check:
    """Passes when it is shown that the candidate is preferred, fails when the champion is; each at the policy's alpha.

    Where the policy only has picks reported, they neither promote nor stop.
    """
    found = bet(picks.choices, policy.alpha)
    reported = policy.picks is PicksMay.BE_REPORTED
    only = "; this policy only reports picks" if reported else ""
    return Check(
        name=PersonsPicks.family,
        status=CheckStatus.NOT_SHOWN if reported else _STATUS[found.settled],
        detail=f"{_told(picks, found)}, {math.ceil(1 / policy.alpha)} are needed; blind, and independent of every "
        f"judge{only}",
        measured=found.share,
        threshold=_EVEN,
        interval=found.interval,
        n=found.n,
    )


def _told(picks: Picks, found: Bet) -> str:
    tally = picks.tally
    passed_over = [f"{tally[Choice.TIE]} ties", f"{picks.identical} pairs alike and not shown"]
    side, capital = (
        ("champion", found.capital_on_champion)
        if found.settled is Choice.CHAMPION
        else ("candidate", found.capital_on_candidate)
    )
    return (
        f"the candidate's answer was picked in {tally[Choice.CANDIDATE]} of {picks.decided} "
        f"({', '.join(passed_over)}); 1 bet on the {side} became {capital:.3g}"
    )
