"""Our packed SFT loop against a plain TRL script: same examples, same batches, same adapter to begin with.

    python benchmarks/sft_against_trl.py [STEPS] [BASE] [HOME]

Parity first (the losses of both must agree), then the time of the same optimiser steps; the last line is the ratio.
TRL is given rows tokenised beforehand, no activation checkpointing (its default, which costs a second forward pass) and
no saving, so that only training is timed, and timed at its best.
"""

from __future__ import annotations

import sys
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from selftune.bases.registry import resolve_base
from selftune.bases.shape import read_shape
from selftune.records import Example, Message
from selftune.testing import fake_context
from selftune.training.base import TrainingJob
from selftune.training.config import load_recipe
from selftune.training.lora import new_adapter, save_adapter
from selftune.training.preflight import tokenise
from selftune.training.rows import load_tokenizer
from selftune.training.sampling import plan_batches

if TYPE_CHECKING:
    from collections.abc import Iterator

    from selftune.context import Context
    from selftune.training.base import Backend, TrainingResult

EXAMPLES = 240
TOLERANCE = 1e-3


@dataclass
class StepClock:
    """Notes when each step was reported."""

    reported: list[float]

    @property
    def per_step(self) -> float:
        """Mean seconds of the steps after the first."""
        return (self.reported[-1] - self.reported[0]) / (len(self.reported) - 1)


def conversations(base: str) -> Iterator[Example]:
    """What the base's own demo would teach."""
    if base == "smollm2":
        from selftune.bases.smollm2_data.write import draw_corrections

        lessons = [(p.system, p.user, p.answer) for p in draw_corrections()]
    else:
        from selftune.bases.reference.language import draw_prompts

        lessons = [
            (p.system, p.user, "I looked for it, but it is not in my state.") for p in draw_prompts(0, EXAMPLES, "demo")
        ]
    for number, (system, user, answer) in enumerate(lessons[:EXAMPLES]):
        turns = (("system", system), ("user", user), ("assistant", answer))
        yield Example(
            salt=str(number),
            interaction_id=f"interaction:{number}",
            judgement_id=None,
            messages=tuple(Message(role=role, content=content) for role, content in turns),
        )


def job_in(folder: Path, base_folder: Path, base: str, steps: int) -> TrainingJob:
    """The same job for either back-end."""
    recipe = replace(load_recipe(f"{base}_sft"), max_steps=steps, checkpoint_every=10**6)
    rows, _ = tokenise(tuple(conversations(base)), recipe, load_tokenizer(base_folder))
    save_adapter(folder / "initial", new_adapter(read_shape(base_folder), recipe, 0), recipe, base)
    return TrainingJob(
        recipe=recipe,
        rows=rows,
        batches=plan_batches(rows, recipe, steps, 0),
        seed=0,
        base_folder=base_folder,
        initial=folder / "initial",
        checkpoints=folder / "checkpoints",
        adapter=folder / "adapter",
    )


def timed(backend: Backend, job: TrainingJob, context: Context) -> tuple[TrainingResult, StepClock]:
    """One training and when its steps were done."""
    clock = StepClock(reported=[])
    watched = replace(context, report=lambda _: clock.reported.append(time.perf_counter()))
    return backend.train(job, watched), clock


def main(steps: int = 20, base: str = "reference", home: str | None = None) -> None:
    """Run both, print what was measured, the ratio last."""
    _, base_folder = resolve_base(base, Path(home) if home else None)
    results: dict[str, Any] = {}
    for name, load in (("packed", _packed), ("trl", _trl)):
        with tempfile.TemporaryDirectory() as scratch:
            folder = Path(scratch)
            job = job_in(folder, base_folder, base, steps)
            results[name] = timed(load(), job, fake_context(folder))
        clock = results[name][1]
        print(f"{name:>6}: {clock.per_step:6.3f} s a step (the first one, which warms up, is left out)")
    ours, theirs = (results[name][0].curve for name in ("packed", "trl"))
    apart = max(abs(a.loss - b.loss) / b.loss for a, b in zip(ours, theirs, strict=True))
    print(f"parity: losses of {len(ours)} steps agree within {apart:.1e}")
    assert apart < TOLERANCE, "the two do not train the same thing; the ratio would mean nothing"
    print(f"ratio: {results['trl'][1].per_step / results['packed'][1].per_step:.2f}x TRL's steps per second")


def _packed() -> Backend:
    from selftune.training.packed_backend import PackedBackend

    return PackedBackend()


def _trl() -> Backend:
    from selftune.training.trl_backend import TrlBackend

    return TrlBackend()


if __name__ == "__main__":
    main(*(kind(value) for kind, value in zip((int, str, str), sys.argv[1:], strict=False)))
