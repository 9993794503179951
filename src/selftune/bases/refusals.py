"""What a GGUF file of ours can't hold exactly: asked before anything is trained, and again before anything is written.

One list for both, so that `selftune base check` never promises what a build refuses.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from selftune.bases.gemma import against_gemma, is_gemma, with_global_positions
from selftune.bases.gguf_names import GGUF_ARCHITECTURES
from selftune.bases.pretokenizers import UnsupportedTokenizerError, name_pre_tokenizer
from selftune.bases.rope import against_rope, is_positive
from selftune.bases.sentencepiece import against_sentencepiece, falls_back_to_bytes
from selftune.bases.shape import VISION, sees_pictures, used_window

if TYPE_CHECKING:
    from collections.abc import Iterator

# Families that people have and we can't use, by what is in the way.
_FUSED: Final = "its query, key and value weights are one tensor (fused QKV)"
_EXPERTS: Final = "it is a mixture of experts"
_ALTERNATES: Final = "its layers take turns between a sliding window and everything, with norms of their own"
_IN_THE_WAY: Final = {
    **dict.fromkeys(("phi3", "gpt_neox", "falcon", "chatglm", "gpt2", "mpt"), _FUSED),
    **dict.fromkeys(("mixtral", "qwen2_moe", "qwen3_moe", "deepseek_v2", "deepseek_v3", "gpt_oss"), _EXPERTS),
    **dict.fromkeys(("gemma2",), _ALTERNATES),
}


def against_family(config: dict[str, Any]) -> tuple[str, ...]:
    """Why a model's family is none of ours, by name; empty when it is."""
    family = str(config.get("model_type", "unknown"))
    if sees_pictures(config):
        return (f"it is {VISION}",)
    if family in GGUF_ARCHITECTURES:
        return ()
    known = ", ".join(GGUF_ARCHITECTURES)
    why = f": {_IN_THE_WAY[family]}" if family in _IN_THE_WAY else ""
    return (f"architecture {family!r} is none of {known}{why}",)


def against_config(config: dict[str, Any]) -> tuple[str, ...]:
    """Every reason in a parsed `config.json`; empty when the model can be written."""
    if reasons := against_family(config):
        return reasons
    if wrong := _contradictions(config):
        return wrong
    window = used_window(config)
    found = {
        f"its sliding window: it looks back {window:,} tokens at most" if window else "": window is not None,
        "its feed-forward layers have biases": bool(config.get("mlp_bias")),
        f"its activation is {config.get('hidden_act')!r}, not 'silu'": not is_gemma(config)
        and config.get("hidden_act", "silu") != "silu",
        "its weights are quantised already": "quantization_config" in config,
        _EXPERTS: any(config.get(key) for key in ("num_experts", "num_local_experts")),
    }
    own = against_gemma(config) if is_gemma(config) else ()
    return (
        *own,
        *against_rope(with_global_positions(config)),
        *(reason for reason, present in found.items() if present),
    )


def _contradictions(config: dict[str, Any]) -> tuple[str, ...]:
    """What a sound config never says; reasons of their own, for nothing can be computed from it."""
    hidden, heads = _whole(config.get("hidden_size")), _whole(config.get("num_attention_heads"))
    shared = _whole(config.get("num_key_value_heads") or config.get("num_attention_heads"))
    own, scaling = config.get("head_dim"), config.get("rope_parameters") or config.get("rope_scaling") or {}
    theta = scaling.get("rope_theta") or config.get("rope_theta") if isinstance(scaling, dict) else None
    found = {
        "its config names no sizes of its heads": not hidden or not heads or not shared,
        "its heads do not share its width": own is None and bool(hidden and heads and hidden % heads),
        "its heads have no width": own is not None and not _whole(own),
        "its key heads do not share its heads": bool(heads and shared and heads % shared),
        "its config names no rms_norm_eps": not is_positive(config.get("rms_norm_eps")),
        "its config's positions are no table": not isinstance(scaling, dict),
        "its config's rope_theta is no number": theta is not None and not is_positive(theta),
    }
    return tuple(reason for reason, present in found.items() if present)


def _whole(value: object) -> int:
    """A whole number above 0, else 0."""
    return value if isinstance(value, int) and is_positive(value) else 0


def against_tokenizer(tokenizer: dict[str, Any]) -> tuple[str, ...]:
    """Every reason in what `read_tokenizer_file` gave; empty when it can be written."""
    return tuple(_against_tokenizer(tokenizer))


def _against_tokenizer(tokenizer: dict[str, Any]) -> Iterator[str]:
    model = tokenizer["model"]
    if model.get("type") != "BPE":
        yield f"its tokenizer is {model.get('type')}, not BPE"
        return
    if model.get("continuing_subword_prefix") or model.get("end_of_word_suffix"):
        yield "its tokenizer marks word parts by a prefix or suffix"
    if model.get("dropout"):
        yield "its tokenizer drops merges at random"
    if falls_back_to_bytes(tokenizer):
        yield from against_sentencepiece(tokenizer)
        return
    try:
        name_pre_tokenizer(tokenizer)
    except UnsupportedTokenizerError as error:
        yield error.message.removesuffix(".")
