"""How far the estimate of a training's peak memory lies from what was measured: `python benchmarks/memory_estimate.py`.

Each case trains two steps in a process of its own, whose largest resident size is the measure. Ends with 1 where an
estimate is off by more than 15 %.
"""

from __future__ import annotations

import json
import random
import resource
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Final

from selftune.bases.registry import known_bases, resolve_base
from selftune.bases.shape import read_shape
from selftune.plugins import load_plugin
from selftune.testing import fake_context
from selftune.training.base import Row, TrainingJob
from selftune.training.config import Recipe
from selftune.training.lora import new_adapter, save_adapter
from selftune.training.machine import needed_bytes

ALLOWED: Final = 0.15
# Base, tokens in an example, examples in a pass, share under the loss, back-end, rank, adapted layers.
CASES: Final = (
    ("reference", 512, 2, 0.25, "packed", 16, 0),
    ("reference", 1024, 8, 0.25, "packed", 16, 0),
    ("reference", 1024, 8, 1.0, "packed", 64, 0),
    ("reference", 1024, 8, 0.25, "trl", 16, 0),
    ("smollm2", 128, 1, 0.25, "packed", 16, 0),
    ("smollm2", 256, 4, 0.25, "packed", 16, 10),
    ("smollm2", 1024, 1, 0.25, "packed", 16, 0),
)


def main() -> None:
    """Every case whose base is on this machine, then how many lie within the bound."""
    here = known_bases()
    told = []
    for case in CASES:
        if case[0] in here:
            told.append(json.loads(_child(case)))
            sys.stdout.write(json.dumps(told[-1]) + "\n")
        else:
            sys.stdout.write(f"{case[0]} is not on this machine: `selftune base add {case[0]}`\n")
    within = sum(abs(one["ratio"] - 1) <= ALLOWED for one in told)
    sys.stdout.write(f"{within} of {len(told)} estimates within {ALLOWED:.0%} of the measured peak\n")
    sys.exit(0 if within == len(told) else 1)


def measure(name: str, length: int, batch: int, learnt: float, backend: str, rank: int, layers: int) -> None:
    """Train two steps here and print what that took beside what was estimated, in megabytes."""
    base, folder = resolve_base(name)
    shape = read_shape(folder)
    recipe = Recipe(
        name="m", backend=backend, batch_size=batch, accumulation=1, max_steps=2, lora_rank=rank, lora_layers=layers
    )
    draw = random.Random(0)  # noqa: S311 - draws must repeat, not be secret
    marks = tuple(place >= length * (1 - learnt) for place in range(length))
    rows = tuple(
        Row(interaction_id="i", tokens=tuple(draw.randrange(20, 300) for _ in range(length)), supervised=marks)
        for _ in range(2 * batch)
    )
    with tempfile.TemporaryDirectory() as place:
        work = Path(place)
        save_adapter(work / "initial", new_adapter(shape, recipe, 0), recipe, name)
        job = TrainingJob(
            recipe=recipe,
            rows=rows,
            batches=tuple((tuple(range(step * batch, (step + 1) * batch)),) for step in range(2)),
            seed=0,
            base_folder=folder,
            initial=work / "initial",
            checkpoints=work / "checkpoints",
            adapter=work / "adapter",
        )
        context = replace(fake_context(work), base=base, base_folder=folder)
        load_plugin("selftune.backends", backend)().train(job, context)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    needed = needed_bytes(rows, recipe, shape)
    case = {
        "base": name,
        "tokens": length * batch,
        "learnt": learnt,
        "backend": backend,
        "rank": rank,
        "layers": layers,
    }
    figures = {"peak_mb": round(peak / 1e6), "estimate_mb": round(needed / 1e6), "ratio": round(needed / peak, 3)}
    sys.stdout.write(json.dumps(case | figures) + "\n")


def _child(case: tuple[object, ...]) -> str:
    ran = subprocess.run([sys.executable, __file__, *map(str, case)], capture_output=True, text=True, check=True)
    return ran.stdout.splitlines()[-1]


if __name__ == "__main__":
    if len(sys.argv) == 1:
        main()
    else:
        _name, _length, _batch, _learnt, _backend, _rank, _layers = sys.argv[1:]
        measure(_name, int(_length), int(_batch), float(_learnt), _backend, int(_rank), int(_layers))
