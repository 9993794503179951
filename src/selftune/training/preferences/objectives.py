"""DPO and ORPO in the packed loop: a pair's prompt is computed once, its answers are compared from there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from selftune.records import DatasetKind
from selftune.training.preferences.losses import dpo_losses, odds_losses
from selftune.training.preferences.packs import pack_pairs
from selftune.training.preferences.pairs import PairMaker
from selftune.training.preferences.reference import answer_log_probabilities, reference_of
from selftune.training.team import ALL

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    import torch

    from selftune.context import Context
    from selftune.records import Example
    from selftune.training.base import Row, TrainingJob
    from selftune.training.config import Recipe


class Dpo:
    """Raises the chosen answer above the rejected one, against the adapter that the training began with."""

    learns_from = DatasetKind.PREFERENCE

    def __init__(self, recipe: Recipe) -> None:
        self._beta = recipe.beta
        self._reference: Mapping[Row, tuple[float, float]] = {}

    def row_maker(self, tokenizer: Any) -> Callable[[Example], Row]:
        """Pairs with one prompt."""
        return PairMaker(tokenizer).make

    def get_ready(self, model: Any, job: TrainingJob, context: Context) -> None:
        """Ask the model as it is now what it thinks of every pair that will be met."""
        self._reference = reference_of(model, job, context)

    def losses(self, model: Any, batches: Sequence[Sequence[Row]], mine: slice = ALL) -> Iterator[torch.Tensor]:
        """The mean over the pairs of each forward pass, in equal shares."""
        import torch

        for rows in batches[mine]:
            chosen, rejected = answer_log_probabilities(model, rows)
            known = torch.tensor([self._reference[row] for row in rows], device=chosen.device)
            yield dpo_losses(chosen, rejected, (known[:, 0], known[:, 1]), self._beta).mean() / len(batches)


class Orpo:
    """Learns the chosen answer and, in the same pass, to prefer it to the rejected one; there is no reference.

    As in TRL and in its authors' own code, the likelihood counts the prompt's tokens beside the chosen answer's.
    """

    learns_from = DatasetKind.PREFERENCE

    def __init__(self, recipe: Recipe) -> None:
        self._beta = recipe.beta

    def row_maker(self, tokenizer: Any) -> Callable[[Example], Row]:
        """Pairs with one prompt."""
        return PairMaker(tokenizer).make

    def get_ready(self, model: Any, job: TrainingJob, context: Context) -> None:
        """Nothing is needed."""

    def losses(self, model: Any, batches: Sequence[Sequence[Row]], mine: slice = ALL) -> Iterator[torch.Tensor]:
        """The mean over tokens and over pairs of each forward pass, in equal shares."""
        for rows in batches[mine]:
            yield self._loss(model, rows) / len(batches)

    def _loss(self, model: Any, rows: Sequence[Row]) -> torch.Tensor:
        import torch

        from selftune.training.packed_model import costs_of

        layout = pack_pairs(rows, with_prompts=True)
        parts = torch.split(costs_of(model, layout.pack), [count for counts in layout.counts for count in counts])
        prompts, chosen, rejected = parts[::3], parts[1::3], parts[2::3]
        times = zip(prompts, layout.shared_by, strict=True)
        costs = [(part, 1) for part in chosen] + [(part, pairs) for part, pairs in times if len(part)]
        told = sum(part.sum() * pairs for part, pairs in costs) / sum(len(part) * pairs for part, pairs in costs)
        better, worse = (torch.stack([-part.mean() for part in side]) for side in (chosen, rejected))
        loss: torch.Tensor = told + odds_losses(better, worse, self._beta).mean()
        return loss
