"""Runs that tell the truth: stopped by a signal, killed at any step, gone on with, and each ending by a real cause."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tiny_llama import conversations, dataset_of, make_context

from selftune.context import Context, Machine, Progress
from selftune.records import Run, RunStatus
from selftune.training.base import TrainingJob, TrainingResult, TrainingStoppedError
from selftune.training.config import Recipe
from selftune.training.stage import train, train_with
from warm_cli import WarmCli

pytestmark = pytest.mark.needs("train")
BACKENDS = ("packed", "trl")
STEPS = 6


@pytest.fixture(autouse=True)
def _listening() -> Iterator[None]:
    """Ctrl-C raises, as in a terminal, also where the tests themselves run in the background."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


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
    backend: str, step: int, tmp_path: Path, tiny_base: Path, warm: WarmCli
) -> None:
    here = str(Path(__file__).parent)
    arguments = [here, str(tiny_base), str(tmp_path / "cut"), backend, str(step)]
    import torch

    # Sums are split by threads, so bytes come again on as many; another test may have set how many a child takes.
    environment = os.environ | {"OMP_NUM_THREADS": str(torch.get_num_threads())}
    killed = warm.run_code(KILLED, *arguments, env=environment)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
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


class Hours:
    """A clock of which a test says how long each look at it took."""

    def __init__(self, seconds: float) -> None:
        self.now, self.each = 0.0, seconds

    def elapsed(self) -> float:
        self.now += self.each
        return self.now


def with_nan(base: Path, folder: Path) -> Path:
    """A copy of a base in which one weight is no number, as a download or a diverged merge leaves it."""
    from safetensors.torch import load_file, save_file

    shutil.copytree(base, folder)
    tensors = load_file(folder / "model.safetensors")
    name = next(one for one in tensors if one.endswith("q_proj.weight"))
    broken = {key: tensor.clone() for key, tensor in tensors.items()}
    broken[name][0, 0] = float("nan")
    save_file(broken, folder / "model.safetensors", metadata={"format": "pt"})
    return folder


class OutOfMemory:
    """A back-end on a machine that is too small."""

    def train(self, job: TrainingJob, context: Context) -> TrainingResult:
        raise MemoryError


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_base_with_a_weight_that_is_no_number_diverges_at_once(backend: str, tmp_path: Path, tiny_base: Path) -> None:
    run = run_in(tmp_path, with_nan(tiny_base, tmp_path / "broken"), recipe(backend=backend))
    assert (run.status, run.adapter) == (RunStatus.DIVERGED, ())
    assert "not finite at step 1" in str(run.reason)
    assert run.curve == (), "a record holds no NaN"


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_learning_rate_of_a_million_diverges_and_leaves_no_adapter(
    backend: str, tmp_path: Path, tiny_base: Path
) -> None:
    wild = recipe(backend=backend, learning_rate=1e6, max_grad_norm=0.0, schedule="constant", max_steps=20)
    run = run_in(tmp_path, tiny_base, wild)
    assert (run.status, run.adapter) == (RunStatus.DIVERGED, ())
    assert run.steps < run.planned_steps


@pytest.mark.parametrize("backend", BACKENDS)
def test_half_a_second_is_out_of_time_with_the_share_that_was_done(
    backend: str, tmp_path: Path, tiny_base: Path
) -> None:
    context = replace(make_context(tmp_path, tiny_base), elapsed=Hours(0.2).elapsed)
    run = train(dataset_of(conversations(8)), recipe(backend=backend, max_seconds=0.5), context)
    assert run.status is RunStatus.OUT_OF_TIME
    assert 0 < run.share_done < 1
    assert f"{run.steps} of {STEPS} steps in 0.5 s" in str(run.reason)
    assert run.trained_seconds >= 0.5


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_learning_rate_of_nought_trained_nothing(backend: str, tmp_path: Path, tiny_base: Path) -> None:
    run = run_in(tmp_path, tiny_base, recipe(backend=backend, learning_rate=0.0))
    assert (run.status, run.adapter) == (RunStatus.TRAINED_NOTHING, ())
    assert run.steps == STEPS
    assert "did not change" in str(run.reason)


def test_a_machine_that_is_too_small_fails_with_its_reason(tmp_path: Path, tiny_base: Path) -> None:
    context = make_context(tmp_path, tiny_base)
    run = train_with(lambda _: OutOfMemory(), dataset_of(conversations(8)), recipe(), context)
    assert (run.status, run.steps, run.reason) == (RunStatus.FAILED, 0, "MemoryError")


def test_a_run_tells_what_it_took_drew_and_stood_on(tmp_path: Path, tiny_base: Path) -> None:
    machine = Machine(watts=100.0, usd_per_hour=3.6)
    context = replace(make_context(tmp_path, tiny_base), elapsed=Hours(1.0).elapsed, machine=machine)
    run = train(dataset_of(conversations(8)), recipe(), context)
    assert run.wall_seconds > run.trained_seconds > 0
    assert run.energy_joules is not None
    assert run.cost_usd == pytest.approx(run.wall_seconds / 1000)
    assert {"python", "torch", "threads"} <= {name for name, _ in run.environment}
    assert run.tokens_per_second == pytest.approx(run.supervised_tokens / run.trained_seconds)


@pytest.mark.parametrize("backend", BACKENDS)
def test_the_seconds_of_tries_that_were_cut_off_count(backend: str, tmp_path: Path, tiny_base: Path) -> None:
    def tried(**told: Any) -> Run:
        context = replace(make_context(tmp_path, tiny_base, **told), elapsed=Hours(1.0).elapsed)
        return train(dataset_of(conversations(8)), recipe(backend=backend), context)

    with pytest.raises(TrainingStoppedError):
        tried(report=signal_at(4, signal.SIGINT))
    run = tried()
    assert run.trained_seconds > STEPS, "two steps were taken now, and four before"
    assert run.wall_seconds > run.trained_seconds


@pytest.mark.parametrize("name", ["optimizer.pt", "adapter_model.safetensors", "trainer_state.json"])
def test_a_checkpoint_of_trl_that_was_touched_is_passed_over(name: str, tmp_path: Path, tiny_base: Path) -> None:
    chosen = recipe(backend="trl")
    with pytest.raises(TrainingStoppedError):
        run_in(tmp_path, tiny_base, chosen, report=signal_at(3, signal.SIGINT))
    (file,) = tmp_path.rglob(f"checkpoint-3/{name}")
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    seen: list[int] = []
    run = run_in(tmp_path, tiny_base, chosen, report=lambda made: seen.append(made.done))
    assert seen == [0, 3, 4, 5, 6], "it must go on from the checkpoint before"
    assert run.status is RunStatus.FINISHED
