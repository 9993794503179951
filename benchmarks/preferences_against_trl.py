"""Our packed DPO and ORPO against TRL's trainers: same pairs, same batches, same adapter to begin with.

    python benchmarks/preferences_against_trl.py [ROUNDS] [BASE]

Parity first: the losses of six steps agree within 1e-4. Then processor seconds of the same optimiser steps on one
thread, the first step left out, in turn and back. TRL runs twice: `default`, with the activation checkpointing it turns
on by itself and, for DPO, a second pass for the reference; and `tuned`, without either, the reference computed
beforehand, as ours is (one pass for each pair and base, kept from training to training, and in nobody's time here).
TRL's padding-free mode, which would belong to `tuned`, is out of order in TRL 1.16 by its own warning.
"""

from __future__ import annotations

import os

os.environ |= {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}  # before torch wakes: its threads wait busily

import random
import sys
import tempfile
import time
import warnings
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from figures import in_turn, tell

from selftune.bases.offline import stay_offline
from selftune.bases.registry import resolve_base
from selftune.bases.shape import read_shape
from selftune.testing import fake_context
from selftune.training.base import Row, TrainingJob
from selftune.training.config import Recipe
from selftune.training.lora import new_adapter, save_adapter
from selftune.training.packed_backend import PackedBackend
from selftune.training.sampling import plan_batches
from selftune.training.trl_backend import adapted_model, trainer_for, trainer_settings

if TYPE_CHECKING:
    from collections.abc import Callable

PAIRS: Final = 500
STEPS: Final = 6
TOLERANCE: Final = 1e-4
# Tokens of prompt and of each answer, in the middle: twice as many, four times as many, and less than half as many.
SHAPES: Final = {"2": (180, 90), "4": (360, 90), "0.4": (72, 180)}
GOALS: Final = {"dpo": {"trl default": 4.0, "trl tuned": 1.8}, "orpo": {"trl default": 2.5, "trl tuned": 1.0}}


@dataclass
class Steps:
    """Losses of a training and its processor seconds after the first step."""

    seconds: list[float] = field(default_factory=list)
    losses: list[float] = field(default_factory=list)

    def done(self, _: Any) -> None:
        """A step was reported."""
        self.seconds.append(time.process_time())

    @property
    def spent(self) -> float:
        """Seconds of the steps after the first."""
        return self.seconds[-1] - self.seconds[0]


def draw_pairs(shape: tuple[int, int], vocabulary: int, context: int) -> tuple[Row, ...]:
    """Pairs of random tokens; lengths spread by a third around the middle, as those of people do."""
    draw = random.Random(7)  # noqa: S311 - what is drawn must repeat, not be secret

    def tokens(middle: int) -> tuple[int, ...]:
        count = max(8, min(round(middle * draw.lognormvariate(0, 0.35)), context // 2))
        return tuple(draw.randrange(vocabulary) for _ in range(count))

    def pair(number: int) -> Row:
        prompt = tokens(shape[0])
        chosen, rejected = (_side(number, prompt, tokens(shape[1])) for _ in range(2))
        return replace(chosen, rejected=rejected)

    return tuple(map(pair, range(PAIRS)))


def _side(number: int, prompt: tuple[int, ...], answer: tuple[int, ...]) -> Row:
    marks = (False,) * len(prompt) + (True,) * len(answer)
    return Row(interaction_id=f"interaction:{number}", tokens=prompt + answer, supervised=marks)


def job_in(folder: Path, base: Path, objective: str, shape: tuple[int, int]) -> TrainingJob:
    """The same job for every side."""
    recipe = Recipe(
        name=objective,
        objective=objective,
        beta=0.1,
        batch_size=4,
        accumulation=1,
        max_steps=STEPS,
        learning_rate=1e-4,
        checkpoint_every=10**6,
    )
    sizes = read_shape(base)
    rows = draw_pairs(shape, sizes.vocabulary, sizes.context_length)
    save_adapter(folder / "initial", new_adapter(sizes, recipe, 0), recipe, "base")
    return TrainingJob(
        recipe=recipe,
        rows=rows,
        batches=plan_batches(rows, recipe, STEPS, 0),
        seed=0,
        base_folder=base,
        initial=folder / "initial",
        checkpoints=folder / "checkpoints",
        adapter=folder / "adapter",
    )


def train_packed(job: TrainingJob, steps: Steps) -> None:
    """Ours; the steps' times leave the reference out, as they do for TRL's."""
    with tempfile.TemporaryDirectory() as scratch:
        context = replace(fake_context(Path(scratch)), report=steps.done)
        steps.losses = [point.loss for point in PackedBackend().train(job, context).curve]


def train_trl(job: TrainingJob, steps: Steps, changes: dict[str, Any]) -> None:
    """TRL's trainer by our rows and settings, and what this side changes in them."""
    stay_offline()
    from transformers import PrinterCallback, TrainerCallback

    from selftune.training.rows import load_tokenizer

    class Watch(TrainerCallback):  # type: ignore[misc] # transformers ships no types
        def on_step_end(self, *_: Any, **__: Any) -> None:
            steps.done(None)

    tokenizer = load_tokenizer(job.base_folder)
    tokenizer.pad_token = tokenizer.convert_ids_to_tokens(0)
    services = {"model": adapted_model(job), "processing_class": tokenizer, "callbacks": [Watch()]}
    rows = [job.rows[index] for step in job.batches for batch in step for index in batch]
    settings = trainer_settings(job) | {"save_strategy": "no"} | changes
    trainer = trainer_for(job.recipe)(rows, job.recipe, settings, services)
    trainer.remove_callback(PrinterCallback)
    trainer.train()
    steps.losses = [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]


def sides_of(objective: str, job: TrainingJob) -> dict[str, Callable[[Steps], None]]:
    """Ours, TRL as it comes, and TRL as well as we can tune it."""
    tuned: dict[str, Any] = {"precompute_ref_log_probs": True} if objective == "dpo" else {}
    return {
        "ours": lambda steps: train_packed(job, steps),
        "trl default": lambda steps: train_trl(job, steps, {"activation_checkpointing": True}),
        "trl tuned": lambda steps: train_trl(job, steps, tuned),
    }


def parity(sides: dict[str, Callable[[], float]], losses: dict[str, list[float]]) -> float:
    """How far the losses of any side lie from ours at most, as a share; more than the tolerance ends it all."""
    for measure in sides.values():
        measure()
    ours, *others = losses.values()
    apart = max(abs(a - b) / abs(b) for theirs in others for a, b in zip(ours, theirs, strict=True))
    if apart > TOLERANCE:
        raise SystemExit("the two do not train the same thing; a ratio would mean nothing")
    return apart


def compare(objective: str, ratio: str, base: Path, rounds: int) -> None:
    """Parity, then the times of one objective on pairs of one shape."""
    with tempfile.TemporaryDirectory() as scratch:
        job = job_in(Path(scratch), base, objective, SHAPES[ratio])
        losses: dict[str, list[float]] = {}

        def seconds_of(name: str, train: Callable[[Steps], None]) -> Callable[[], float]:
            def measure() -> float:
                train(steps := Steps())
                losses[name] = steps.losses
                return steps.spent

            return measure

        sides = {name: seconds_of(name, train) for name, train in sides_of(objective, job).items()}
        apart = parity(sides, losses)
        print(f"{objective}, prompt:answer {ratio}: losses of {STEPS} steps agree within {apart:.1e}")
        measured = in_turn(sides, rounds)
    tell(
        f"{objective}_pairs_{ratio}",
        "ours",
        measured,
        GOALS[objective],
        parity=apart,
        pairs=PAIRS,
        steps=STEPS,
        batch=4,
        threads=1,
        dtype="float32",
        seconds="processor",
    )


def main(rounds: int = 7, base: str = "reference") -> None:
    """Each objective on each shape; the shape that the goals are about comes last."""
    warnings.filterwarnings("ignore", category=FutureWarning)
    _, folder = resolve_base(base, None)
    for objective in GOALS:
        for ratio in ("4", "0.4", "2"):
            compare(objective, ratio, folder, rounds)


if __name__ == "__main__":
    main(*(kind(value) for kind, value in zip((int, str), sys.argv[1:], strict=False)))
