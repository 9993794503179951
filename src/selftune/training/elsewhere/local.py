"""Back-ends that are other people's programs on this machine: Unsloth and mlx-lm, where they are installed.

They are given what `selftune train elsewhere` writes for another machine, word for word, and what they leave is held
against the base as any adapter from elsewhere is. They learn from answers alone, keep no checkpoint that is ours, and a
training that outstays its recipe's seconds is killed and leaves nothing.
"""

from __future__ import annotations

import json
import math
import os
import re
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from selftune.bases.shape import read_shape
from selftune.context import Progress
from selftune.errors import SelftuneError, UsageError
from selftune.records import CurvePoint, RunStatus
from selftune.training.base import TrainingResult, TrainingStoppedError
from selftune.training.elsewhere.base import check_carried, rows_as_tokens
from selftune.training.elsewhere.destinations import DESTINATIONS
from selftune.training.elsewhere.mlx import CONFIG, TO_PEFT
from selftune.training.elsewhere.ordering import place_order
from selftune.training.elsewhere.unsloth import SCRIPT
from selftune.training.importing import take_adapter
from selftune.training.rows import load_tokenizer
from selftune.training.watch import divergence, finite, is_time_up

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from selftune.context import Context
    from selftune.training.base import TrainingJob
    from selftune.training.elsewhere.base import Order

_LOOK_SECONDS: Final = 0.1
_PACKAGES: Final = {"unsloth": "unsloth", "mlx": "mlx_lm"}
_HISTORY: Final = "history.json"
# As mlx-lm prints a report: `Iter 8: Train loss 2.345, Learning Rate 1.000e-05, …`.
_REPORT: Final = re.compile(r"^Iter (\d+): Train loss (\S+), Learning Rate (\S+?),", re.MULTILINE)


@dataclass(frozen=True)
class Python:
    """The Python that has the other program, and what is changed of its environment."""

    executable: str = sys.executable
    environment: tuple[tuple[str, str], ...] = ()

    def has(self, package: str) -> bool:
        """Whether the package is installed there; it is not imported."""
        look = f"import importlib.util, sys; sys.exit(importlib.util.find_spec({package!r}) is None)"
        return subprocess.run([self.executable, "-c", look], env=self.variables, check=False).returncode == 0

    @property
    def variables(self) -> Mapping[str, str]:
        """All of its environment."""
        return os.environ | dict(self.environment)


class UnslothBackend:
    """Runs the script for Unsloth here. SFT on tokens; NOT VERIFIED: no Unsloth was at hand."""

    def __init__(self, python: Python | None = None) -> None:
        self._python = python or Python()

    def train(self, job: TrainingJob, context: Context) -> TrainingResult:
        """Train by the script that would go to another machine.

        Raises:
            UsageError: Unsloth is not installed, or a key of the recipe can't be said to it.
            RuntimeError: it failed, or left no adapter that fits the base; the text is its own last line.
            TrainingStoppedError: a person stopped it; what it learnt is gone.
        """
        _require(self._python, "unsloth", job)
        order = _order(job)
        with tempfile.TemporaryDirectory() as scratch:
            folder = Path(scratch)
            (folder / DESTINATIONS["unsloth"].traits.data_file("sft")).write_text(
                rows_as_tokens(job.rows), encoding="utf-8"
            )
            _write_files(order, "unsloth", folder)
            commands = [[self._python.executable, SCRIPT]]
            return _train(commands, self._python, job, context, folder, _curve_of_trainer)


class MLXBackend:
    """Runs `mlx_lm.lora` here. SFT on conversations; NOT VERIFIED: no mlx-lm was at hand."""

    def __init__(self, python: Python | None = None) -> None:
        self._python = python or Python()

    def train(self, job: TrainingJob, context: Context) -> TrainingResult:
        """Train by the config that would go to another machine, and turn the adapter into PEFT's layout.

        Raises:
            UsageError: mlx-lm is not installed, or a key of the recipe can't be said to it.
            RuntimeError: it failed, or left no adapter that fits the base; the text is its own last line.
            TrainingStoppedError: a person stopped it; what it learnt is gone.
        """
        _require(self._python, "mlx", job)
        order = _order(job)
        with tempfile.TemporaryDirectory() as scratch:
            folder = Path(scratch)
            _write_chats(job, folder)
            _write_files(order, "mlx", folder)
            commands = [
                [self._python.executable, "-m", "mlx_lm", "lora", "--config", CONFIG],
                [self._python.executable, TO_PEFT],
            ]
            return _train(
                commands, self._python, job, context, folder, lambda said: _curve_of_mlx(said, job.recipe.accumulation)
            )


def check_installed(backend: str, python: Python | None = None) -> str:
    """That the program behind a back-end is installed on this machine, in words; nothing is imported.

    Raises:
        UsageError: it is not.
    """
    package = _PACKAGES.get(backend)
    if package is None:
        return f"{backend} comes with selftune"
    program = DESTINATIONS[backend].traits.program
    if not (python or Python()).has(package):
        raise UsageError(
            f"{program} is not installed on this machine.",
            next_step=f"pip install {package.replace('_', '-')}, or train on a machine that has it: "
            f"selftune train elsewhere --to {backend}",
        )
    return f"{program} is installed"


def _require(python: Python, destination: str, job: TrainingJob) -> None:
    if job.recipe.objective != "sft":
        raise UsageError(
            f"the back-end {destination!r} learns from answers alone, not by {job.recipe.objective}.",
            next_step='Set backend = "packed", or see `selftune train elsewhere`.',
        )
    check_installed(destination, python)


def _order(job: TrainingJob) -> Order:
    """The order for the very rows of the job; the recipe's seconds are held here, by whoever waits for it."""
    shape = read_shape(job.base_folder)
    order = place_order(
        job.rows,
        replace(job.recipe, held_out_share=0.0),
        load_tokenizer(job.base_folder),
        shape,
        seed=job.seed,
        base=str(job.base_folder),
        precision=job.recipe.precision,
        gpu="",
        answers=max((sum(turn.role == "assistant" for turn in one.messages) for one in job.examples), default=1),
    )
    return replace(order, recipe=replace(job.recipe, max_seconds=0.0), steps=len(job.batches))


def _write_files(order: Order, name: str, folder: Path) -> None:
    destination = DESTINATIONS[name]
    check_carried(order, destination.traits)
    for file in destination.files(order):
        (folder / file.name).write_text(file.text, encoding="utf-8")


def _write_chats(job: TrainingJob, folder: Path) -> None:
    traits = DESTINATIONS["mlx"].traits
    lines = [
        json.dumps({"messages": [{"role": turn.role, "content": turn.content} for turn in one.messages]}) + "\n"
        for one in job.examples
    ]
    (folder / traits.data_file("sft")).write_text("".join(lines), encoding="utf-8")
    (folder / traits.looked_at).write_text("".join(lines[: job.recipe.batch_size]), encoding="utf-8")


def _train(
    commands: Sequence[Sequence[str]],
    python: Python,
    job: TrainingJob,
    context: Context,
    folder: Path,
    read_curve: Callable[[Path], tuple[CurvePoint, ...]],
) -> TrainingResult:
    """Run the commands one after the other in the folder, and take what lies in it then."""
    began = context.elapsed()
    for command in commands:
        if not _run(command, python, job, context, folder, began):
            reason = f"killed after the recipe's {job.recipe.max_seconds:g} s; nothing was kept"
            return TrainingResult(status=RunStatus.FAILED, steps=0, supervised_tokens=0, curve=(), reason=reason)
    seconds, curve = context.elapsed() - began, read_curve(folder)
    lost = next((why for point in curve if (why := divergence([point]))), None)
    if lost is not None:
        steps = len(finite(curve))
        return TrainingResult(
            status=RunStatus.DIVERGED, steps=steps, supervised_tokens=0, curve=finite(curve), reason=lost
        )
    try:
        take_adapter(folder / "adapter", job.adapter, context)
    except SelftuneError as error:
        raise RuntimeError(f"what it left is no adapter of this base: {error.message}") from error
    learnt = sum(sum(job.rows[place].supervised) for step in job.batches for some in step for place in some)
    return TrainingResult(
        status=RunStatus.FINISHED, steps=len(job.batches), supervised_tokens=learnt, curve=curve, seconds=seconds
    )


def _run(
    command: Sequence[str], python: Python, job: TrainingJob, context: Context, folder: Path, began: float
) -> bool:
    """Whether it ended by itself, and well; what it says goes into `said.txt`."""
    context.report(Progress(done=0, total=len(job.batches), note=" ".join(command[1:])))
    with (
        (folder / "said.txt").open("a", encoding="utf-8") as said,
        subprocess.Popen(
            command, cwd=folder, env=python.variables, stdin=subprocess.DEVNULL, stdout=said, stderr=said
        ) as process,
    ):
        while process.poll() is None:
            if job.should_stop():
                process.kill()
                raise TrainingStoppedError(0, len(job.batches))
            if is_time_up(context.elapsed() - began, job.recipe.max_seconds):
                process.kill()
                return False
            time.sleep(_LOOK_SECONDS)
    if process.returncode:
        raise RuntimeError(_last_line((folder / "said.txt").read_text(encoding="utf-8", errors="replace")))
    return True


def _curve_of_trainer(folder: Path) -> tuple[CurvePoint, ...]:
    """The steps in the history of transformers' trainer."""
    history = json.loads((folder / _HISTORY).read_text(encoding="utf-8"))
    return tuple(
        CurvePoint(
            step=row["step"],
            loss=float(row["loss"]),
            learning_rate=float(row["learning_rate"]),
            grad_norm=None if row.get("grad_norm") is None else float(row["grad_norm"]),
        )
        for row in history
        if "loss" in row
    )


def _curve_of_mlx(folder: Path, accumulation: int) -> tuple[CurvePoint, ...]:
    """The reports of mlx-lm, which counts forward passes."""
    said = (folder / "said.txt").read_text(encoding="utf-8", errors="replace")
    return tuple(
        CurvePoint(step=math.ceil(int(passes) / accumulation), loss=float(loss), learning_rate=float(rate))
        for passes, loss, rate in _REPORT.findall(said)
    )


def _last_line(text: str) -> str:
    return next((line.strip() for line in reversed(text.splitlines()) if line.strip()), "it said nothing")
