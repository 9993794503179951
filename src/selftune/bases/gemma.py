"""Gemma 3, text only: what its config says beyond the other families, and what of it a GGUF file can hold.

Five layers of six look back over a window with positions of their own; the sixth sees all. llama.cpp knows pattern, the
theta of the layers with a window and the scale of the attention by itself, so a config that says otherwise is refused.
"""

from __future__ import annotations

from typing import Any, Final

FAMILY: Final = "gemma3_text"
TAKE_TURNS: Final = frozenset({FAMILY})
"""Families whose layers do not all look back as far."""
_PATTERN: Final = 6
_LOCAL_THETA: Final = 10000.0
_GLOBAL_THETA: Final = 1_000_000.0
_ACTIVATION: Final = "gelu_pytorch_tanh"
# llama.cpp takes a model of so many layers for the one of 27B, which divides its queries by another number.
_LAYERS_OF_27B: Final = 62
_WIDEST: Final = 1 << 31
_SLIDING, _FULL = "sliding_attention", "full_attention"


def is_gemma(config: dict[str, Any]) -> bool:
    """Whether a parsed `config.json` is of this family."""
    return config.get("model_type") == FAMILY


def against_gemma(config: dict[str, Any]) -> tuple[str, ...]:
    """Why a config of this family can't be carried over exactly; empty when it can."""
    layers, types = config.get("num_hidden_layers"), config.get("layer_types")
    pattern = config.get("sliding_window_pattern", config.get("_sliding_window_pattern", _PATTERN))
    found = {
        "its layers do not take turns five to one": pattern != _PATTERN or not _takes_turns(types, layers),
        "its layers with a window turn their positions in a way of their own": _local_theta(config) != _LOCAL_THETA,
        f"its activation is not {_ACTIVATION!r}": config.get("hidden_activation", _ACTIVATION) != _ACTIVATION,
        "its attention is scaled by another number than the width of a head": layers == _LAYERS_OF_27B
        or config.get("query_pre_attn_scalar", 256) != config.get("head_dim"),
        "its logits are capped": any(config.get(f"{what}_logit_softcapping") for what in ("attn", "final")),
        "its attention looks both ways": bool(config.get("use_bidirectional_attention")),
        "its config names no window": not _is_window(config.get("sliding_window")),
    }
    return tuple(reason for reason, present in found.items() if present)


def with_global_positions(config: dict[str, Any]) -> dict[str, Any]:
    """The config as the other families write it, with the positions of the layers that see all."""
    if not is_gemma(config):
        return config
    positions = config.get("rope_parameters")
    if isinstance(positions, dict) and _FULL in positions:
        return config | {"rope_parameters": positions[_FULL]}
    return {"rope_theta": _GLOBAL_THETA} | config


def _takes_turns(types: object, layers: object) -> bool:
    """Whether the kinds of its layers, where the config lists them, are those that the pattern gives."""
    if types is None:
        return True
    if not isinstance(types, list) or len(types) != layers:
        return False
    return types == [_FULL if number % _PATTERN == _PATTERN - 1 else _SLIDING for number in range(len(types))]


def _is_window(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 < value <= _WIDEST


def _local_theta(config: dict[str, Any]) -> object:
    positions = config.get("rope_parameters")
    if isinstance(positions, dict) and isinstance(positions.get(_SLIDING), dict):
        local = positions[_SLIDING]
        return local.get("rope_theta") if local.get("rope_type", "default") == "default" else None
    return config.get("rope_local_base_freq", _LOCAL_THETA)
