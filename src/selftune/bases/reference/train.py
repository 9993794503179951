"""Training the reference model: a good-only stage that teaches the skill, and a mixed stage that makes room to improve.

Matrices are trained with Muon (Jordan et al. 2024), embeddings and norms with AdamW; each stage's learning rate falls
to zero over its last three quarters. State is saved every so often, and a run that was stopped goes on from there with
the same draws.
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, Any

from selftune.bases.reference.packing import draw_batch

if TYPE_CHECKING:
    from pathlib import Path

    from selftune.bases.reference.packing import Batch

log = logging.getLogger(__name__)

_DECAY_SHARE = 0.75
_WEIGHT_DECAY = 0.1
_CLIP = 1.0
_LOG_EVERY = 20


@dataclass(frozen=True, kw_only=True)
class Stage:
    """One stage of training.

    Attributes:
        name: Names the stage's checkpoint file.
        steps: Optimizer steps.
        documents: Documents a step, eight questions each.
        muon_rate: Peak learning rate of the matrices.
        adam_rate: Peak learning rate of embeddings and norms.
        save_every: Steps between checkpoints.
        mixed: Whether wrong answers are shown as often as `habits` says.
    """

    name: str
    steps: int
    documents: int
    muon_rate: float
    adam_rate: float
    mixed: bool
    save_every: int = 100


SKILL = Stage(name="skill", steps=1300, documents=8, muon_rate=0.01, adam_rate=2e-3, mixed=False)
HABITS = Stage(name="habits", steps=300, documents=8, muon_rate=0.005, adam_rate=1e-3, mixed=True)


def train_stage(model: Any, tokenizer: Any, stage: Stage, seed: int, checkpoints: Path) -> None:
    """Train the model in place through one stage, resuming from the stage's checkpoint when there is one."""
    checkpoints.mkdir(parents=True, exist_ok=True)
    optimizers = _optimizers(model, stage)
    path = checkpoints / f"{stage.name}.pt"
    first = _resume(model, optimizers, path) if path.exists() else 0
    model.train()
    began = time.monotonic()
    for step in range(first, stage.steps):
        rng = Random(f"{stage.name}:{seed}:{step}")  # noqa: S311 - reproducible draws, no secrets
        loss = _step(model, optimizers, draw_batch(tokenizer, rng, stage.documents, mixed=stage.mixed))
        _set_rate(optimizers, _rate(step + 1, stage.steps))
        if step % _LOG_EVERY == 0:
            log.info("%s %d/%d loss %.4f %.0f s", stage.name, step, stage.steps, loss, time.monotonic() - began)
        if (step + 1) % stage.save_every == 0 or step + 1 == stage.steps:
            _save(model, optimizers, step + 1, path)


def _step(model: Any, optimizers: list[Any], batch: Batch) -> float:
    import torch

    hidden = model.model(
        input_ids=batch.tokens, attention_mask=batch.mask, position_ids=batch.positions, use_cache=False
    ).last_hidden_state
    supervised = batch.labels >= 0
    logits = model.lm_head(hidden[supervised])
    loss = torch.nn.functional.cross_entropy(logits, batch.labels[supervised])
    loss.backward()  # type: ignore[no-untyped-call]
    torch.nn.utils.clip_grad_norm_(model.parameters(), _CLIP)
    for optimizer in optimizers:
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
    return float(loss.detach())


def _optimizers(model: Any, stage: Stage) -> list[Any]:
    import torch

    matrices = [p for name, p in model.named_parameters() if p.ndim == 2 and "embed" not in name]  # noqa: PLR2004
    others = [p for name, p in model.named_parameters() if p.ndim != 2 or "embed" in name]  # noqa: PLR2004
    muon = torch.optim.Muon(matrices, lr=stage.muon_rate, weight_decay=_WEIGHT_DECAY, momentum=0.95)
    adam = torch.optim.AdamW(others, lr=stage.adam_rate, betas=(0.9, 0.98), weight_decay=0.0)
    optimizers = [muon, adam]
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            group["peak"] = group["lr"]
    return optimizers


def _rate(step: int, steps: int) -> float:
    """The share of the peak rate after `step` steps: flat for a quarter, then linear to zero."""
    left = (steps - step) / steps
    return min(1.0, left / _DECAY_SHARE)


def _set_rate(optimizers: list[Any], share: float) -> None:
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            group["lr"] = group["peak"] * share


def _save(model: Any, optimizers: list[Any], step: int, path: Path) -> None:
    import torch

    state = {"step": step, "model": model.state_dict(), "optimizers": [one.state_dict() for one in optimizers]}
    torch.save(state, path.with_suffix(".tmp"))
    path.with_suffix(".tmp").replace(path)


def _resume(model: Any, optimizers: list[Any], path: Path) -> int:
    import torch

    # Our own checkpoint, written by `train_stage` a moment ago; tensors and plain numbers only.
    state = torch.load(path, weights_only=True)
    model.load_state_dict(state["model"])
    for optimizer, saved in zip(optimizers, state["optimizers"], strict=True):
        optimizer.load_state_dict(saved)
    return int(state["step"])
