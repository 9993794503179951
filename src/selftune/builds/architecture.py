"""Which models the GGUF writer can carry over exactly, and the sizes it needs; everything else is refused by name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from selftune.bases.gguf_names import GGUF_ARCHITECTURES
from selftune.errors import UsageError

_NEXT_STEP: Final = f"Use a plain {', '.join(sorted(GGUF_ARCHITECTURES))} model, or serve this one with another server."
_DEFAULT_THETA: Final = 10000.0


class UnsupportedModelError(UsageError):
    """A model that the GGUF writer can't carry over exactly; the message lists every reason."""


@dataclass(frozen=True, kw_only=True)
class Architecture:
    """Sizes of a decoder as a GGUF header names them; `name` is the GGUF architecture."""

    name: str
    family: str
    layers: int
    hidden: int
    intermediate: int
    heads: int
    kv_heads: int
    head_size: int
    vocabulary: int
    context_length: int
    rope_theta: float
    norm_epsilon: float
    tied: bool


def read_architecture(config: dict[str, Any]) -> Architecture:
    """The sizes from a parsed `config.json`.

    Raises:
        UnsupportedModelError: something in it has no exact place in our GGUF files.
    """
    if reasons := _objections(config):
        raise UnsupportedModelError(f"can't be written as GGUF: {'; '.join(reasons)}.", next_step=_NEXT_STEP)
    family, heads = config["model_type"], config["num_attention_heads"]
    return Architecture(
        name=GGUF_ARCHITECTURES[family],
        family=family,
        layers=config["num_hidden_layers"],
        hidden=config["hidden_size"],
        intermediate=config["intermediate_size"],
        heads=heads,
        kv_heads=config.get("num_key_value_heads") or heads,
        head_size=config.get("head_dim") or config["hidden_size"] // heads,
        vocabulary=config["vocab_size"],
        context_length=config["max_position_embeddings"],
        rope_theta=float(_rope(config).get("rope_theta") or config.get("rope_theta") or _DEFAULT_THETA),
        norm_epsilon=float(config["rms_norm_eps"]),
        tied=bool(config.get("tie_word_embeddings", False)),
    )


def _objections(config: dict[str, Any]) -> list[str]:
    family = config.get("model_type")
    if family not in GGUF_ARCHITECTURES:
        return [f"architecture {family!r} is not supported"]
    rope = _rope(config)
    window = config.get("sliding_window") if config.get("use_sliding_window", True) else None
    found = {
        "it uses rope scaling": rope.get("rope_type", rope.get("type", "default")) != "default",
        "only a part of each head is rotated": rope.get("partial_rotary_factor", 1.0) != 1.0,
        f"its sliding window of {window} tokens": window is not None,
        "its feed-forward layers have biases": bool(config.get("mlp_bias")),
        f"its activation is {config.get('hidden_act')!r}, not 'silu'": config.get("hidden_act", "silu") != "silu",
        "its weights are quantised already": "quantization_config" in config,
        "it is a mixture of experts": any(config.get(key) for key in ("num_experts", "num_local_experts")),
    }
    return [reason for reason, present in found.items() if present]


def _rope(config: dict[str, Any]) -> dict[str, Any]:
    """Transformers 5 keeps theta and scaling in `rope_parameters`; older folders have `rope_scaling` beside theta."""
    return config.get("rope_parameters") or config.get("rope_scaling") or {}
