"""What an objective must do: say what it learns from, turn it into rows, and give the loss of a step.

Supervised fine-tuning stands here; what learns from pairs of answers has a folder of its own, `preferences/`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from selftune.plugins import load_plugin
from selftune.records import DatasetKind
from selftune.training.batches import best_fit, room_for
from selftune.training.rows import RowMaker
from selftune.training.team import ALL

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    import torch

    from selftune.context import Context
    from selftune.records import Example
    from selftune.training.base import Row, TrainingJob
    from selftune.training.config import Recipe


class Objective(Protocol):
    """One way to learn, made anew for each training from its recipe.

    Attributes:
        learns_from: The kind of dataset it takes.
    """

    learns_from: DatasetKind

    def __init__(self, recipe: Recipe) -> None: ...

    def row_maker(self, tokenizer: Any) -> Callable[[Example], Row]:
        """What turns an example into a row, and refuses with a `ValueError` what can't be learnt from."""
        ...

    def get_ready(self, model: Any, job: TrainingJob, context: Context) -> None:
        """Called once, before the first step, with the adapter on the model that the training begins with."""
        ...

    def losses(self, model: Any, batches: Sequence[Sequence[Row]], mine: slice = ALL) -> Iterator[torch.Tensor]:
        """The loss of one optimiser step in scalars that add up to it, one for each forward pass, one at a time.

        `mine` picks the passes that are computed here, where other processes compute the others.
        """
        ...


class Supervised:
    """SFT: the mean cross-entropy over all tokens under the loss of a step, not a mean of means."""

    learns_from = DatasetKind.SFT

    def __init__(self, recipe: Recipe) -> None:
        self._learn_from = recipe.learn_from
        self._learn_reasoning = recipe.learn_reasoning
        self._room = 0  # until it is told: each row by itself

    def row_maker(self, tokenizer: Any) -> Callable[[Example], Row]:
        """Rows with the recipe's answers under the loss."""
        return RowMaker(tokenizer, self._learn_from, learn_reasoning=self._learn_reasoning).make

    def get_ready(self, model: Any, job: TrainingJob, context: Context) -> None:  # noqa: ARG002 - as the Protocol says
        """See how much a forward pass may hold."""
        self._room = room_for(job.rows, job.recipe.batch_size)

    def losses(self, model: Any, batches: Sequence[Sequence[Row]], mine: slice = ALL) -> Iterator[torch.Tensor]:
        """Summed cross-entropy of each forward pass, divided by the tokens of the whole step.

        Since nothing but that sum counts, the rows of a step are divided into passes as they fit best.
        """
        from selftune.training.packed_model import loss_of

        packs = best_fit(batches, self._room)
        tokens = sum(len(one.targets) for one in packs)
        for one in packs[mine]:
            yield loss_of(model, one) / tokens


def objective_of(recipe: Recipe) -> Objective:
    """The objective that a recipe names."""
    objective: Objective = load_plugin("selftune.objectives", recipe.objective)(recipe)
    return objective
