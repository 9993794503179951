"""What a decision says of picks: why they settled it, and how many more would."""

from __future__ import annotations

from typing import TYPE_CHECKING

from selftune.gate.picks.base import PicksMay
from selftune.gate.picks.needs import more_picks

if TYPE_CHECKING:
    from collections.abc import Sequence

    from selftune.gate.config import Policy
    from selftune.gate.picks.base import Picks
    from selftune.records import Check


def promoted_by_picks(picked: Check, excused: Sequence[Check]) -> str:
    """Why a candidate is promoted whose picks stand in for these checks, in one sentence."""
    stands_for = " and ".join(f"{check.name} ({check.detail})" for check in excused)
    return f"A person who picked blind prefers the candidate: {picked.detail}. It stands in for {stands_for}."


def step_by_picks(picks: Picks, policy: Policy) -> str | None:
    """How picks could settle it, with their number and minutes; None where they could not, or are not likely to."""
    more = more_picks(picks, policy.alpha) if policy.picks is PicksMay.PROMOTE else None
    if more is None:
        return None
    if picks.choices:
        return f"Go on picking with `selftune pick`: {more} at the rate so far."
    return f"Compare answers yourself, blind, with `selftune pick`: {more} if you like the candidate's better."
