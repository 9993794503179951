"""From the start of a process to its first optimiser step, ours beside `trl sft`: `python benchmarks/first_step.py`.

Each side is a whole process on one thread that tokenises 240 conversations, takes one step of eight on the reference
base and ends; processor seconds of the process, its files in the page cache. `trl sft` gets the same conversations as a
JSON file, and LoRA of the same rank and targets. The loss of that step must agree within 1e-3 first. The goal is 0.3 of
TRL's time. With a cold page cache: not measured, since emptying it takes rights over the whole machine.
"""

from __future__ import annotations

import json
import os
import re
import resource
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

from figures import in_turn, tell

from selftune.bases.registry import resolve_base

if TYPE_CHECKING:
    from collections.abc import Callable

LESSONS: Final = 240
TOLERANCE: Final = 1e-3
ANSWER: Final = "I looked for it, but it is not in my state."
GOALS: Final = {"trl sft": 1 / 0.3}


def conversations() -> list[list[dict[str, str]]]:
    """What the demo of the reference base would teach, as TRL reads it."""
    from selftune.bases.reference.language import draw_prompts

    return [
        [
            {"role": "system", "content": prompt.system},
            {"role": "user", "content": prompt.user},
            {"role": "assistant", "content": ANSWER},
        ]
        for prompt in draw_prompts(0, LESSONS, "demo")
    ]


def take_ours(data: Path, base: Path) -> None:
    """One step by our own stages' parts, in this process."""
    from selftune.bases.shape import read_shape
    from selftune.records import Example, Message
    from selftune.testing import fake_context
    from selftune.training.base import TrainingJob
    from selftune.training.config import Recipe
    from selftune.training.lora import new_adapter, save_adapter
    from selftune.training.packed_backend import PackedBackend
    from selftune.training.preflight import tokenise
    from selftune.training.rows import load_tokenizer

    recipe = Recipe(name="one step", learning_rate=1e-3, batch_size=8, accumulation=1, max_steps=1)
    lines = [json.loads(line)["messages"] for line in data.read_text(encoding="utf-8").splitlines()]
    examples = tuple(
        Example(
            salt=str(number),
            interaction_id=f"interaction:{number}",
            judgement_id=None,
            messages=tuple(Message(**one) for one in messages),
        )
        for number, messages in enumerate(lines)
    )
    rows, _ = tokenise(examples, recipe, load_tokenizer(base))
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        save_adapter(folder / "initial", new_adapter(read_shape(base), recipe, 0), recipe, "base")
        job = TrainingJob(
            recipe=recipe,
            rows=rows,
            batches=((tuple(range(recipe.batch_size)),),),
            seed=0,
            base_folder=base,
            initial=folder / "initial",
            checkpoints=folder / "checkpoints",
            adapter=folder / "adapter",
        )
        print(json.dumps({"loss": PackedBackend().train(job, fake_context(folder)).curve[0].loss}))


def trl_command(data: Path, base: Path, out: Path) -> list[str]:
    """The command of TRL for the same step."""
    said = {
        "model_name_or_path": base,
        "dataset_name": data.parent,
        "output_dir": out,
        "max_steps": 1,
        "per_device_train_batch_size": 8,
        "learning_rate": 1e-3,
        "logging_steps": 1,
        "use_peft": True,
        "lora_r": 16,
        "lora_alpha": 16,
        "lora_dropout": 0.0,
        "use_cpu": True,
        "bf16": False,
        "report_to": "none",
        "save_strategy": "no",
        "train_sampling_strategy": "sequential",
        "assistant_only_loss": True,
    }
    told = [part for key, value in said.items() for part in (f"--{key}", str(value))]
    targets = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
    return [str(Path(sys.executable).with_name("trl")), "sft", *told, "--lora_target_modules", *targets]


def run(command: list[str]) -> tuple[float, float]:
    """Processor seconds of a whole process, and the loss that it printed last."""
    threads = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1", "HF_HUB_DISABLE_TELEMETRY": "1"}
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    ran = subprocess.run(command, check=False, capture_output=True, text=True, env=os.environ | threads)
    if ran.returncode:
        raise SystemExit(f"{command[0]} failed: {ran.stderr[-2000:]}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    losses = re.findall(r"""['"]loss['"]: *['"]?([0-9.]+)""", ran.stdout)
    if not losses:
        raise SystemExit(f"{command[0]} printed no loss: {ran.stdout[-2000:]}")
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, float(losses[-1])


def main(rounds: int = 7) -> None:
    """Whole processes in turn, the ratio last."""
    _, base = resolve_base("reference")
    with tempfile.TemporaryDirectory() as scratch:
        data = Path(scratch) / "data" / "train.jsonl"
        data.parent.mkdir()
        data.write_text("".join(json.dumps({"messages": one}) + "\n" for one in conversations()), encoding="utf-8")
        ours = [sys.executable, __file__, "--child", str(data), str(base)]
        theirs = trl_command(data, base, Path(scratch) / "out")
        apart = abs(run(ours)[1] / run(theirs)[1] - 1)
        if apart > TOLERANCE:
            raise SystemExit(f"the two do not take the same step (apart by {apart:.1e}); a ratio would mean nothing")
        print(f"the loss of the first step agrees within {apart:.1e}")
        sides: dict[str, Callable[[], float]] = {"ours": lambda: run(ours)[0], "trl sft": lambda: run(theirs)[0]}
        measured = in_turn(sides, rounds)
    tell("first_step", "ours", measured, GOALS, parity=apart, lessons=LESSONS, threads=1, seconds="processor")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--child"]:
        take_ours(Path(sys.argv[2]), Path(sys.argv[3]))
    else:
        main(*map(int, sys.argv[1:]))
