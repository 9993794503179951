"""Preferences for the tests of this folder: the conversations of the room, each with a worse answer."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from tiny_llama import conversations

from selftune.bases.shape import read_shape
from selftune.records import Example
from selftune.training.base import Row, TrainingJob
from selftune.training.config import Recipe
from selftune.training.lora import new_adapter, save_adapter
from selftune.training.preflight import tokenise
from selftune.training.rows import load_tokenizer
from selftune.training.sampling import plan_batches

WORSE = ("As a language model I know no songs at all, sorry.", "Who knows.", "Certainly! Great question! Hello!")


def preferences(count: int) -> tuple[Example, ...]:
    examples = conversations(count)
    return tuple(replace(one, rejected=WORSE[place % len(WORSE)]) for place, one in enumerate(examples))


def recipe(objective: str, **changes: Any) -> Recipe:
    few = {"name": "tiny", "objective": objective, "batch_size": 2, "accumulation": 2, "learning_rate": 1e-2}
    few |= {"lora_rank": 4, "max_steps": 20, "least_supervised": 0.01, "checkpoint_every": 50}
    few |= {} if objective == "sft" else {"beta": 0.1}
    return Recipe(**few | changes)


def pairs_of(base: Path, count: int, chosen: Recipe) -> tuple[Row, ...]:
    examples = thumbs(count) if chosen.objective == "kto" else preferences(count)
    return tokenise(examples, chosen, load_tokenizer(base))[0]


def job_in(folder: Path, base: Path, chosen: Recipe, *, moved: bool = False) -> TrainingJob:
    """A job whose adapter begins at zero or, `moved`, somewhere else, as one that is trained further does."""
    import torch

    rows = pairs_of(base, 9, chosen)
    adapter = new_adapter(read_shape(base), chosen, seed=3)
    if moved:
        draw = torch.Generator().manual_seed(5)
        adapter = {name: tensor + 0.1 * torch.randn(tensor.shape, generator=draw) for name, tensor in adapter.items()}
    save_adapter(folder / "initial", adapter, chosen, "tiny")
    return TrainingJob(
        recipe=chosen,
        rows=rows,
        batches=plan_batches(rows, chosen, chosen.max_steps, seed=3),
        seed=3,
        base_folder=base,
        initial=folder / "initial",
        checkpoints=folder / "checkpoints",
        adapter=folder / "adapter",
    )


def thumbs(count: int) -> tuple[Example, ...]:
    """The conversations of the room as liked answers, every second one as a disliked one behind its question."""
    return tuple(
        replace(one, messages=one.messages[:-1], rejected=one.messages[-1].content) if place % 2 else one
        for place, one in enumerate(conversations(count))
    )
