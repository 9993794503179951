"""What a policy asks of a suite, in the plain numbers that evaluation understands."""

from __future__ import annotations

from typing import TYPE_CHECKING

from selftune.evals.coverage import Demands
from selftune.gate.rules.harm import Floor, Guarded

if TYPE_CHECKING:
    from selftune.gate.config import Policy
    from selftune.records import Suite


def demands_of(policy: Policy, suite: Suite) -> Demands:
    """The categories that must be there, the gain that must be seen, and the fall that must be noticed."""
    guarded = policy.guarded_among(suite.categories) if Guarded.family in policy.rules else ()
    floors = (category for category, _ in policy.floors) if Floor.family in policy.rules else ()
    return Demands(
        policy=policy.name,
        guarded=tuple(dict.fromkeys((*guarded, *floors))),
        least_gain=policy.least_gain,
        cap=policy.guarded_cap if guarded else policy.category_cap,
    )
