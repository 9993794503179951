"""What the tensors of one model are called in a Hugging Face folder and in a GGUF file, and how two of them differ.

Names follow llama.cpp (`src/llama-arch.cpp`). Four families share one plain decoder layout,
so one table serves all.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

# GGUF architecture of each `model_type`: llama.cpp knows Mistral as a llama.
GGUF_ARCHITECTURES: Final = {
    "llama": "llama",
    "mistral": "llama",
    "qwen2": "qwen2",
    "qwen3": "qwen3",
    "gemma3_text": "gemma3",
}
# Families whose norms hold the distance from 1; a GGUF file holds the factor itself.
SHIFTED_NORMS: Final = frozenset({"gemma3_text"})
# Upstream stores q and k of these with the rotary halves interleaved.
INTERLEAVED: Final = frozenset({"llama"})

_OUTSIDE: Final = {
    "model.embed_tokens.weight": "token_embd.weight",
    "model.norm.weight": "output_norm.weight",
    "lm_head.weight": "output.weight",
}
_INSIDE: Final = {
    "input_layernorm": "attn_norm",
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "self_attn.q_norm": "attn_q_norm",
    "self_attn.k_norm": "attn_k_norm",
    "post_attention_layernorm": "ffn_norm",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
}
# Gemma 3 norms what comes out of attention and feed-forward too, and has one name for another place.
_INSIDE_OF: Final = {
    "gemma3_text": _INSIDE
    | {
        "post_attention_layernorm": "post_attention_norm",
        "pre_feedforward_layernorm": "ffn_norm",
        "post_feedforward_layernorm": "post_ffw_norm",
    }
}
_OUTSIDE_BACK: Final = {gguf: folder for folder, gguf in _OUTSIDE.items()}
_INSIDE_BACK: Final = {gguf: folder for folder, gguf in _INSIDE.items()}
_FOLDER_LAYER: Final = re.compile(r"model\.layers\.(\d{1,5})\.(.+)\.(weight|bias)")
_GGUF_LAYER: Final = re.compile(r"blk\.(\d{1,5})\.(.+)\.(weight|bias)")


def to_gguf_name(name: str, family: str) -> str | None:
    """The GGUF name of a tensor of a Hugging Face folder; None when the family's layout has no such tensor."""
    inside = _INSIDE_OF.get(family, _INSIDE)
    if (match := _FOLDER_LAYER.fullmatch(name)) and match[2] in inside:
        return f"blk.{match[1]}.{inside[match[2]]}.{match[3]}"
    return _OUTSIDE.get(name)


def to_folder_name(name: str) -> str | None:
    """The Hugging Face name of a tensor of a GGUF file; None when the layout has no such tensor."""
    if (match := _GGUF_LAYER.fullmatch(name)) and match[2] in _INSIDE_BACK:
        return f"model.layers.{match[1]}.{_INSIDE_BACK[match[2]]}.{match[3]}"
    return _OUTSIDE_BACK.get(name)


def layer_of(name: str) -> int | None:
    """The layer a GGUF tensor belongs to, from 0; None outside the layers."""
    match = _GGUF_LAYER.fullmatch(name)
    return int(match[1]) if match else None


def rotary_heads(name: str, architecture: str, heads: int, kv_heads: int) -> int | None:
    """How many heads a GGUF tensor's rows are interleaved in; None for a tensor that is stored as it is."""
    if architecture not in INTERLEAVED:
        return None
    match = _GGUF_LAYER.fullmatch(name)
    return {"attn_q": heads, "attn_k": kv_heads}.get(match[2]) if match else None


def interleave_rotary(weights: NDArray[np.float32], heads: int) -> NDArray[np.float32]:
    """Rows `[heads x 2 x half, …]` as GGUF stores them: first and second half of each head taken in turn."""
    rows = weights.shape[0]
    halves = weights.reshape(heads, 2, rows // heads // 2, *weights.shape[1:])
    return halves.swapaxes(1, 2).reshape(weights.shape)


def separate_rotary(weights: NDArray[np.float32], heads: int) -> NDArray[np.float32]:
    """The inverse of `interleave_rotary`."""
    rows = weights.shape[0]
    turns = weights.reshape(heads, rows // heads // 2, 2, *weights.shape[1:])
    return turns.swapaxes(1, 2).reshape(weights.shape)
