"""Runs that tell the truth: stopped by a signal, killed at any step, gone on with, and each ending by a real cause."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tiny_llama import conversations, dataset_of, make_context

from selftune.context import Progress
from selftune.records import Run
from selftune.training.base import TrainingStoppedError
from selftune.training.config import Recipe
from selftune.training.stage import train

pytestmark = pytest.mark.needs("train")
BACKENDS = ("packed", "trl")
STEPS = 6


def recipe(**changes: Any) -> Recipe:
    few = {"name": "tiny", "max_steps": STEPS, "batch_size": 2, "accumulation": 1, "learning_rate": 1e-2}
    return Recipe(
        **few | {"lora_rank": 2, "lora_dropout": 0.1, "least_supervised": 0.01, "checkpoint_every": 2} | changes
    )


def run_in(folder: Path, base: Path, chosen: Recipe, **changes: Any) -> Run:
    return train(dataset_of(conversations(8)), chosen, make_context(folder, base, **changes))


def signal_at(step: int, number: int) -> Any:
    """A report that sends this process a signal when the step is done, as a person at the keyboard would."""

    def report(progress: Progress) -> None:
        if progress.done == step:
            os.kill(os.getpid(), number)

    return report


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_a_training_after_its_step_and_the_next_try_goes_on_to_the_same_bytes(
    backend: str, number: int, tmp_path: Path, tiny_base: Path
) -> None:
    chosen = recipe(backend=backend)
    whole = run_in(tmp_path / "whole", tiny_base, chosen)
    with pytest.raises(TrainingStoppedError, match=f"after step 3 of {STEPS}"):
        run_in(tmp_path / "cut", tiny_base, chosen, report=signal_at(3, number))
    seen: list[int] = []
    again = run_in(tmp_path / "cut", tiny_base, chosen, report=lambda made: seen.append(made.done))
    assert seen == [0, 4, 5, 6], "it must go on from the step at which it was stopped"
    assert (again.adapter, again.curve) == (whole.adapter, whole.curve)


def test_a_signal_after_the_last_step_is_not_swallowed(tmp_path: Path, tiny_base: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        run_in(tmp_path, tiny_base, recipe(), report=signal_at(STEPS, signal.SIGINT))


KILLED = """
import os, signal, sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from test_running import recipe, run_in
def report(made):
    if made.done == int(sys.argv[5]):
        os.kill(os.getpid(), signal.SIGKILL)
run_in(Path(sys.argv[3]), Path(sys.argv[2]), recipe(backend=sys.argv[4]), report=report)
"""


@pytest.mark.parametrize(("backend", "step"), [("packed", 5), ("trl", 3)])
def test_a_process_killed_at_a_step_goes_on_to_the_same_bytes(
    backend: str, step: int, tmp_path: Path, tiny_base: Path
) -> None:
    here = str(Path(__file__).parent)
    arguments = [here, str(tiny_base), str(tmp_path / "cut"), backend, str(step)]
    killed = subprocess.run([sys.executable, "-c", KILLED, *arguments], check=False, capture_output=True, timeout=300)
    assert killed.returncode == -signal.SIGKILL, killed.stderr.decode()
    chosen = recipe(backend=backend)
    again, whole = (run_in(tmp_path / name, tiny_base, chosen) for name in ("cut", "whole"))
    assert (again.adapter, again.curve) == (whole.adapter, whole.curve)


class PulledPlugError(BaseException):
    """Stands for the end of the process: nothing in the program catches it."""


@pytest.fixture(scope="module")
def uncut(tmp_path_factory: pytest.TempPathFactory, tiny_base: Path) -> Run:
    return run_in(tmp_path_factory.mktemp("uncut"), tiny_base, recipe())


@pytest.mark.parametrize("step", range(1, STEPS + 1))
def test_cut_off_after_any_step_a_training_goes_on_to_the_same_bytes(
    step: int, uncut: Run, tmp_path: Path, tiny_base: Path
) -> None:
    def pull(progress: Progress) -> None:
        if progress.done == step:
            raise PulledPlugError

    with pytest.raises(PulledPlugError):
        run_in(tmp_path, tiny_base, recipe(), report=pull)
    again = run_in(tmp_path, tiny_base, recipe())
    assert (again.adapter, again.curve) == (uncut.adapter, uncut.curve)
