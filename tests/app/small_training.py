"""A project with one very short training, and its adapter in a folder: what commands about runs begin with."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from selftune.loop.config import Profile
from selftune.loop.project import create_project, open_project
from selftune.records import Dataset, DatasetKind, Example, Message, Run
from selftune.training.config import Recipe
from selftune.training.stage import train

if TYPE_CHECKING:
    from pathlib import Path


def small_recipe(rank: int) -> Recipe:
    """Two steps, at a rate that changes something, on whatever share of tokens is learnt."""
    return Recipe(
        name="small",
        max_steps=2,
        batch_size=1,
        accumulation=1,
        lora_rank=rank,
        learning_rate=1e-2,
        least_supervised=0.01,
        most_supervised=0.99,
    )


def three_lessons() -> Dataset:
    """A dataset that nobody judged."""
    examples = tuple(
        Example(
            salt=f"s{n}",
            interaction_id=f"interaction:{n}",
            judgement_id=None,
            messages=(Message(role="user", content=f"What is {n}?"), Message(role="assistant", content=f"It is {n}.")),
        )
        for n in range(3)
    )
    return Dataset(
        kind=DatasetKind.SFT,
        train=examples,
        holdout=(),
        rejects=(),
        mixture=(),
        watermark=0,
        config_digest="sha256:0",
        card="made for a test",
    )


def train_in(folder: Path, recipe: Recipe) -> Run:
    """A project on the reference base in `folder` with one run, whose adapter lies in `adapter` there too."""
    create_project(
        folder, name="p", base="reference", recipe="reference_sft", suite="state_obedience", profile=Profile.SOLO
    )
    with open_project(folder) as project:
        dataset = three_lessons()
        run = train(dataset, recipe, project.context())
        project.store.save([dataset, run], event="made by a test")
        (folder / "adapter").mkdir()
        for file in run.adapter:
            shutil.copyfile(project.blobs.path(file.digest), folder / "adapter" / file.name)
    return run
