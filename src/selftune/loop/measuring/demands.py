"""What a policy asks of a suite, in the plain numbers that evaluation understands; and what it refuses before a run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from selftune.errors import ConfigError
from selftune.evals.coverage import Demands, refuse_unsound
from selftune.gate.rules.harm import Floor, Guarded
from selftune.gate.rules.purpose import SamePurpose
from selftune.records import RunPurpose

if TYPE_CHECKING:
    from collections.abc import Iterable

    from selftune.gate.config import Policy
    from selftune.records import Suite
    from selftune.training.config import Recipe

SCREEN: Final = "screen"


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


def refuse_probe(policy: Policy, recipe: Recipe) -> None:
    """Stop before a probe is trained for a cycle: what serves is none, so that the gate could only call it invalid.

    Raises:
        ConfigError: the recipe says that it is for a probe, and the policy tells probes apart.
    """
    if recipe.purpose is RunPurpose.PROBE and SamePurpose.family in policy.rules:
        raise ConfigError(
            f"recipe {recipe.name!r} is for a probe, and a cycle holds it against what serves.",
            next_step='Name another under [training], or set purpose = "production" in this one.',
        )


def refuse_unsound_suites(policy: Policy, suite: Suite, further: Iterable[Suite]) -> None:
    """Stop before a run that the suite which decides, or one beside it, would spoil.

    Raises:
        ConfigError: the suite has an error under this policy, or one beside it is a screen.
    """
    refuse_unsound(suite, demands_of(policy, suite))
    for one in further:
        if one.purpose == SCREEN:
            raise ConfigError(
                f"suite {one.name!r} is a screen, a cheap look at a part of another: it neither promotes nor stops.",
                next_step="Name the whole suite under [evaluation] in its place.",
            )
