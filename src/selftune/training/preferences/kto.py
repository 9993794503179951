"""KTO: learning from answers that a person liked or did not, each by itself, without a rival to the same prompt.

Source:
    K. Ethayarajh et al., "KTO: Model Alignment as Prospect Theoretic Optimization", ICML 2024, equations 7 and 8. How
    far the model has moved on the whole, against which each answer counts, is estimated as there and in TRL: by what
    the model makes of answers behind the prompts of others in the same forward pass.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from selftune.records import DatasetKind
from selftune.training.preferences.pairs import ThumbMaker
from selftune.training.preferences.reference import answer_log_probabilities, references
from selftune.training.team import ALL

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    import torch

    from selftune.context import Context
    from selftune.records import Example
    from selftune.training.base import Row, TrainingJob
    from selftune.training.config import Recipe


class Kto:
    """Raises liked answers and lowers the others, against the adapter that the training began with."""

    learns_from = DatasetKind.THUMBS

    def __init__(self, recipe: Recipe) -> None:
        self._beta = recipe.beta
        self._reference: Mapping[Row, tuple[float, float]] = {}

    def row_maker(self, tokenizer: Any) -> Callable[[Example], Row]:
        """Answers, each with whether it was liked."""
        return ThumbMaker(tokenizer).make

    def get_ready(self, model: Any, job: TrainingJob, context: Context) -> None:
        """Ask the model as it is now what it thinks of every answer, and of each behind its neighbour's prompt."""
        passes = ([job.rows[index] for index in batch] for step in job.batches for batch in step)
        met = dict.fromkeys(row for rows in passes for row in crossed(rows))
        self._reference = references(model, met, job, context)

    def losses(self, model: Any, batches: Sequence[Sequence[Row]], mine: slice = ALL) -> Iterator[torch.Tensor]:
        """The mean over the answers of each forward pass, in equal shares."""
        import torch

        for rows in batches[mine]:
            pairs = crossed(rows)
            own, strange = answer_log_probabilities(model, pairs)
            known = torch.tensor([self._reference[row] for row in pairs], device=own.device)
            liked = torch.tensor([row.liked for row in rows], device=own.device)
            moved = (strange - known[:, 1]).mean().detach().clamp(min=0)
            yield kto_losses(own - known[:, 0], liked, moved, self._beta).mean() / len(batches)


def kto_losses(gained: torch.Tensor, liked: torch.Tensor, moved: torch.Tensor, beta: float) -> torch.Tensor:
    """1 - sigmoid of beta times how much further an answer has come than all did, or less far where it was disliked.

    Args:
        gained: Log-probability of each whole answer less that of the reference, `[answers]`, in nats.
        liked: Whether it was, `[answers]`.
        moved: How far the model has moved on the whole, a scalar, in nats; 0 or more.
        beta: How much a nat counts.
    """
    import torch

    return 1 - torch.sigmoid(beta * torch.where(liked, gained - moved, moved - gained))


def crossed(rows: Sequence[Row]) -> list[Row]:
    """Each row of a forward pass; its rival is its own prompt with the answer of the row before it, in a ring."""
    return [replace(row, rejected=_behind(row, rows[place - 1])) for place, row in enumerate(rows)]


def _behind(row: Row, other: Row) -> Row:
    """The prompt of the one with the answer of the other, which is all that follows a prompt."""
    start = row.first_supervised
    answer = other.tokens[other.first_supervised :]
    return replace(
        row,
        tokens=(*row.tokens[:start], *answer),
        supervised=(*row.supervised[:start], *(True for _ in answer)),
        rejected=None,
    )
