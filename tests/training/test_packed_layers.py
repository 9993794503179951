"""The layers of the packed loop beside transformers' own: the same costs and gradients, in less memory."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from selftune.training.base import Row
from selftune.training.batches import pack
from selftune.training.config import Recipe
from selftune.training.lora import attach, new_adapter

pytestmark = pytest.mark.needs("train")
SIZES = {
    "vocab_size": 64,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 128,
    "initializer_range": 0.2,
}
FAMILIES = {
    "Llama": {"attention_bias": True},
    "Mistral": {"sliding_window": None},
    "Qwen2": {"tie_word_embeddings": True},
    "Qwen3": {"head_dim": 16},
}


def written(folder: Path, family: str) -> Path:
    import torch
    import transformers

    torch.manual_seed(0)
    config = getattr(transformers, f"{family}Config")(**SIZES, **FAMILIES.get(family, {}))
    model = getattr(transformers, f"{family}ForCausalLM")(config)
    with torch.no_grad():  # norms of ones and biases of nought would hide a mistake
        for name, parameter in model.named_parameters():
            if "norm" in name or name.endswith("bias"):
                parameter.add_(0.3 * torch.randn_like(parameter))
    model.save_pretrained(folder)
    return folder


def rows_of(*shapes: tuple[int, int]) -> list[Row]:
    """Rows of so many tokens, of which so many at the end are learnt; those of a length above 40 begin alike."""
    return [
        Row(
            interaction_id=f"interaction:{number}",
            tokens=tuple((7 * place + (number if place > 36 or length < 40 else 0)) % 64 for place in range(length)),
            supervised=tuple(place >= length - learnt for place in range(length)),
        )
        for number, (length, learnt) in enumerate(shapes)
    ]


ROWS = rows_of((50, 6), (48, 3), (12, 11), (20, 1), (9, 8))


def adapter_for(folder: Path) -> dict[str, Any]:
    import torch

    from selftune.bases.shape import read_shape

    draw = torch.Generator().manual_seed(1)
    fresh = new_adapter(read_shape(folder), Recipe(name="t", lora_rank=3), seed=0)
    moved = {name: one + 0.1 * torch.randn(one.shape, generator=draw) for name, one in fresh.items()}
    return {name: one.requires_grad_() for name, one in moved.items()}


def plain_costs(folder: Path, adapter: dict[str, Any], rows: list[Row]) -> Any:
    """Row by row through transformers' own model, whose weights have the adapter merged into them."""
    import torch
    from torch.nn import functional
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(folder)
    merged = dict(model.named_parameters())
    for name in [one for one in adapter if one.endswith("lora_A.weight")]:
        weight = name.removeprefix("base_model.model.").replace("lora_A.", "")
        change = adapter[name.replace("lora_A", "lora_B")] @ adapter[name] * 0.7
        merged[weight] = merged[weight].detach() + change
    costs = []
    for row in rows:
        logits = torch.func.functional_call(model, merged, (torch.tensor([row.tokens]),)).logits[0, :-1]
        learnt = torch.tensor(row.supervised[1:])
        costs.append(functional.cross_entropy(logits, torch.tensor(row.tokens[1:]), reduction="none")[learnt])
    return torch.cat(costs)


def packed_costs(folder: Path, adapter: dict[str, Any], rows: list[Row], precision: str = "float32") -> Any:
    from selftune.training.packed_model import costs_of, load_model

    model = load_model(folder, precision)
    attach(model, adapter, 0.7)
    return costs_of(model, pack(rows))


@pytest.mark.parametrize("family", FAMILIES)
def test_costs_and_gradients_are_those_of_transformers_row_by_row(family: str, tmp_path: Path) -> None:
    import torch

    assert any(not segment.is_plain for segment in pack(ROWS).segments), "nothing is shared: nothing is tested"
    folder = written(tmp_path, family)
    weights = torch.linspace(0.5, 1.5, sum(sum(row.supervised) for row in ROWS))
    found = []
    for costs_by in (packed_costs, plain_costs):
        adapter = adapter_for(folder)
        costs = costs_by(folder, adapter, ROWS)
        (costs * weights).sum().backward()
        found.append((costs, {name: one.grad for name, one in adapter.items()}))
    (ours, our_slopes), (theirs, their_slopes) = found
    assert torch.allclose(ours, theirs, rtol=1e-5, atol=1e-5)
    for name, slope in our_slopes.items():
        assert (slope - their_slopes[name]).abs().max() <= 1e-4 * their_slopes[name].abs().max(), name


def test_a_family_with_layers_of_another_kind_keeps_its_own_forward_pass(tmp_path: Path) -> None:
    import torch

    from selftune.training.packed_layers import is_shortened
    from selftune.training.packed_model import load_model

    folder = written(tmp_path, "Olmo2")  # its norms stand behind attention and MLP
    assert not is_shortened(load_model(folder))
    adapter = adapter_for(folder)
    assert torch.allclose(packed_costs(folder, adapter, ROWS), plain_costs(folder, adapter, ROWS), rtol=1e-5, atol=1e-5)


def test_halves_of_precision_keep_to_transformers_own_layers_and_come_near(tmp_path: Path) -> None:
    folder = written(tmp_path, "Llama")
    adapter = adapter_for(folder)
    whole, half = (packed_costs(folder, adapter, ROWS, precision) for precision in ("float32", "bfloat16"))
    assert (whole - half).abs().max() < 0.2
    assert (whole - half).abs().max() > 0


@pytest.mark.parametrize("rows", [1, 7, 64])
def test_costs_are_the_same_whatever_number_of_logits_is_held_at_a_time(rows: int) -> None:
    import torch
    from torch.nn import functional

    from selftune.training.packed_layers import token_costs

    draw = torch.Generator().manual_seed(0)
    hidden = (3 * torch.randn(20, 8, generator=draw)).requires_grad_()
    vocabulary, targets = torch.randn(50, 8, generator=draw), torch.arange(20)
    costs = token_costs(hidden, vocabulary, targets, rows)
    expected = functional.cross_entropy(hidden @ vocabulary.t(), targets, reduction="none")
    weights = torch.linspace(-1, 1, 20)
    slopes = [torch.autograd.grad((one * weights).sum(), hidden)[0] for one in (costs, expected)]
    assert torch.allclose(costs, expected, atol=1e-5)
    assert torch.allclose(*slopes, atol=1e-5)


def test_no_more_logits_are_held_than_asked_for() -> None:
    """Counted in what the linear layer is asked for, not in bytes of a process."""
    import torch
    from torch.utils._python_dispatch import TorchDispatchMode

    from selftune.training.packed_layers import token_costs

    largest = 0

    class Watch(TorchDispatchMode):
        def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            nonlocal largest
            out = function(*args, **(kwargs or {}))
            if isinstance(out, torch.Tensor):
                largest = max(largest, out.numel())
            return out

    hidden, vocabulary = torch.randn(40, 4, requires_grad=True), torch.randn(1000, 4)
    with Watch():
        token_costs(hidden, vocabulary, torch.arange(40), 8).sum().backward()
    assert largest == 8 * 1000
