"""What a back-end must do: take rows of tokens and an adapter to begin with, and leave a trained adapter."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from pathlib import Path

    from selftune.context import Context
    from selftune.records import CurvePoint, RunStatus
    from selftune.training.config import Recipe


@dataclass(frozen=True, kw_only=True)
class Row:
    """One example as tokens. `supervised` marks those under the loss: the answer and its stop token."""

    interaction_id: str
    tokens: tuple[int, ...]
    supervised: tuple[bool, ...]

    @property
    def first_supervised(self) -> int:
        """Index of the first token under the loss."""
        return self.supervised.index(True)


@dataclass(frozen=True, kw_only=True)
class TrainingJob:
    """All that a back-end needs.

    Attributes:
        base_folder: Hugging Face folder of the base.
        initial: Folder of the adapter to begin with, in PEFT's layout.
        checkpoints: Folder that survives a crash; a back-end that finds its own checkpoint there goes on from it.
        adapter: Folder in which the trained adapter must be left.
        batches: Row indices of each optimiser step, split into its forward passes.
    """

    recipe: Recipe
    rows: tuple[Row, ...]
    batches: tuple[tuple[tuple[int, ...], ...], ...]
    seed: int
    base_folder: Path
    initial: Path
    checkpoints: Path
    adapter: Path


@dataclass(frozen=True, kw_only=True)
class TrainingResult:
    """How it went; the adapter lies in the job's `adapter` folder unless the status is `failed` or `diverged`."""

    status: RunStatus
    steps: int
    supervised_tokens: int
    curve: tuple[CurvePoint, ...]
    reason: str | None = None


class Backend(Protocol):
    """Trains."""

    def train(self, job: TrainingJob, context: Context) -> TrainingResult:
        """Train until the planned steps are done, the time is up or the loss is lost; reports each step."""
        ...
