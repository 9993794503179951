"""Which models the GGUF writer can carry over exactly, and the sizes it needs; everything else is refused by name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from selftune.bases.gemma import is_gemma, with_global_positions
from selftune.bases.gguf_names import GGUF_ARCHITECTURES
from selftune.bases.refusals import against_config
from selftune.bases.rope import Rope, read_rope
from selftune.errors import UsageError

_NEXT_STEP: Final = f"Use a plain {', '.join(sorted(GGUF_ARCHITECTURES))} model, or serve this one with another server."


class UnsupportedModelError(UsageError):
    """A model that the GGUF writer can't carry over exactly; the message lists every reason."""


@dataclass(frozen=True, kw_only=True)
class Architecture:
    """Sizes of a decoder as a GGUF header names them; `name` is the GGUF architecture.

    Attributes:
        window: How far the layers with a window look back, where layers take turns; None where all see everything.
    """

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
    rope: Rope
    norm_epsilon: float
    tied: bool
    window: int | None = None


def read_architecture(config: dict[str, Any]) -> Architecture:
    """The sizes from a parsed `config.json`.

    Raises:
        UnsupportedModelError: something in it has no exact place in our GGUF files.
    """
    if reasons := against_config(config):
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
        rope=read_rope(with_global_positions(config)),
        norm_epsilon=float(config["rms_norm_eps"]),
        tied=bool(config.get("tie_word_embeddings", is_gemma(config))),
        window=config["sliding_window"] if is_gemma(config) else None,
    )
