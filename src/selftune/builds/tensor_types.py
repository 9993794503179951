"""Which GGUF type each tensor gets.

Q4_K_M and Q5_K_M are mixtures, Q6_K is one type throughout: the rule is llama.cpp's (`src/llama-quant.cpp`,
`llama_tensor_get_type`), so that our file is the one that `llama-quantize` would write.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from selftune.bases.gguf_names import layer_of

_MATRIX: Final = 2
_BLOCK: Final = 32
_SUPER_BLOCK: Final = 256
_USUAL: Final = {"Q4_K_M": "Q4_K", "Q5_K_M": "Q5_K", "Q6_K": "Q6_K"}
# What replaces a K-quant where a row is no multiple of 256.
_FALLBACK: Final = {"Q4_K": "Q5_0", "Q5_K": "Q5_1", "Q6_K": "Q8_0"}


class Quantisation(StrEnum):
    """The types a GGUF file can be written in: what most of its tensors have."""

    F32 = "F32"
    F16 = "F16"
    Q8_0 = "Q8_0"
    Q6_K = "Q6_K"
    Q5_K_M = "Q5_K_M"
    Q4_K_M = "Q4_K_M"


# `general.file_type` (llama.h, `llama_ftype`).
FILE_TYPES: Final = {
    Quantisation.F32: 0,
    Quantisation.F16: 1,
    Quantisation.Q8_0: 7,
    Quantisation.Q4_K_M: 15,
    Quantisation.Q5_K_M: 17,
    Quantisation.Q6_K: 18,
}


def choose_type(name: str, shape: tuple[int, ...], quantisation: Quantisation, *, layers: int, tied: bool) -> str:
    """The ggml type of one tensor; vectors (norms, biases) always stay F32."""
    if len(shape) < _MATRIX or quantisation is Quantisation.F32:
        return "F32"
    width = shape[-1]
    if quantisation is Quantisation.F16 or width % _BLOCK:
        return "F16"
    if quantisation is Quantisation.Q8_0:
        return "Q8_0"
    wanted = _in_mixture(name, quantisation, layers=layers, tied=tied)
    return _FALLBACK[wanted] if width % _SUPER_BLOCK else wanted


def _in_mixture(name: str, quantisation: Quantisation, *, layers: int, tied: bool) -> str:
    usual = _USUAL[quantisation]
    head = "token_embd.weight" if tied else "output.weight"
    layer = layer_of(name)
    sensitive = layer is not None and name.endswith((".attn_v.weight", ".ffn_down.weight"))
    if name == head or (sensitive and layer is not None and _deserves_more_bits(layer, layers)):
        return "Q6_K"
    return usual


def _deserves_more_bits(layer: int, layers: int) -> bool:
    """The first and the last eighth of the layers, and every third between."""
    eighth = layers // 8
    return layer < eighth or layer >= 7 * layers // 8 or (layer - eighth) % 3 == 2  # noqa: PLR2004 - llama.cpp's numbers
