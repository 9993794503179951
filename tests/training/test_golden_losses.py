"""The packed loop beside TRL's trainers: the same weights and examples must give the same losses and adapters."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
from tiny_llama import make_context
from worse_answers import job_in, recipe

from selftune.context import Progress
from selftune.records import RunStatus
from selftune.training.base import Backend, TrainingResult
from selftune.training.lora import WEIGHTS, load_adapter
from selftune.training.packed_backend import PackedBackend
from selftune.training.trl_backend import TrlBackend

pytestmark = pytest.mark.needs("train")
BACKENDS = {"packed": PackedBackend, "trl": TrlBackend}


def trained_by_both(
    folder: Path, base: Path, *, moved: bool = False, **settings: Any
) -> tuple[dict[str, TrainingResult], dict[str, dict[str, Any]]]:
    results, adapters = {}, {}
    for name, backend in BACKENDS.items():
        job = job_in(folder / name, base, recipe(**settings), moved=moved)
        results[name] = backend().train(job, make_context(folder / name, base))
        adapters[name] = load_adapter(job.adapter)[0]
    return results, adapters


def furthest_apart(one: dict[str, Any], other: dict[str, Any]) -> float:
    """The largest difference of two adapters' tensors, as a share of the largest value of each."""
    assert one.keys() == other.keys()
    return max(float((one[name] - other[name]).abs().max() / other[name].abs().max()) for name in one)


@pytest.mark.parametrize("moved", [False, True], ids=["from the base", "from an adapter"])
@pytest.mark.parametrize("objective", ["sft", "dpo", "orpo", "kto"])
def test_twenty_losses_are_those_of_trl_and_so_is_the_adapter(
    objective: str, moved: bool, tmp_path: Path, tiny_base: Path
) -> None:
    # Plain descent: Adam divides by gradients near nought, and so makes rounding large in the adapter.
    settings = {"objective": objective, "optimiser": "sgd", "learning_rate": 0.05}
    settings |= {"batch_size": 3} if objective == "kto" else {}
    results, adapters = trained_by_both(tmp_path, tiny_base, moved=moved, **settings)
    ours, theirs = results["packed"], results["trl"]
    assert ours.status is theirs.status is RunStatus.FINISHED
    assert [p.loss for p in ours.curve] == pytest.approx([p.loss for p in theirs.curve], rel=1e-5)
    assert [p.grad_norm for p in ours.curve] == pytest.approx([p.grad_norm for p in theirs.curve], rel=1e-4)
    assert ours.supervised_tokens == theirs.supervised_tokens
    assert ours.curve[-1].loss != pytest.approx(ours.curve[0].loss, rel=1e-3), "nothing was learnt: nothing is tested"
    assert furthest_apart(adapters["packed"], adapters["trl"]) < 1e-4


@pytest.mark.parametrize("moved", [False, True], ids=["from the base", "from an adapter"])
def test_at_the_first_step_of_dpo_the_model_is_its_own_reference(moved: bool, tmp_path: Path, tiny_base: Path) -> None:
    results, _ = trained_by_both(tmp_path, tiny_base, moved=moved, objective="dpo", max_steps=1)
    for result in results.values():
        assert result.curve[0].loss == pytest.approx(math.log(2), abs=1e-6)


def test_another_beta_gives_another_loss(tmp_path: Path, tiny_base: Path) -> None:
    few = {"objective": "orpo", "max_steps": 1}
    losses = [
        trained_by_both(tmp_path / str(beta), tiny_base, beta=beta, **few)[0]["packed"].curve[0].loss
        for beta in (0.1, 0.5)
    ]
    assert losses[1] > losses[0] + 0.1


class PulledPlugError(Exception):
    """Stands for the crash."""


def _pull_the_plug(progress: Progress) -> None:
    if progress.done == 5:
        raise PulledPlugError


@pytest.mark.parametrize("objective", ["dpo", "orpo"])
@pytest.mark.parametrize("name", BACKENDS)
def test_a_training_on_pairs_that_crashed_ends_with_the_bytes_of_one_that_did_not(
    name: str, objective: str, tmp_path: Path, tiny_base: Path
) -> None:
    backend: Backend = BACKENDS[name]()
    chosen = recipe(objective, max_steps=7, checkpoint_every=3)
    whole = job_in(tmp_path / "whole", tiny_base, chosen, moved=True)
    expected = backend.train(whole, make_context(tmp_path / "whole", tiny_base))
    broken = job_in(tmp_path / "broken", tiny_base, chosen, moved=True)
    with pytest.raises(PulledPlugError):
        backend.train(broken, make_context(tmp_path / "broken", tiny_base, report=_pull_the_plug))
    seen: list[int] = []
    context = make_context(tmp_path / "broken", tiny_base, report=lambda progress: seen.append(progress.done))
    result = backend.train(broken, context)
    assert seen == [4, 5, 6, 7], "it must go on from step 3 and not begin anew"
    assert (broken.adapter / WEIGHTS).read_bytes() == (whole.adapter / WEIGHTS).read_bytes()
    assert result.curve == expected.curve
