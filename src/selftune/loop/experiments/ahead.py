"""Tries that know nothing of each other, trained beside each other before each takes its steps one by one.

An engine trains each job up to a checkpoint, which lies where the try's own step looks for one: the step goes on from
there, makes the record and keeps it, as it would after a crash. So records are made in one place, whoever trained, and
an engine that is lost costs time alone.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from selftune.bases.provenance import Provenance
from selftune.errors import NotYet, SelftuneError, UsageError
from selftune.interrupts import asked_to_stop
from selftune.loop.night.engines.base import STOP, EngineError
from selftune.training.base import TrainingStoppedError
from selftune.training.checkpoints import newest_step
from selftune.training.elsewhere.jobs import BASE, SentJob, write_lessons
from selftune.training.machine import this_machine
from selftune.training.rungs import Rung, part_of, train_part
from selftune.training.stage import WHOLE, get_ready, train

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from selftune.context import Context
    from selftune.loop.executor import Executor
    from selftune.loop.night.engines.base import Engine
    from selftune.records import Dataset, Run
    from selftune.training.base import TrainingJob
    from selftune.training.config import Recipe
    from selftune.training.stage import Ready

_GRACE_SECONDS: Final = 60.0
_DAY_SECONDS: Final = 86_400.0


class LostTrainingError(SelftuneError):
    """Whatever trained this try died of it, again and again."""


@dataclass(frozen=True, kw_only=True)
class Training:
    """A step that trains: the whole of a recipe, or up to a rung."""

    dataset: Dataset
    config: Recipe | Rung

    def take(self, step: Executor) -> Run:
        """The run, trained now unless it is on record. Errors as the stage."""
        if isinstance(self.config, Rung):
            return step(train_part, self.dataset, self.config)
        return step(train, self.dataset, self.config)

    def context(self, step: Executor) -> Context | None:
        """What its stage would be handed; None where it is on record."""
        if isinstance(self.config, Rung):
            return step.context_of(train_part, self.dataset, self.config)
        return step.context_of(train, self.dataset, self.config)

    def ready(self, context: Context) -> Ready:
        """All of it but its steps. Errors as the stage."""
        if isinstance(self.config, Rung):
            part = part_of(self.dataset, self.config, context)
            return get_ready(self.dataset, self.config.recipe, context, part)
        return get_ready(self.dataset, self.config, context, WHOLE)


@dataclass(frozen=True, kw_only=True)
class _Waiting:
    """A training whose job lies in its step's folder."""

    training: Training
    job: TrainingJob
    folder: Path
    memory_bytes: int

    @property
    def is_done(self) -> bool:
        return newest_step(self.job.checkpoints) >= self.job.goal


class Ahead:
    """Trains for several steps at once, and remembers which of them nobody could train."""

    def __init__(self, engine: Engine, told: Callable[[str], None] = lambda _: None) -> None:
        self.workers = engine.workers
        self._engine = engine
        self._told = told
        self._lost: list[tuple[Training, str]] = []

    def train(self, step: Executor, trainings: Sequence[Training]) -> None:
        """Train what is not on record up to its last step but one, or to its rung; the steps find that.

        With one worker, one training or memory for one it does nothing: a step trains as well.

        Raises:
            TrainingStoppedError: somebody stopped it; what was learnt is kept.
        """
        if self.workers == 1:
            return
        step.require(train.__name__)
        waiting = [one for training in trainings if (one := _laid_out(training, step)) is not None]
        for some in _that_fit(waiting, self.workers):
            if len(some) > 1:
                self._train_at_once(some)

    def take(self, step: Executor, training: Training) -> Run:
        """The run of a step, from what was trained ahead where that was.

        Raises:
            LostTrainingError: whatever trained it ahead died of it.
        """
        for lost, why in self._lost:
            if lost == training:
                raise LostTrainingError(why, next_step="Memory is the usual reason: try fewer workers.")
        return training.take(step)

    def _train_at_once(self, waiting: Sequence[_Waiting]) -> None:
        self._told(f"{len(waiting)} trainings on {self.workers} workers.")
        with asked_to_stop() as asked:
            try:
                lost = self._engine.train(
                    [one.folder for one in waiting], should_stop=asked, seconds=_seconds_for(waiting, self.workers)
                )
            except EngineError as gone:
                self.workers = 1
                self._told(f"{gone.message} The rest is trained one after the other.")
                return
            if asked():
                done = sum(newest_step(one.job.checkpoints) for one in waiting)
                raise TrainingStoppedError(done, sum(one.job.goal for one in waiting))
        self._lost += [(one.training, why) for one, why in zip(waiting, lost, strict=True) if why is not None]


def _laid_out(training: Training, step: Executor) -> _Waiting | None:
    """The job in its step's folder; None where nothing is left to train ahead, or where the step will say why not."""
    context = training.context(step)
    if context is None:
        return None
    try:
        ready = training.ready(context)
    except (UsageError, NotYet):
        return None
    job = ready.job
    job = replace(job, until=min(job.goal, len(job.batches) - 1))
    # A job's own names for what lies in it are those of the stage, so its checkpoints are the step's.
    waiting = _Waiting(
        training=training, job=job, folder=job.checkpoints.parent, memory_bytes=ready.flight.memory_bytes
    )
    if waiting.is_done:
        return None
    base = waiting.folder / BASE
    if not base.is_symlink():
        base.symlink_to(job.base_folder.resolve(), target_is_directory=True)
    (waiting.folder / STOP).unlink(missing_ok=True)
    origin = Provenance(base_digest=context.base.digest)
    write_lessons(SentJob(job=job, base=context.base, origin=origin), waiting.folder)
    return waiting


def _that_fit(waiting: Sequence[_Waiting], workers: int) -> list[Sequence[_Waiting]]:
    """All of them where memory suffices for as many as there are workers, else in groups that it suffices for."""
    needed, free = max((one.memory_bytes for one in waiting), default=0), this_machine().free_bytes
    room = workers if free is None or not needed else min(workers, free // needed)
    size = len(waiting) if room == workers else max(1, room)
    return [waiting[place : place + size] for place in range(0, len(waiting), size or 1)]


def _seconds_for(waiting: Sequence[_Waiting], workers: int) -> float:
    """What all of them may take: the recipes' own bounds, one round of workers after another."""
    longest = max(one.job.recipe.max_seconds or _DAY_SECONDS for one in waiting)
    return -(-len(waiting) // workers) * (longest + _GRACE_SECONDS)
