"""The back-ends `unsloth` and `mlx` over labelled fakes: what they are given, what they leave, how they end."""

from __future__ import annotations

import os
import shlex
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tiny_llama import TickingClock, conversations, dataset_of, make_context

from selftune.errors import ConfigError, UsageError
from selftune.records import Run, RunStatus
from selftune.training.base import TrainingStoppedError
from selftune.training.config import Recipe
from selftune.training.elsewhere.local import MLXBackend, Python, UnslothBackend
from selftune.training.preflight import check_precision
from selftune.training.stage import train_with

pytestmark = pytest.mark.needs("train")

FAKES = Python(environment=(("PYTHONPATH", str(Path(__file__).parent / "fakes")), ("OMP_NUM_THREADS", "1")))
RECIPE = Recipe(
    name="tiny",
    backend="mlx",
    lora_rank=4,
    lora_alpha=8,
    max_steps=3,
    batch_size=2,
    accumulation=2,
    max_length=400,
    learning_rate=1e-2,
    schedule="constant",
    max_grad_norm=0.0,
    least_supervised=0.01,
)
ON_A_CARD = replace(RECIPE, backend="unsloth", precision="bfloat16", max_grad_norm=1.0)
DATA = dataset_of(conversations(6))
BACKENDS = {"mlx": (MLXBackend, RECIPE), "unsloth": (UnslothBackend, ON_A_CARD)}


def trained(name: str, python: Python, folder: Path, base: Path, **changes: Any) -> Run:
    kind, recipe = BACKENDS[name]
    context = make_context(folder, base, clock=TickingClock(tick=0.1))
    return train_with(lambda _: kind(python), DATA, replace(recipe, **changes), context)


def stand_in(folder: Path, script: str) -> Python:
    """A Python that has every package and does what `script` says in place of training."""
    program = folder / "python"
    program.write_text(f'#!/bin/sh\n[ "$1" = -c ] && exit 0\n{script}\n')
    program.chmod(0o755)
    return Python(executable=str(program))


@pytest.fixture(scope="module")
def by_mlx(tiny_base: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Run, Path]:
    """A run of enough steps to learn, and the folder it was kept in."""
    folder = tmp_path_factory.mktemp("mlx")
    return trained("mlx", FAKES, folder, tiny_base, max_steps=12), folder


@pytest.mark.parametrize(("name", "steps"), [("mlx", 12), ("unsloth", 3)])
def test_a_training_there_becomes_a_run_like_any_other(
    name: str, steps: int, by_mlx: tuple[Run, Path], tiny_base: Path, tmp_path: Path
) -> None:
    run = by_mlx[0] if name == "mlx" else trained(name, FAKES, tmp_path, tiny_base)
    assert (run.status, run.steps, run.planned_steps) == (RunStatus.FINISHED, steps, steps), run.reason
    assert [point.step for point in run.curve] == list(range(1, steps + 1))
    assert run.mean_abs_delta is not None
    assert run.mean_abs_delta > 0
    assert [file.name for file in run.adapter] == ["adapter_config.json", "adapter_model.safetensors"]
    assert run.backend == name


def test_what_mlx_learnt_is_what_its_adapter_says_here(
    by_mlx: tuple[Run, Path], tiny_base: Path, tmp_path: Path
) -> None:
    """Names, directions and scale: by the adapter that came back the lessons must cost less than by the base."""
    import torch
    from torch.nn import functional

    from selftune.training.batches import pack
    from selftune.training.lora import attach, load_adapter
    from selftune.training.packed_model import load_model, logits_of
    from selftune.training.preflight import tokenise
    from selftune.training.rows import load_tokenizer

    run, folder = by_mlx
    for file in run.adapter:
        (tmp_path / file.name).write_bytes((folder / "blobs" / file.digest.removeprefix("sha256:")).read_bytes())
    rows, _ = tokenise(DATA.taught, RECIPE, load_tokenizer(tiny_base))
    model, layout = load_model(tiny_base).eval(), pack(rows)

    def cost() -> float:
        with torch.inference_mode():
            return float(functional.cross_entropy(logits_of(model, layout), torch.tensor(layout.targets)))

    before = cost()
    attach(model, *load_adapter(tmp_path))
    assert cost() < before - 1
    # There the line feed behind the answer is learnt too: one token in ten.
    assert run.curve[-1].loss == pytest.approx(cost(), abs=0.3)


@pytest.mark.parametrize("name", ["mlx", "unsloth"])
def test_where_it_is_not_installed_the_next_step_says_what_to_do(name: str, tiny_base: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is not installed on this machine") as refused:
        trained(name, Python(), tmp_path, tiny_base)
    assert f"--to {name}" in refused.value.next_step


@pytest.mark.parametrize(
    ("name", "changes", "message"),
    [
        ("unsloth", {"precision": "float32"}, "does not train in float32"),
        ("mlx", {"max_grad_norm": 1.0}, "max_grad_norm = 1.0, which mlx-lm can't be told"),
        ("mlx", {"optimiser": "sgd"}, "optimiser"),
    ],
)
def test_a_key_that_can_not_be_said_is_refused_by_name(
    name: str, changes: dict[str, Any], message: str, tiny_base: Path, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match=message):
        trained(name, FAKES, tmp_path, tiny_base, **changes)


@pytest.mark.parametrize("name", ["mlx", "unsloth"])
def test_a_program_that_fails_is_a_failed_run_with_its_own_last_line(
    name: str, tiny_base: Path, tmp_path: Path
) -> None:
    run = trained(name, stand_in(tmp_path, "echo 'no Metal device found' >&2; exit 1"), tmp_path, tiny_base)
    assert (run.status, run.reason, run.adapter) == (RunStatus.FAILED, "no Metal device found", ())


def test_a_program_that_leaves_no_adapter_of_this_base_is_a_failed_run(tiny_base: Path, tmp_path: Path) -> None:
    run = trained("mlx", stand_in(tmp_path, "exit 0"), tmp_path, tiny_base)
    assert run.status is RunStatus.FAILED
    assert "no adapter of this base" in (run.reason or "")


def test_a_training_that_outstays_its_seconds_is_killed(tiny_base: Path, tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    slow = stand_in(tmp_path, f"echo $$ > {shlex.quote(str(pid))}; exec sleep 60")
    run = trained("mlx", slow, tmp_path, tiny_base, max_seconds=2)
    assert run.status is RunStatus.FAILED
    assert "killed after the recipe's 2 s" in (run.reason or "")
    assert not Path(f"/proc/{pid.read_text().strip()}").exists()


def test_who_stops_it_here_stops_the_program(tiny_base: Path, tmp_path: Path) -> None:
    slow = stand_in(tmp_path, f"kill -TERM {os.getpid()}; exec sleep 60")
    with pytest.raises(TrainingStoppedError):
        trained("mlx", slow, tmp_path, tiny_base)


def test_four_bits_are_for_unsloth_and_not_for_mlx(tiny_base: Path) -> None:
    assert "4 bits" in check_precision(replace(ON_A_CARD, load_in_4bit=True))
    with pytest.raises(UsageError, match="mlx does not"):
        check_precision(replace(RECIPE, load_in_4bit=True))
