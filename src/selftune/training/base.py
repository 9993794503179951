"""What a back-end must do: take rows of tokens and an adapter to begin with, and leave a trained adapter."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Protocol

from selftune.errors import NotYet
from selftune.training.team import ALONE, Team

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from selftune.context import Context
    from selftune.records import CurvePoint, Example, RunStatus
    from selftune.training.config import Recipe


@dataclass(frozen=True, kw_only=True)
class Row:
    """One example as tokens. `supervised` marks those under the loss: the answer and its stop token.

    A pair is its chosen row, which carries the `rejected` one: the same prompt, then another answer and its stop token.
    `liked` is False for an answer that a person did not like: KTO alone learns from such.
    `place` is what the recipe's order sorts it by and `part` what its weights count it to, where it has such.
    """

    interaction_id: str
    tokens: tuple[int, ...]
    supervised: tuple[bool, ...]
    rejected: Row | None = None
    liked: bool = True
    place: str | int | None = None
    part: str = ""

    @property
    def sides(self) -> tuple[Row, ...]:
        """Itself, and the row it is preferred to where there is one."""
        return (self,) if self.rejected is None else (self, self.rejected)

    @property
    def first_supervised(self) -> int:
        """Index of the first token under the loss."""
        return self.supervised.index(True)


class TrainingStoppedError(NotYet):
    """Somebody stopped a training between two steps; what it learnt lies in a checkpoint."""

    exit_code: ClassVar[int] = 130  # as shells count an interrupted command: 128 + SIGINT

    def __init__(self, step: int, steps: int) -> None:
        super().__init__(
            f"the training was stopped after step {step} of {steps}, and what it learnt is kept.",
            next_step=f"Run the same command again: it goes on with step {step + 1}.",
        )


def never() -> bool:
    """Nobody asks to stop."""
    return False


@dataclass(frozen=True, kw_only=True)
class TrainingJob:
    """All that a back-end needs.

    Attributes:
        base_folder: Hugging Face folder of the base.
        initial: Folder of the adapter to begin with, in PEFT's layout.
        checkpoints: Folder that survives a crash; a back-end that finds its own checkpoint there goes on from it.
        adapter: Folder in which the trained adapter must be left.
        held_out: Rows that are not learnt but measure the loss.
        examples: What the rows were made of, in their order; none in a job that came from another machine.
        batches: Row indices of each optimiser step, split into its forward passes.
        team: The processes that take its steps together; a back-end that knows nothing of it trains alone.
        should_stop: Looked at after each step, and between its forward passes by who can drop a step; once it is true
            and steps are left, a checkpoint is written and `TrainingStoppedError` raised.
        until: Steps after which it pauses and leaves a checkpoint to go on from; 0: it goes to its end.
    """

    recipe: Recipe
    rows: tuple[Row, ...]
    batches: tuple[tuple[tuple[int, ...], ...], ...]
    seed: int
    base_folder: Path
    initial: Path
    checkpoints: Path
    adapter: Path
    held_out: tuple[Row, ...] = ()
    examples: tuple[Example, ...] = ()
    team: Team = ALONE
    should_stop: Callable[[], bool] = never
    until: int = 0

    @property
    def goal(self) -> int:
        """The step up to which it is trained now."""
        return self.until or len(self.batches)


@dataclass(frozen=True, kw_only=True)
class TrainingResult:
    """How it went; the adapter lies in the job's `adapter` folder unless the status is `failed` or `diverged`.

    Attributes:
        seconds: What the steps took, those of earlier tries included.
        earlier_seconds: Of these, what the tries before this one took.
        adapter_step: The step after which the adapter was as it is left; None: the last.
    """

    status: RunStatus
    steps: int
    supervised_tokens: int
    curve: tuple[CurvePoint, ...]
    reason: str | None = None
    seconds: float = 0.0
    earlier_seconds: float = 0.0
    adapter_step: int | None = None


class Backend(Protocol):
    """Trains."""

    def train(self, job: TrainingJob, context: Context) -> TrainingResult:
        """Train until the planned steps are done, the time is up or the loss is lost; reports each step.

        Raises:
            TrainingStoppedError: it was asked to stop; a checkpoint lies in the job's folder.
        """
        ...
