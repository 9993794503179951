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

_INTERPRETER_BYTES: Final = 450_000_000  # Python with torch and transformers, measured
_FLOAT: Final = 4
_ADAM_COPIES: Final = 4  # the parameter, its gradient, two moments
_HIDDEN_KEPT: Final = 14  # hidden-sized tensors that a decoder layer keeps per token for the backward pass
_INTERMEDIATE_KEPT: Final = 5
_LOGIT_COPIES: Final = 3


def training_memory_bytes(
    shape: ModelShape, *, adapter_parameters: int, tokens: int, targets: int, bytes_per_weight: int = _FLOAT
) -> int:
    """An estimate of the peak memory of LoRA training.

    Args:
        shape: Sizes of the base.
        adapter_parameters: Elements that are trained.
        tokens: Tokens in one forward pass.
        targets: Of these, tokens under the loss; only they have logits.
        bytes_per_weight: 4 in float32, 2 in bfloat16.
    """
    weights = shape.parameters * bytes_per_weight
    adapter = adapter_parameters * _FLOAT * _ADAM_COPIES
    per_token = shape.layers * (_HIDDEN_KEPT * shape.hidden + _INTERMEDIATE_KEPT * shape.intermediate)
    logits = targets * shape.vocabulary * _LOGIT_COPIES
    return _INTERPRETER_BYTES + weights + adapter + (tokens * per_token + logits) * _FLOAT


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
