"""The flat loop: no padding, each shared beginning computed once, logits only where something is learnt.

The same loss and the same gradients as TRL's trainer (`trl_backend.py`, tested against it), in one readable file.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import count
from math import fsum
from typing import TYPE_CHECKING, Any, Final

from selftune.context import Progress
from selftune.records import CurvePoint, RunStatus
from selftune.training.base import TrainingJob, TrainingResult, TrainingStoppedError
from selftune.training.checkpoints import Checkpoint, load_checkpoint, save_checkpoint
from selftune.training.lora import attach, load_adapter, save_adapter
from selftune.training.objectives import objective_of
from selftune.training.packed_model import parameters_of
from selftune.training.resident import borrowed_base, checksum_of
from selftune.training.schedule import learning_rate_at
from selftune.training.stopping import enough, is_measured, kept_step, lowest
from selftune.training.watch import divergence, finite, is_time_up

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import torch

    from selftune.context import Context
    from selftune.training.config import Recipe
    from selftune.training.objectives import Objective

_BEST: Final = "best"
_START = Checkpoint(step=0, seconds=0.0, supervised_tokens=0, curve=(), tensors={})


class PackedBackend:
    """Trains with the loop below, in all processes of the job's team.

    Each computes on the device that its machine has unless one is named.
    """

    def __init__(self, *, device: str | None = None) -> None:
        self._device = device

    def train(self, job: TrainingJob, context: Context) -> TrainingResult:
        """Train from the initial adapter, or from the checkpoint that an earlier try left."""
        with borrowed_base(job.base_folder, job.recipe.precision, self._device) as model:
            return _train(new_learner(job, model), job, context)


def _train(learner: Learner, job: TrainingJob, context: Context) -> TrainingResult:
    recipe, team, steps = job.recipe, job.team, len(job.batches)
    learner.objective.get_ready(learner.model, job, context)
    begun = _begun(job)
    restore(begun.tensors, learner)
    so_far = _SoFar(
        curve=list(begun.curve), learnt=begun.supervised_tokens, best=_best_in(begun.tensors), kept=begun.step
    )
    curve, stopped, status = so_far.curve, None, RunStatus.FINISHED
    started = context.elapsed() - begun.seconds
    for step in range(begun.step, job.goal):
        if team.any_of(team.leads and is_time_up(context.elapsed() - started, recipe.max_seconds)):
            status = RunStatus.OUT_OF_TIME
            stopped = f"{step} of {steps} steps in {recipe.max_seconds:g} s"
            break
        taken = take_step(learner, job, step)
        if taken is None:
            so_far.keep(learner, job, context.elapsed() - started)
            raise TrainingStoppedError(step, steps)
        so_far.add(*taken, learner, job)
        context.report(Progress(done=step + 1, total=steps, note=f"loss {curve[-1].loss:.3f}"))
        seconds = context.elapsed() - started
        if lost := divergence(curve):
            return _result(RunStatus.DIVERGED, finite(curve), so_far.learnt, lost, (seconds, begun.seconds))
        if stopped := enough(curve, steps, recipe):
            break
        stopping = team.any_of(job.should_stop())
        if step + 1 < job.goal and (stopping or (step + 1) % recipe.checkpoint_every == 0):
            so_far.keep(learner, job, seconds)
            if stopping:
                team.wait()  # who starts them ends all as soon as one is gone
                raise TrainingStoppedError(step + 1, steps)
    if stopped is None and job.goal < steps:
        so_far.keep(learner, job, context.elapsed() - started)
        status, stopped = RunStatus.PAUSED, f"{job.goal} of {steps} steps, as far as it was to come for now"
    _leave(so_far.best, learner, job, context)
    result = _result(status, tuple(curve), so_far.learnt, stopped, (context.elapsed() - started, begun.seconds))
    return replace(result, adapter_step=kept_step(curve, recipe))


@dataclass
class _SoFar:
    """How far a training has come.

    Attributes:
        learnt: Supervised tokens.
        best: The adapter of the lowest loss on held-out lessons, where that one is to be left.
        kept: The step of its newest checkpoint.
    """

    curve: list[CurvePoint]
    learnt: int
    best: Mapping[str, torch.Tensor]
    kept: int

    def add(self, point: CurvePoint, tokens: int, learner: Learner, job: TrainingJob) -> None:
        """Take a step down, with the loss on what is held out where it is time to measure that."""
        if is_measured(point.step, len(job.batches), job.recipe):
            point = replace(point, eval_loss=held_out_loss(learner, job))
        self.curve.append(point)
        self.learnt += tokens
        if job.recipe.stop_early_after and point is lowest(self.curve):
            self.best = copied(learner.adapter)

    def keep(self, learner: Learner, job: TrainingJob, seconds: float) -> None:
        """Write a checkpoint, if steps were taken since the one before; the first process of a team does."""
        if job.team.leads and len(self.curve) > self.kept:
            tensors = snapshot(learner) | {f"{_BEST}/{name}": tensor for name, tensor in self.best.items()}
            checkpoint = Checkpoint(
                step=len(self.curve),
                seconds=seconds,
                supervised_tokens=self.learnt,
                curve=tuple(self.curve),
                tensors=tensors,
            )
            save_checkpoint(job.checkpoints, checkpoint)
        self.kept = len(self.curve)


def _begun(job: TrainingJob) -> Checkpoint:
    """Where an earlier try left it; the first process looks first, since it sets aside what is damaged."""
    if not job.team.leads:
        job.team.wait()
    begun = load_checkpoint(job.checkpoints) or _START
    if job.team.leads:
        job.team.wait()
    job.team.check_alike((begun.step, begun.supervised_tokens), "checkpoint")
    return begun


def _leave(best: Mapping[str, torch.Tensor], learner: Learner, job: TrainingJob, context: Context) -> None:
    """Leave the best adapter, or the last, once all processes are found to have come to the same."""
    job.team.check_alike(checksum_of(learner.adapter.values()), "adapter in the end")
    if job.team.leads:
        save_adapter(job.adapter, best or learner.adapter, job.recipe, context.base.name)


@dataclass(frozen=True, kw_only=True)
class Learner:
    """The frozen model, the adapter that hooks into it, what it learns by, and the optimiser over its tensors."""

    objective: Objective
    model: Any
    adapter: Mapping[str, torch.Tensor]
    optimiser: torch.optim.Optimizer


def new_learner(job: TrainingJob, model: Any) -> Learner:
    """A learner at the job's initial adapter, on a base that is its own as long as it learns."""
    recipe = job.recipe
    adapter = parameters_of(load_adapter(job.initial)[0], model.device)
    attach(model, adapter, recipe.lora_scale, recipe.lora_dropout)
    optimiser = new_optimiser(adapter, recipe)
    return Learner(objective=objective_of(recipe), model=model, adapter=adapter, optimiser=optimiser)


def new_optimiser(adapter: Mapping[str, torch.Tensor], recipe: Recipe) -> torch.optim.Optimizer:
    """The recipe's optimiser over the adapter's tensors; transformers' defaults for what the recipe leaves open."""
    import torch

    parameters = list(adapter.values())
    if recipe.optimiser == "sgd":
        return torch.optim.SGD(parameters, lr=recipe.learning_rate, weight_decay=recipe.weight_decay)
    return torch.optim.AdamW(parameters, lr=recipe.learning_rate, weight_decay=recipe.weight_decay)


def take_step(learner: Learner, job: TrainingJob, step: int) -> tuple[CurvePoint, int] | None:
    """One optimiser step: gradients of the objective's loss, clipped, applied; and how many tokens were under it.

    None where it was asked to stop between two forward passes: then nothing was applied. Processes of a team look
    between steps alone, where all of them are at the same place.
    """
    import torch

    batches = [[job.rows[index] for index in batch] for batch in job.batches[step]]
    tokens = sum(sum(side.supervised) for rows in batches for row in rows for side in row.sides)
    losses: list[torch.Tensor] = []
    passes = learner.objective.losses(learner.model, batches, job.team.mine)
    for _, loss in zip(_draws(job, step), passes, strict=False):  # what it draws is settled before a pass begins
        if losses and job.team.size == 1 and job.should_stop():
            learner.optimiser.zero_grad()
            return None
        loss.backward()  # type: ignore[no-untyped-call] # torch ships it untyped
        losses.append(loss.detach())  # read once all are under way: a card need not be waited for in between
    total = job.team.total(sum(loss.item() for loss in losses))
    job.team.add_gradients(learner.adapter.values())
    norm = torch.nn.utils.clip_grad_norm_(learner.adapter.values(), job.recipe.max_grad_norm or float("inf"))
    rate = learning_rate_at(step, len(job.batches), job.recipe)
    for group in learner.optimiser.param_groups:
        group["lr"] = rate
    learner.optimiser.step()
    learner.optimiser.zero_grad()
    return CurvePoint(step=step + 1, loss=total, learning_rate=rate, grad_norm=float(norm)), tokens


def _draws(job: TrainingJob, step: int) -> Iterator[None]:
    """Settle what dropout draws in each pass of a step, whatever ran before it and whichever process computes it."""
    import torch

    for place in count(job.team.rank, job.team.size):
        torch.manual_seed(job.seed + step + (place << 32))
        yield


def held_out_loss(learner: Learner, job: TrainingJob) -> float:
    """The mean of the losses that the held-out lessons have by themselves, so that each counts alike."""
    import torch

    mine = job.held_out[job.team.mine]
    learner.model.eval()
    with torch.no_grad():
        losses = [sum(loss.item() for loss in learner.objective.losses(learner.model, [[row]])) for row in mine]
    learner.model.train()
    return job.team.total(fsum(losses)) / len(job.held_out)


def copied(adapter: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The adapter as it is now, whatever the next step does."""
    return {name: tensor.detach().clone() for name, tensor in adapter.items()}


def snapshot(learner: Learner) -> dict[str, torch.Tensor]:
    """Adapter and optimiser state as one flat table of tensors."""
    table = {f"adapter/{name}": tensor.detach() for name, tensor in learner.adapter.items()}
    for name, tensor in learner.adapter.items():
        state = learner.optimiser.state[tensor]
        table |= {f"{key}/{name}": value for key, value in state.items() if value is not None}
    return table


def restore(table: Mapping[str, torch.Tensor], learner: Learner) -> None:
    """Put back what `snapshot` took; an empty table changes nothing."""
    for name, value in table.items():
        key, _, tensor_name = name.partition("/")
        if key == _BEST:
            continue
        tensor = learner.adapter[tensor_name]
        if key == "adapter":
            tensor.data.copy_(value)
        else:
            # Adam's count of steps stays where it is.
            learner.optimiser.state[tensor][key] = value.to(tensor.device) if value.ndim else value


def _best_in(table: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The adapter of the lowest loss on held-out lessons that a checkpoint holds; empty where none was measured."""
    named = ((name.partition("/"), tensor) for name, tensor in table.items())
    return {name: tensor for (key, _, name), tensor in named if key == _BEST}


def _result(
    status: RunStatus, curve: tuple[CurvePoint, ...], learnt: int, reason: str | None, seconds: tuple[float, float]
) -> TrainingResult:
    """`seconds` are those of all tries, and of the earlier ones among them."""
    return TrainingResult(
        status=status,
        steps=len(curve),
        supervised_tokens=learnt,
        curve=curve,
        reason=reason,
        seconds=seconds[0],
        earlier_seconds=seconds[1],
    )
