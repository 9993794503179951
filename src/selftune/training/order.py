"""Which objective may follow which: a preference signal does not survive another round of imitation."""

from __future__ import annotations

from typing import Final

from selftune.errors import UsageError

# SFT after ORPO took 6.7 and 6.8 of 10 points from a model in the plan's own runs; the other preference objectives
# move the same weights by the same margin and are not trusted to survive it either.
_NEVER_AFTER: Final = {"sft": ("orpo", "dpo", "kto"), "orpo": ("dpo", "kto"), "dpo": ("orpo",), "kto": ("orpo",)}


class StageOrderError(UsageError):
    """This objective would undo an earlier one."""


def check_stage_order(history: tuple[str, ...], objective: str) -> None:
    """Refuse an objective that would undo what `history` taught, oldest first.

    Raises:
        StageOrderError: for instance SFT after ORPO.
    """
    undone = [earlier for earlier in history if earlier in _NEVER_AFTER.get(objective, ())]
    if undone:
        new, old = objective.upper(), undone[-1].upper()
        raise StageOrderError(
            f"{new} after {old} is refused: it would undo what {old} taught.",
            next_step=f"Start from the base or from a run before {old}, and put {new} first.",
        )
