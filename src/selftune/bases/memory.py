"""Memory: what a training takes, estimated from sizes alone, and giving back what a model leaves behind."""

from __future__ import annotations

import ctypes
import gc
import sys
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from selftune.bases.shape import ModelShape

SEVEN_LINEARS: Final = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
"""The linear layers of a decoder layer in all families that we know."""

LAYERS_ALIKE: Final = ("Llama", "Mistral", "Qwen2", "Qwen3")
"""Families whose layers hold a norm, attention, a norm, a gated MLP with SiLU, and nothing else."""

_INTERPRETER_BYTES: Final = 450_000_000  # Python with torch and transformers, measured
_CUDA_BYTES: Final = 500_000_000  # its context, before the first tensor
_FLOAT: Final = 4
_HALF: Final = 2
# 4 bits, and a constant of 32 bits for each block of 64: NF4 as QLoRA has it (Dettmers et al. 2023), and MLX's groups.
_FOUR_BIT: Final = 0.5 + 4 / 64
_ADAM_COPIES: Final = 4  # the parameter, its gradient, two moments
_LOGIT_COPIES: Final = 3
# What a decoder layer keeps per token for the backward pass: so many tensors as wide as the hidden state, as the keys,
# and as the middle of the MLP. On a CPU, where transformers' norms and rotations are many small steps, as measured
# (benchmarks/memory_estimate.py); on an accelerator, where they are one step each, by counting.
_KEPT: Final = (20, 13, 4)
_KEPT_FUSED: Final = (14, 0, 5)
# What our own layers keep (training/packed_layers.py), by counting: two norms, a query, attention twice and two sums;
# key and value; gate, what it lets through, and their product.
_KEPT_PACKED: Final = (7, 2, 3)
# Logits that our own loop holds at a time, and the rows of them that it holds however large the vocabulary is.
LOGITS_AT_ONCE: Final = 1 << 24
LEAST_LOGIT_ROWS: Final = 32
_STORED_BYTES: Final = {"F64": 8, "F32": 4, "F16": 2, "BF16": 2}


def training_memory_bytes(
    shape: ModelShape,
    *,
    adapter_parameters: int,
    tokens: int,
    targets: int,
    bytes_per_weight: int = _FLOAT,
    adapted_layers: int = 0,
    packed: bool = False,
) -> int:
    """An estimate of the peak memory of LoRA training.

    Args:
        shape: Sizes of the base.
        adapter_parameters: Elements that are trained.
        tokens: Tokens in one forward pass.
        targets: Of these, tokens under the loss; only they have logits.
        bytes_per_weight: 4 in float32, 2 in bfloat16.
        adapted_layers: The last so many decoder layers have an adapter, and only they keep anything for the backward
            pass; 0: all do.
        packed: Our own layers compute it, which keep less, with a part of the logits at a time.
    """
    weights = shape.parameters * bytes_per_weight + _read_beside(shape, bytes_per_weight)
    each = _kept_per_token(shape, adapted_layers or shape.layers, _KEPT_PACKED if packed else _KEPT)
    kept = tokens * each * bytes_per_weight
    if packed:
        targets = min(targets, max(LEAST_LOGIT_ROWS, LOGITS_AT_ONCE // shape.vocabulary))
    return _INTERPRETER_BYTES + weights + kept + _on_top(shape, adapter_parameters, targets)


def four_bit_memory_bytes(
    shape: ModelShape,
    *,
    adapter_parameters: int,
    tokens: int,
    targets: int,
    adapted_layers: int = 0,
    bytes_beside: int = _HALF,
    offloads: bool,
) -> int:
    """The same where the linear layers are held in 4 bits (QLoRA), on an accelerator.

    Args:
        shape: Sizes of the base.
        adapter_parameters: Elements that are trained.
        tokens: Tokens in one forward pass.
        targets: Of these, tokens under the loss.
        adapted_layers: As for `training_memory_bytes`.
        bytes_beside: Of each weight that is not in 4 bits, and of what is kept for the backward pass: 2 in bfloat16,
            4 in float32.
        offloads: Whether a layer's tensors are computed again in the backward pass, and its input waits in the memory
            of the machine, as in Unsloth: then the accelerator holds one layer's at a time.
    """
    linear = sum(tensor.size for name in SEVEN_LINEARS for tensor in shape.linears(name))
    weights = round(linear * _FOUR_BIT) + (shape.parameters - linear) * bytes_beside
    layers = 1 if offloads else adapted_layers or shape.layers
    kept = tokens * _kept_per_token(shape, layers, _KEPT_FUSED) * bytes_beside
    return _CUDA_BYTES + weights + kept + _on_top(shape, adapter_parameters, targets)


def _kept_per_token(shape: ModelShape, layers: int, kept: tuple[int, int, int]) -> int:
    hidden, keys, middle = kept
    key_width = next((tensor.shape[0] for tensor in shape.linears("k_proj")), shape.hidden)
    return layers * (hidden * shape.hidden + keys * key_width + middle * shape.intermediate)


def _read_beside(shape: ModelShape, bytes_per_weight: int) -> int:
    """The file itself lies in memory too, as far as its weights are stored in another number type than they get."""
    sizes = ((tensor.size, _STORED_BYTES.get(tensor.dtype, 0)) for tensor in shape.tensors)
    return sum(size * stored for size, stored in sizes if stored != bytes_per_weight)


def _on_top(shape: ModelShape, adapter_parameters: int, targets: int) -> int:
    """The adapter with what its optimiser keeps, and the logits; both in float32."""
    return (adapter_parameters * _ADAM_COPIES + targets * shape.vocabulary * _LOGIT_COPIES) * _FLOAT


def give_memory_back() -> None:
    """Hand freed memory back to the system; a model's worth of it stays with the process otherwise.

    glibc keeps what was freed in pieces. Elsewhere there is nothing to do but to collect cycles.
    """
    gc.collect()
    if sys.platform == "linux":
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # musl has none
        if trim is not None:
            trim(0)


def lora_parameters(shape: ModelShape, rank: int, targets: tuple[str, ...], last_layers: int = 0) -> int:
    """Elements of a LoRA adapter of this rank on these linear layers, of the last decoder layers or (0) of all."""
    layers = [tensor for target in targets for tensor in shape.linears(target, last_layers)]
    return sum(rank * sum(layer.shape) for layer in layers)
