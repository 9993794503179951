"""The same training on a card: what lies where, the losses of the CPU, and 4 bits.

What is marked `gpu` runs on the CPU too wherever it can.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tiny_llama import make_context
from worse_answers import job_in, pairs_of, recipe

from selftune.errors import UsageError
from selftune.records import RunStatus
from selftune.training.base import TrainingResult, TrainingStoppedError
from selftune.training.batches import pack
from selftune.training.config import Recipe
from selftune.training.lora import WEIGHTS, attach, load_adapter
from selftune.training.objectives import objective_of
from selftune.training.packed_backend import PackedBackend
from selftune.training.packed_model import load_model, logits_of, parameters_of
from selftune.training.preflight import check_precision
from selftune.training.trl_backend import TrlBackend, adapted_model, check_one_card, trainer_settings

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.needs("train")
CARD = pytest.param("cuda", marks=[pytest.mark.gpu, pytest.mark.needs("gpu")])
DEVICES = ["cpu", CARD]
OBJECTIVES = ["sft", "dpo", "orpo", "kto"]
FOUR_BITS = Recipe(name="tiny", load_in_4bit=True)


def chosen(objective: str, **changes: Any) -> Recipe:
    # Plain descent: Adam divides by gradients near nought, and so makes rounding large.
    few = {"optimiser": "sgd", "learning_rate": 0.05, "max_steps": 5}
    return recipe(objective, **few | ({"batch_size": 3} if objective == "kto" else {}) | changes)


def trained(backend: Any, folder: Path, base: Path, objective: str, **changes: Any) -> TrainingResult:
    job = job_in(folder, base, chosen(objective, **changes), moved=True)
    result: TrainingResult = backend.train(job, make_context(folder, base))
    return result


@pytest.mark.parametrize("device", DEVICES)
def test_rows_of_one_pack_do_not_see_each_other_there(device: str, tiny_base: Path) -> None:
    import torch

    rows = pairs_of(tiny_base, 6, chosen("sft"))
    model = load_model(tiny_base, device=device)
    with torch.inference_mode():
        together = logits_of(model, pack(rows))
        alone = torch.cat([logits_of(model, pack([row])) for row in rows])
    assert together.device.type == device
    assert (together - alone).abs().max() < 1e-3
    assert (together - alone.roll(1, dims=0)).abs().max() > 1e-2, "the control: each row has predictions of its own"


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("objective", OBJECTIVES)
def test_the_losses_there_are_those_of_trl_on_the_cpu(
    objective: str, device: str, tmp_path: Path, tiny_base: Path
) -> None:
    ours = trained(PackedBackend(device=device), tmp_path / "ours", tiny_base, objective)
    theirs = trained(TrlBackend(device="cpu"), tmp_path / "theirs", tiny_base, objective)
    assert ours.status is RunStatus.FINISHED
    # A card sums in another order: hence a bound of its own, wider than that of the golden losses.
    assert [p.loss for p in ours.curve] == pytest.approx([p.loss for p in theirs.curve], rel=1e-3)
    one, other = (load_adapter(tmp_path / each / "adapter")[0] for each in ("ours", "theirs"))
    assert all(tensor.device.type == "cpu" for tensor in one.values())
    assert max(float((one[name] - other[name]).abs().max() / other[name].abs().max()) for name in one) < 1e-2


@pytest.mark.gpu
@pytest.mark.needs("gpu")
@pytest.mark.parametrize("objective", OBJECTIVES)
def test_trl_on_a_card_has_its_own_losses_of_the_cpu(objective: str, tmp_path: Path, tiny_base: Path) -> None:
    there = trained(TrlBackend(device="cuda"), tmp_path / "there", tiny_base, objective)
    here = trained(TrlBackend(device="cpu"), tmp_path / "here", tiny_base, objective)
    assert [p.loss for p in there.curve] == pytest.approx([p.loss for p in here.curve], rel=1e-3)


@pytest.mark.parametrize("device", DEVICES)
def test_a_training_there_goes_on_from_a_checkpoint(device: str, tmp_path: Path, tiny_base: Path) -> None:
    """Adam, whose state is restored beside the adapter; the same bytes are promised on the CPU alone."""
    adam = {"optimiser": "adamw", "checkpoint_every": 2}
    whole = trained(PackedBackend(device=device), tmp_path / "whole", tiny_base, "sft", **adam)
    job = job_in(tmp_path / "cut", tiny_base, chosen("sft", **adam), moved=True)
    clock = iter([False, True])
    with pytest.raises(TrainingStoppedError):
        PackedBackend(device=device).train(replace(job, should_stop=clock.__next__), make_context(tmp_path, tiny_base))
    result = PackedBackend(device=device).train(job, make_context(tmp_path, tiny_base))
    assert [p.loss for p in result.curve] == pytest.approx([p.loss for p in whole.curve], rel=1e-3)


def mixing(steps: Callable[[], object]) -> list[str]:
    """Operations that were given tensors of several devices; copies from one to another, and numbers, may be."""
    from torch.utils._python_dispatch import TorchDispatchMode
    from torch.utils._pytree import tree_leaves

    found = []

    class Watch(TorchDispatchMode):
        def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            tensors = [one for one in tree_leaves((args, kwargs)) if getattr(one, "ndim", 0)]
            if len({one.device for one in tensors}) > 1 and "copy" not in str(function):
                found.append(str(function))
            return function(*args, **(kwargs or {}))

    with Watch():
        steps()
    return found


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_all_that_a_step_computes_with_lies_on_the_models_device(objective: str, tiny_base: Path) -> None:
    """On torch's device that holds no numbers: reading one there, which on a card is waiting for it, would raise."""
    wanted = chosen(objective)
    model = load_model(tiny_base, device="meta")
    adapter = parameters_of(adapter_of(tiny_base, wanted), model.device)
    attach(model, adapter, wanted.lora_scale)
    rows = pairs_of(tiny_base, 6, wanted)
    learnt = objective_of(wanted)
    if objective in {"dpo", "kto"}:
        learnt._reference = AnyReference()  # type: ignore[attr-defined] # its numbers would be read
    losses: list[Any] = []

    def steps() -> None:
        for loss in learnt.losses(model, [rows[:3], rows[3:]]):
            loss.backward()  # type: ignore[no-untyped-call] # torch ships it untyped
            losses.append(loss)

    assert mixing(steps) == []
    assert {loss.device.type for loss in losses} == {"meta"}
    assert all(tensor.grad is not None and tensor.grad.device.type == "meta" for tensor in adapter.values())


def test_the_control_a_tensor_left_behind_is_noticed(tiny_base: Path) -> None:
    wanted = chosen("sft")
    model = load_model(tiny_base, device="meta")
    attach(model, parameters_of(adapter_of(tiny_base, wanted), "cpu"), wanted.lora_scale)
    rows = pairs_of(tiny_base, 3, wanted)
    assert mixing(lambda: list(objective_of(wanted).losses(model, [rows])))


class AnyReference(dict[Any, tuple[float, float]]):
    """Knows every row."""

    def __missing__(self, row: object) -> tuple[float, float]:
        return -1.0, -2.0


def adapter_of(base: Path, wanted: Recipe) -> dict[str, Any]:
    from selftune.bases.shape import read_shape
    from selftune.training.lora import new_adapter

    return new_adapter(read_shape(base), wanted, seed=3)


@pytest.mark.parametrize(
    ("backend", "device", "words"),
    [("packed", "cuda", "packed does not"), ("trl", "cpu", "finds none here")],
)
def test_four_bits_are_refused_by_name(backend: str, device: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        check_precision(replace(FOUR_BITS, backend=backend), device)


def test_four_bits_without_bitsandbytes_say_what_to_install() -> None:
    four = replace(FOUR_BITS, backend="trl")
    if has_bitsandbytes():
        assert "4 bits" in check_precision(four, "cuda")
        return
    with pytest.raises(UsageError) as refused:
        check_precision(four, "cuda")
    assert refused.value.next_step == "Run: pip install bitsandbytes"


def has_bitsandbytes() -> bool:
    from importlib.util import find_spec

    return find_spec("bitsandbytes") is not None


def test_several_cards_are_refused_by_trl_and_one_is_not() -> None:
    with pytest.raises(UsageError, match="2 are in sight"):
        check_one_card("cuda", cards=2)
    check_one_card("cuda", cards=1)
    check_one_card("cpu", cards=2)


def test_trl_is_told_which_device_it_trains_on(tmp_path: Path, tiny_base: Path) -> None:
    job = job_in(tmp_path, tiny_base, chosen("sft"))
    assert trainer_settings(job, "cpu")["use_cpu"]
    assert not trainer_settings(job, "cuda")["use_cpu"]


@pytest.mark.needs("bitsandbytes")
@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("objective", OBJECTIVES)
def test_a_base_in_4_bits_learns(objective: str, device: str, tmp_path: Path, tiny_base: Path) -> None:
    """On the CPU too, which bitsandbytes can, slowly; a project is refused it there."""
    job = job_in(tmp_path / "seen", tiny_base, chosen(objective, load_in_4bit=True))
    assert "Linear4bit" in {type(layer).__name__ for layer in adapted_model(job, device).modules()}
    result = trained(TrlBackend(device=device), tmp_path, tiny_base, objective, load_in_4bit=True)
    assert result.status is RunStatus.FINISHED
    assert result.curve[-1].loss != pytest.approx(result.curve[0].loss, rel=1e-3)
    tensors = load_adapter(tmp_path / "adapter")[0]
    assert {str(tensor.dtype) for tensor in tensors.values()} == {"torch.float32"}
    assert (tmp_path / "adapter" / WEIGHTS).read_bytes() != (tmp_path / "initial" / WEIGHTS).read_bytes()
