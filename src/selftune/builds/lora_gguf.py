"""A LoRA adapter as a GGUF file that llama.cpp loads beside the base.

llama.cpp multiplies B·A by `alpha / rank` of the file, one alpha for all layers; it knows neither rsLoRA nor an alpha
that differs by layer. So every layer's own scale is folded into its B, and the file says alpha 0, which means 1.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from selftune.bases.gguf_names import interleave_rotary, rotary_heads, to_gguf_name
from selftune.builds.adapter import UnsupportedAdapterError
from selftune.builds.architecture import read_architecture
from selftune.builds.encoding import finite
from selftune.builds.gguf_writer import begin_tensors, declare_tensor, open_writer, write_tensor
from selftune.builds.publish import publish

if TYPE_CHECKING:
    from pathlib import Path

    from selftune.builds.adapter import Adapter, LowRank
    from selftune.builds.architecture import Architecture


def write_lora_gguf(config: dict[str, Any], adapter: Adapter, target: Path) -> None:
    """Write an adapter, in float32, for the base with this parsed `config.json`.

    Raises:
        UnsupportedAdapterError: it changes a tensor that the base's layout does not have.
        UsageError: one of its values is no number.
    """
    architecture = read_architecture(config)
    layers = {weight: _gguf_name(weight, architecture.family) for weight in adapter.layers()}
    with publish(target) as partial, open_writer(partial, architecture.name) as writer:
        writer.add_type("adapter")
        writer.add_string("adapter.type", "lora")
        writer.add_float32("adapter.lora.alpha", 0.0)
        for weight, name in layers.items():
            low_rank = _read(adapter, weight)
            declare_tensor(writer, f"{name}.lora_a", low_rank.a.shape, "F32")
            declare_tensor(writer, f"{name}.lora_b", low_rank.b.shape, "F32")
        begin_tensors(writer)
        for weight, name in layers.items():
            _write_pair(writer, name, _read(adapter, weight), architecture)


def _write_pair(writer: Any, name: str, low_rank: LowRank, architecture: Architecture) -> None:
    import numpy as np

    b = low_rank.b * np.float32(low_rank.scale)
    heads = rotary_heads(name, architecture.name, architecture.heads, architecture.kv_heads)
    finite(b, f"the adapter's {name}")
    write_tensor(writer, np.ascontiguousarray(finite(low_rank.a, f"the adapter's {name}")))
    write_tensor(writer, np.ascontiguousarray(interleave_rotary(b, heads) if heads else b))


def _read(adapter: Adapter, weight: str) -> LowRank:
    low_rank = adapter.read(weight)
    assert low_rank is not None, weight  # noqa: S101 - it names its own layers
    return low_rank


def _gguf_name(weight: str, family: str) -> str:
    name = to_gguf_name(weight, family)
    if name is None:
        raise UnsupportedAdapterError(
            f"the adapter changes {weight}, which GGUF has no name for.", next_step="Train the layers' linear weights."
        )
    return name
