"""Run: one training, how it went, and the adapter it left."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar

from selftune.records.build import FileDigest
from selftune.records.codec import Record
from selftune.records.dataset import Reject


class RunPurpose(StrEnum):
    """What a training is for: a model that may serve, or a cheap look that is held only against its like."""

    UNSTATED = ""
    PRODUCTION = "production"
    PROBE = "probe"


class RunStatus(StrEnum):
    """How the training ended. Only a finished run can be promoted; a paused one came as far as it should for now."""

    FINISHED = "finished"
    OUT_OF_TIME = "out_of_time"
    FAILED = "failed"
    DIVERGED = "diverged"
    TRAINED_NOTHING = "trained_nothing"
    PAUSED = "paused"


@dataclass(frozen=True, kw_only=True)
class CurvePoint:
    """One logged step: loss in nats per supervised token, learning rate, gradient norm, evaluation loss if taken.

    The evaluation loss is that of lessons which are held out of the training, each counted alike.
    """

    step: int
    loss: float
    learning_rate: float
    grad_norm: float | None = None
    eval_loss: float | None = None


@dataclass(frozen=True, kw_only=True)
class PartMet:
    """A part of the lessons, how many there are of it, and how often these were met."""

    name: str
    examples: int
    met: int


@dataclass(frozen=True, kw_only=True)
class Run(Record):
    """One training.

    Attributes:
        stage_history: Objectives that made these weights, oldest first, this one last (sft, dpo, orpo, kto).
        adapter: Files of the adapter by digest; empty unless something was trained.
        mean_abs_delta: Mean absolute change of the adapted weight matrices; 0 means nothing was trained.
        rejects: Examples that were not trained on (too long, nothing to learn), each with its reason.
        reason: Why it is not finished, or ended before its last step.
        purpose: What its recipe says that it is for.
        settings: What its recipe says of how it is trained, key and value as text; empty where nobody wrote it down.
        wall_seconds: From the first look at the data to the kept adapter, tries that were cut off included.
        trained_seconds: Of these the steps alone; 0 where nobody wrote it down.
        energy_joules: What it drew, as an estimate; None where nothing tells.
        energy_from: Where that estimate comes from.
        code_version: The program that trained it, with a digest of the code that does.
        environment: Versions and threads on which its bytes rest, name and value.
        parts: Where lessons were weighed, what was met of each part, the largest first.
        held_out: Lessons that were not learnt but told the evaluation loss.
        adapter_step: The step after which the adapter was as it is kept; None: the last.
        after: The run that it went on from, where one training is taken in parts. Steps, passes, tokens, curve and
            `trained_seconds` are then those of all parts so far; `wall_seconds`, energy and cost those of this part.
        state: What a paused training goes on from, by digest; it may be gone once nobody will.
        codex_id: The codex that was in force; None where nobody wrote it down.
        recipe: Name of the recipe; its digest beside it.
        objective: What it learnt by, such as `sft`; `backend`: the program that took its steps.
        seed: What chance was drawn with: the same seed and inputs, the same run.
        steps: How many were taken of `planned_steps`.
        passes: How often the lessons were gone over.
        examples: How many lessons there were.
        supervised_tokens: How many tokens were learnt, each pass counted.
        peak_memory_bytes: The most that the training held.
        cost_usd: By the prices in the config; 0 where none stand there.
    """

    KIND: ClassVar[str] = "run"

    recipe: str
    recipe_digest: str
    dataset_id: str
    base_digest: str
    stage_history: tuple[str, ...]
    objective: str
    backend: str
    status: RunStatus
    seed: int
    steps: int
    planned_steps: int
    passes: float
    examples: int
    supervised_tokens: int
    adapter: tuple[FileDigest, ...] = ()
    curve: tuple[CurvePoint, ...] = ()
    mean_abs_delta: float | None = None
    wall_seconds: float = 0.0
    peak_memory_bytes: int = 0
    cost_usd: float = 0.0
    rejects: tuple[Reject, ...] = ()
    reason: str | None = None
    purpose: RunPurpose = RunPurpose.UNSTATED
    settings: tuple[tuple[str, str], ...] = ()
    trained_seconds: float = 0.0
    energy_joules: float | None = None
    energy_from: str = ""
    code_version: str = ""
    environment: tuple[tuple[str, str], ...] = ()
    parts: tuple[PartMet, ...] = ()
    held_out: int = 0
    adapter_step: int | None = None
    after: str | None = None
    state: tuple[FileDigest, ...] = ()
    codex_id: str | None = None

    @property
    def share_done(self) -> float:
        """Steps taken of those planned."""
        return self.steps / self.planned_steps if self.planned_steps else 0.0

    @property
    def whole_seconds(self) -> float:
        """What the training took, the parts before this one reckoned in: of those at the least their steps."""
        return max(self.wall_seconds, self.trained_seconds)

    @property
    def tokens_per_second(self) -> float | None:
        """Supervised tokens a second of its steps; None where their time was not written down."""
        return self.supervised_tokens / self.trained_seconds if self.trained_seconds else None

    @property
    def lessons_seen(self) -> int:
        """How many examples it went over, those seen twice counted twice: its budget, whatever the batch."""
        return round(self.passes * self.examples)
