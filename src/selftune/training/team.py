"""Several processes that take the steps of one training together, as `torchrun` starts them.

Each computes some of the forward passes of a step; losses and gradients are added up over all, and every process takes
the same optimiser step. Only an adapter's gradients travel, which are small, so they go over the processor's gloo,
whatever computed them.
"""

from __future__ import annotations

import os
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from selftune.errors import IntegrityError, SelftuneError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    import torch

_TOLD: Final = ("RANK", "MASTER_ADDR", "MASTER_PORT")


class LostProcessError(SelftuneError):
    """Another process of the training ended before its work was done."""


@dataclass(frozen=True, kw_only=True)
class Team:
    """One process among those of a training; alone, it waits for nobody.

    Attributes:
        rank: Which one it is, from 0.
        size: How many there are.
    """

    rank: int = 0
    size: int = 1

    @property
    def leads(self) -> bool:
        """Whether it is the one that writes files and reports."""
        return self.rank == 0

    @property
    def mine(self) -> slice:
        """Which of a step's forward passes it computes."""
        return slice(self.rank, None, self.size)

    def total(self, share: float) -> float:
        """The sum of what each process has; the same number in all of them."""
        return share if self.size == 1 else self._reduced([share], "SUM")[0]

    def any_of(self, vote: bool) -> bool:
        """Whether a process says so; all hear the same."""
        return vote if self.size == 1 else self._reduced([float(vote)], "MAX")[0] > 0

    def wait(self) -> None:
        """Go on when all have come here."""
        self.any_of(False)  # noqa: FBT003 - nothing is voted on

    def add_gradients(self, tensors: Iterable[torch.Tensor]) -> None:
        """Give each of these the sum of the gradients that all processes have for it; no gradient counts as 0."""
        if self.size == 1:
            return
        import torch

        tensors = list(tensors)
        gradients = [torch.zeros_like(each) if each.grad is None else each.grad for each in tensors]
        together = torch.cat([each.detach().flatten().float().cpu() for each in gradients])
        self._reduce(together, "SUM")
        for tensor, part in zip(tensors, torch.split(together, [each.numel() for each in tensors]), strict=True):
            tensor.grad = part.view_as(tensor).to(tensor)

    def check_alike(self, numbers: Sequence[int], what: str) -> None:
        """Go on where all processes have these numbers.

        Raises:
            IntegrityError: one has others.
        """
        if self.size == 1:
            return
        import torch

        least, most = torch.tensor(numbers), torch.tensor(numbers)
        self._reduce(least, "MIN")
        self._reduce(most, "MAX")
        if not torch.equal(least, most):
            raise IntegrityError(
                f"the {self.size} processes of this training do not have the same {what}.",
                next_step="Give all of them one folder, and one version of torch and of selftune.",
            )

    def _reduced(self, numbers: Sequence[float], by: str) -> list[float]:
        import torch

        table = torch.tensor(numbers, dtype=torch.float64)
        self._reduce(table, by)
        reduced: list[float] = table.tolist()
        return reduced

    def _reduce(self, table: torch.Tensor, by: str) -> None:
        from torch import distributed

        try:
            distributed.all_reduce(table, getattr(distributed.ReduceOp, by))
        except RuntimeError as error:
            raise LostProcessError(
                f"process {self.rank} of {self.size} lost another one: {str(error).split('. ')[0]}.",
                next_step="See what that one said, then run the same command again: it goes on from its checkpoint.",
            ) from error


ALONE: Final = Team()
"""The one process of a training."""

ALL: Final = slice(None)
"""Every forward pass of a step."""


@contextmanager
def joined_team() -> Iterator[Team]:
    """The processes that `torchrun` started with this one, as long as the block lasts; `ALONE` where it did not.

    Raises:
        UsageError: the environment speaks of several processes and does not say how to find them.
    """
    if os.environ.get("WORLD_SIZE", "1") == "1":
        yield ALONE
        return
    if missing := [name for name in _TOLD if name not in os.environ]:
        raise UsageError(
            f"WORLD_SIZE speaks of several processes, but {missing[0]} is not set.",
            next_step="Start them with torchrun, or unset WORLD_SIZE.",
        )
    import torch
    from torch import distributed

    if torch.cuda.is_available():
        torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")) % torch.cuda.device_count())
    distributed.init_process_group("gloo")
    try:
        yield Team(rank=distributed.get_rank(), size=distributed.get_world_size())
    finally:
        distributed.destroy_process_group()
