"""A training in parts: up to a share of its steps, and later on from there, to the bytes of one that never paused.

That holds because all chance of a step comes from the recipe's seed and the step's number, the order of lessons and the
learning rate from the steps of the whole, and a checkpoint holds adapter, optimiser and curve. Where an adapter will
be judged before the end, the recipe's rate should not yet be falling: `schedule = "late_linear"` or `"late_cosine"`
holds it for the first quarter of the steps, whether or not the training pauses.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from selftune.errors import ConfigError, UsageError
from selftune.plugins import load_plugin
from selftune.records import Run, RunStatus
from selftune.settings import refusal
from selftune.training.config import LATE
from selftune.training.stage import Part, train_with

if TYPE_CHECKING:
    from selftune.context import Context
    from selftune.records import Dataset
    from selftune.training.config import Recipe

STAGE_VERSION: Final = 1
IN_PARTS: Final = frozenset({"packed", "ssh"})
"""Back-ends that pause at a step and go on from there."""


@dataclass(frozen=True, kw_only=True)
class Rung:
    """How far to train, and from where.

    Attributes:
        until: Share of its steps up to which it is trained, rounded up to whole steps; 1: to its end.
        after: Run of the same recipe and lessons that paused earlier; empty: from the first step.
    """

    recipe: Recipe
    until: float
    after: str = ""

    def __post_init__(self) -> None:
        """Refuse a share of nothing, and a back-end that can't pause.

        Raises:
            ConfigError: names what it takes.
        """
        if not 0 < self.until <= 1:
            raise refusal("a rung's share of the steps", self.until, "more than 0 and at most 1")
        refuse_unless_in_parts(self.recipe)


def train_part(dataset: Dataset, rung: Rung, context: Context) -> Run:
    """Train up to the rung: a run that is paused there, or finished where the rung is the whole.

    Raises:
        UsageError: `after` names a run of another training, or one that did not pause before this rung.
        NotYet: as `train`.
    """
    part = part_of(dataset, rung, context)
    return train_with(lambda name: load_plugin("selftune.backends", name)(), dataset, rung.recipe, context, part)


def part_of(dataset: Dataset, rung: Rung, context: Context) -> Part:
    """Which of its steps a training takes up to this rung.

    Raises:
        UsageError: `after` names a run of another training, or one that did not pause before this rung.
    """
    before = context.read.record(rung.after, Run) if rung.after else None
    if before is not None:
        _check_same_training(before, dataset, rung, context)
    return Part(share=rung.until, before=before)


def refuse_unless_in_parts(recipe: Recipe) -> None:
    """Refuse a recipe whose back-end trains in one go alone.

    Raises:
        ConfigError: names the back-end.
    """
    if recipe.backend not in IN_PARTS:
        raise ConfigError(
            f"back-end {recipe.backend!r} of recipe {recipe.name!r} can't pause a training and go on later.",
            next_step=f'Set backend = "{min(IN_PARTS)}" in the recipe, or train each try to its end.',
        )


def in_rungs(recipe: Recipe) -> Recipe:
    """The recipe with a rate that stays, after its warm-up, until the last rung begins; its name as it was.

    Tries are looked at before their end, and one whose rate has fallen already says less of what it would become.
    """
    schedules = {early: late for late, early in LATE.items()}
    return replace(recipe, schedule=schedules.get(recipe.schedule, recipe.schedule))


def _check_same_training(before: Run, dataset: Dataset, rung: Rung, context: Context) -> None:
    seed = context.seed if rung.recipe.seed is None else rung.recipe.seed
    told = (before.recipe_digest, before.dataset_id, before.base_digest, before.seed)
    if told != (rung.recipe.digest, dataset.id, context.base.digest, seed):
        raise UsageError(
            f"run {before.id} is another training: its recipe, lessons, base or seed differ.",
            next_step="Name a run of the same training, or none.",
        )
    if before.status is not RunStatus.PAUSED or before.share_done >= rung.until:
        raise UsageError(
            f"run {before.id} is {before.status.value.replace('_', ' ')} after {before.steps} of "
            f"{before.planned_steps} steps: nothing is left to go on with up to {rung.until:g} of them.",
            next_step="Name a run that paused earlier, or a rung that lies further on.",
        )
