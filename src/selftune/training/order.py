"""Which objective may follow which: a preference signal does not survive another round of imitation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from selftune.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Container

STAGE_ORDER: Final = "stage order"
"""The name of the rule, for who sets it aside."""

UNKNOWN: Final = "unknown"
"""What stands in a history where an adapter's file does not say which objective made it."""

# SFT after ORPO took 6.7 and 6.8 of 10 points from a model in the Foundry's runs, with a loss curve that looked normal.
_NEVER_AFTER: Final = {"sft": ("orpo",)}


class StageOrderError(UsageError):
    """This objective would undo an earlier one."""


def check_stage_order(history: tuple[str, ...], objective: str, overrules: Container[str] = ()) -> None:
    """Refuse an objective that would undo what `history` taught, oldest first, unless the rule is set aside.

    Raises:
        StageOrderError: SFT after ORPO.
    """
    undone = [earlier for earlier in history if earlier in _NEVER_AFTER.get(objective, ())]
    if undone and STAGE_ORDER not in overrules:
        new, old = objective.upper(), undone[-1].upper()
        raise StageOrderError(
            f"{new} after {old} is refused: it would undo what {old} taught.",
            next_step=f"Start from the base or from a run before {old}, and put {new} first.",
        )
