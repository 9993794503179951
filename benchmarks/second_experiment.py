"""What the second experiment of a night pays beside its training: `python benchmarks/second_experiment.py [NIGHTS]`.

Four recipes (three ranks, two rates) over the same lessons of the reference base, trained one after another by the
stage itself on a base that stays in memory. The share of a training's processor seconds that is no step of its own, for
experiments 2 to 4; the goal is 1 %. Beside it, so that the figure has a scale, the same share where each one loads the
base anew. What is trained first and, after three others, once more must come out byte for byte.
"""

from __future__ import annotations

import os

os.environ |= {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}  # before torch wakes: its threads wait busily

import sys
import tempfile
import time
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any, Final

from figures import interval, write_results

from selftune.bases.reference.language import draw_prompts
from selftune.bases.registry import resolve_base
from selftune.records import Dataset, DatasetKind, Example, Message
from selftune.testing import fake_context
from selftune.training.config import Recipe
from selftune.training.resident import kept_in_memory
from selftune.training.stage import train

if TYPE_CHECKING:
    from selftune.records import Run

LESSONS: Final = 240
GOAL: Final = 0.01


def lessons() -> Dataset:
    """What the demo of the reference base would teach."""
    answer = "I looked for it, but it is not in my state."
    examples = tuple(
        Example(
            salt=str(number),
            interaction_id=f"interaction:{number}",
            judgement_id=None,
            messages=tuple(
                Message(role=role, content=content)
                for role, content in (("system", prompt.system), ("user", prompt.user), ("assistant", answer))
            ),
        )
        for number, prompt in enumerate(draw_prompts(0, LESSONS, "demo"))
    )
    return Dataset(
        kind=DatasetKind.SFT,
        train=examples,
        holdout=(),
        rejects=(),
        mixture=(("demo", 1.0),),
        watermark=0,
        config_digest="sha256:0",
        card="for a benchmark",
    )


def recipes() -> tuple[Recipe, ...]:
    """Four, and the first once more."""
    few = Recipe(name="few", learning_rate=1e-3, batch_size=8, accumulation=1, max_steps=60, least_supervised=0.02)
    changes: tuple[dict[str, Any], ...] = ({}, {"lora_rank": 8}, {"learning_rate": 5e-4}, {"lora_rank": 32}, {})
    return tuple(replace(few, **one) for one in changes)


def night(dataset: Dataset, *, resident: bool) -> tuple[list[float], list[Run]]:
    """The share of each training from the second on that was no step of it, and the runs."""
    base, folder = resolve_base("reference")
    shares, runs = [], []
    with tempfile.TemporaryDirectory() as scratch, kept_in_memory() if resident else nullcontext():
        for number, recipe in enumerate(recipes()):
            context = fake_context(Path(scratch) / str(number), seed=7)
            context = replace(context, base=base, base_folder=folder, elapsed=time.process_time)
            runs.append(train(dataset, recipe, context))
            shares.append(1 - runs[-1].trained_seconds / runs[-1].wall_seconds)
    return shares[1:4], runs


def main(nights: int = 3) -> None:
    """Both ways in turn, the ratio last."""
    dataset = lessons()
    kept: list[float] = []
    anew: list[float] = []
    for number in range(nights):
        for resident in (True, False) if number % 2 == 0 else (False, True):
            shares, runs = night(dataset, resident=resident)
            (kept if resident else anew).extend(shares)
            if runs[0].adapter != runs[4].adapter:
                raise SystemExit("the first recipe gave another adapter as the fifth: a base in memory was changed")
    low, high = interval(kept)
    write_results("second_experiment", {"kept": kept, "anew": anew, "median": median(kept), "interval": [low, high]})
    print(f"the first recipe and the same as the fifth: the same adapter, {2 * nights} of {2 * nights} nights")
    print(f"loading the base each time: {median(anew):.2%} of a training is no step of it")
    print(f"ratio second_experiment: {median(kept):.2%} [{low:.2%}, {high:.2%}] (goal {GOAL:.0%}), n = {len(kept)}")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
