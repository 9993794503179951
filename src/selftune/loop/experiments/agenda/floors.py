"""The least that a try must go on learning of what guards a model, such as who it is and how it withstands (C22).

A cheap screen once chose for overfitting: what it could not see, identity and resistance to attacks, had been thinned
out of the lessons. So a floor counts what is met in training, weights included, and not what lies in the dataset.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from selftune.curation.traits import JOINT, shows
from selftune.errors import UnbalancedError
from selftune.training.parts import TOLD_BY

if TYPE_CHECKING:
    from collections.abc import Sequence

    from selftune.records import Example
    from selftune.training.config import Recipe

_ROUNDING: Final = 1e-9


def refuse_thin(floors: Sequence[tuple[str, float]], examples: Sequence[Example], recipe: Recipe) -> None:
    """Refuse a training that would meet too little of a kind.

    Args:
        floors: A kind of behaviour, or several joined by ` + ` that count together, and their least share.
        examples: What it would learn from.
        recipe: How it would be trained; its weights say how often each part is met.

    Raises:
        UnbalancedError: a floor is not reached; the message has the share.
    """
    masses = [_mass(example, recipe) for example in examples]
    for name, floor in floors:
        kinds = name.split(JOINT)
        held = sum(
            mass
            for example, mass in zip(examples, masses, strict=True)
            if example.kind is not None and any(shows(example.kind, kind) for kind in kinds)
        )
        share = held / sum(masses) if masses else 0.0
        if share < floor - _ROUNDING:
            raise UnbalancedError(
                f"{share:.0%} of what would be learnt shows {name}, and program.md asks for at least {floor:.0%}.",
                next_step="Add interactions that show it, or lower its floor under [floors] of the Constraints.",
            )


def _mass(example: Example, recipe: Recipe) -> float:
    """How often a lesson is met beside one of weight 1."""
    if not recipe.weigh_by:
        return 1.0
    return dict(recipe.weights).get(TOLD_BY[recipe.weigh_by](example) or "", 1.0)
