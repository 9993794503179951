"""LoRA without a wrapper: two small matrices beside each adapted layer, kept in PEFT's file layout.

y = W x + s · B A x        (Hu et al. 2021; s = alpha / r, or alpha / sqrt(r) for rsLoRA, Kalajdzievski 2023)
"""

from __future__ import annotations

import json
import math
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from selftune.bases.shape import layer_number
from selftune.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    import torch

    from selftune.bases.shape import ModelShape
    from selftune.training.config import Recipe

WEIGHTS: Final = "adapter_model.safetensors"
CONFIG: Final = "adapter_config.json"
FILES: Final = (CONFIG, WEIGHTS)
_PREFIX: Final = "base_model.model."


def new_adapter(shape: ModelShape, recipe: Recipe, seed: int) -> dict[str, torch.Tensor]:
    """A fresh adapter by PEFT's tensor names: A drawn as PEFT draws it, B zero, so that it changes nothing yet.

    Raises:
        UsageError: the base has no linear layer of a name the recipe targets.
    """
    import torch

    draw = torch.Generator().manual_seed(seed)
    adapter = {}
    for target in recipe.lora_targets:
        layers = shape.linears(target, recipe.lora_layers)
        if not layers:
            raise UsageError(
                f"recipe {recipe.name!r} targets {target!r}, but {shape.architecture} has no such linear layer.",
                next_step="Name layers of the base in lora_targets.",
            )
        for layer in layers:
            outputs, inputs = layer.shape
            name = _PREFIX + layer.name.removesuffix(".weight")
            bound = 1 / math.sqrt(inputs)  # kaiming_uniform with a = sqrt(5)
            adapter[f"{name}.lora_A.weight"] = (torch.rand(recipe.lora_rank, inputs, generator=draw) * 2 - 1) * bound
            adapter[f"{name}.lora_B.weight"] = torch.zeros(outputs, recipe.lora_rank)
    return dict(sorted(adapter.items()))


def attach(model: Any, adapter: Mapping[str, torch.Tensor], scale: float, dropout: float = 0.0) -> None:
    """Let the adapter act on the model's layers."""
    for name in layer_names(adapter):
        layer = model.get_submodule(name)
        a, b = (adapter[f"{_PREFIX}{name}.lora_{side}.weight"] for side in "AB")
        layer.forward = partial(_forward, layer, a=a, b=b, scale=scale, dropout=dropout)


def detach(model: Any) -> None:
    """Take off again whatever adapter acts on it."""
    for layer in model.modules():
        if getattr(vars(layer).get("forward"), "func", None) is _forward:
            del layer.forward


def _forward(layer: Any, x: torch.Tensor, *, a: torch.Tensor, b: torch.Tensor, scale: float, dropout: float) -> Any:
    import torch
    from torch.nn import functional

    from selftune.training.packed_layers import low_rank_linear

    learns = dropout > 0 and torch.is_grad_enabled()  # what only measures takes the whole adapter
    if not learns and layer.weight.dtype == a.dtype:
        return low_rank_linear(layer, x, a, b, scale)
    out = functional.linear(x, layer.weight, layer.bias)
    x = functional.dropout(x.to(a.dtype), dropout) if learns else x.to(a.dtype)
    return out + (functional.linear(functional.linear(x, a), b) * scale).to(out.dtype)


def layer_names(adapter: Iterable[str]) -> tuple[str, ...]:
    """The model's own names of the layers an adapter changes."""
    end = ".lora_A.weight"
    return tuple(name.removeprefix(_PREFIX).removesuffix(end) for name in adapter if name.endswith(end))


def save_adapter(folder: Path, adapter: Mapping[str, torch.Tensor], recipe: Recipe, base_name: str) -> None:
    """Write an adapter as PEFT does: the same tensors and recipe give the same bytes."""
    from safetensors.torch import save

    folder.mkdir(parents=True, exist_ok=True)
    tensors = {name: adapter[name].detach().cpu().contiguous() for name in sorted(adapter)}
    (folder / WEIGHTS).write_bytes(save(tensors, metadata={"format": "pt"}))
    text = json.dumps(_peft_config(recipe, base_name, adapter), indent=2, sort_keys=True)
    (folder / CONFIG).write_text(text + "\n", encoding="utf-8")


def load_adapter(folder: Path) -> tuple[dict[str, torch.Tensor], float]:
    """The tensors of an adapter folder and the scale they are to be applied with."""
    from safetensors.torch import load_file

    config = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
    root = config["r"] ** 0.5 if config["use_rslora"] else config["r"]
    return load_file(folder / WEIGHTS), config["lora_alpha"] / root


def mean_abs_change(before: Mapping[str, torch.Tensor], after: Mapping[str, torch.Tensor], scale: float) -> float:
    """Mean absolute change of the adapted weight matrices: the mean of |s (B A - B0 A0)| over all their elements."""
    total, count = 0.0, 0
    for layer in layer_names(after):
        a, b = (f"{_PREFIX}{layer}.lora_{side}.weight" for side in "AB")
        change = after[b].float() @ after[a].float() - before[b].float() @ before[a].float()
        total += float(change.abs().double().sum())
        count += change.numel()
    return scale * total / max(1, count)


def _peft_config(recipe: Recipe, base_name: str, adapter: Iterable[str]) -> dict[str, Any]:
    layers = sorted({layer_number(name) for name in layer_names(adapter)})
    return {
        "peft_type": "LORA",
        "task_type": "CAUSAL_LM",
        "base_model_name_or_path": base_name,
        "inference_mode": True,
        "r": recipe.lora_rank,
        "lora_alpha": recipe.lora_alpha,
        "lora_dropout": recipe.lora_dropout,
        "use_rslora": recipe.rslora,
        "use_dora": False,
        "target_modules": sorted(recipe.lora_targets),
        "layers_to_transform": layers if recipe.lora_layers else None,
        "bias": "none",
        "fan_in_fan_out": False,
        "modules_to_save": None,
        "rank_pattern": {},
        "alpha_pattern": {},
    }
