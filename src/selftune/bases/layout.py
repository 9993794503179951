"""The tensors that a `config.json` asks for, held against those that the files hold; from headers alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeGuard

from selftune.bases.gguf_names import GGUF_ARCHITECTURES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from selftune.bases.shape import ModelShape

EMBEDDING: Final = "model.embed_tokens.weight"
_HEAD: Final = "lm_head.weight"
# Families whose q, k and v have biases whatever the config says, and those that norm each head's q and k.
_BIASED: Final = frozenset({"qwen2"})
_NORMED: Final = frozenset({"qwen3", "gemma3_text"})
_NORMED_AFTER: Final = frozenset({"gemma3_text"})


def against_layout(config: dict[str, Any], shape: ModelShape) -> tuple[str, ...]:
    """Why the files are not those of a model with this config; empty when they are.

    Only of the families that we know, and of a config that says its sizes: of others nothing can be asked.
    """
    if shape.family not in GGUF_ARCHITECTURES:
        return ()
    found = {tensor.name: tensor.shape for tensor in shape.tensors}
    if EMBEDDING in found and found[EMBEDDING] != (shape.vocabulary, shape.hidden):
        return (_other(EMBEDDING, found[EMBEDDING], (shape.vocabulary, shape.hidden)),)
    if shape.layers > len(found):
        return (f"its config asks for {shape.layers:,} layers, and its files hold {len(found):,} tensors in all",)
    sizes = _sizes(config, shape)
    if sizes is None:
        return ()  # a config that says no sizes of its heads is refused for that
    wanted = dict(_wanted(shape, *sizes, tied=bool(config.get("tie_word_embeddings", False))))
    missing = [name for name in wanted if name not in found]
    other = [name for name, size in wanted.items() if name in found and found[name] != size]
    several = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
    return (
        *((f"its files lack {missing[0]}{several}",) if missing else ()),
        *(_other(name, found[name], wanted[name]) for name in other[:1]),
    )


def _sizes(config: dict[str, Any], shape: ModelShape) -> tuple[int, int, int] | None:
    """Heads, key heads and the width of each."""
    heads = config.get("num_attention_heads")
    if not _is_count(heads):
        return None
    shared, head = config.get("num_key_value_heads") or heads, config.get("head_dim") or shape.hidden // heads
    return (heads, shared, head) if _is_count(shared) and _is_count(head) else None


def _is_count(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


def _wanted(
    shape: ModelShape, heads: int, shared: int, head: int, *, tied: bool
) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Every tensor that transformers makes of these sizes, by name and shape."""
    inside = _of_layer(shape, heads * head, shared * head)
    if shape.family in _NORMED:
        inside |= {f"self_attn.{side}_norm.weight": (head,) for side in "qk"}
    if shape.family in _NORMED_AFTER:
        inside |= {f"{place}_feedforward_layernorm.weight": (shape.hidden,) for place in ("pre", "post")}
    yield EMBEDDING, (shape.vocabulary, shape.hidden)
    yield "model.norm.weight", (shape.hidden,)
    if not tied:
        yield _HEAD, (shape.vocabulary, shape.hidden)
    for number in range(shape.layers):
        yield from ((f"model.layers.{number}.{name}", size) for name, size in inside.items())


def _of_layer(shape: ModelShape, queries: int, keys: int) -> dict[str, tuple[int, ...]]:
    wide, inner = shape.hidden, shape.intermediate
    linears = {
        "self_attn.q_proj": (queries, wide),
        "self_attn.k_proj": (keys, wide),
        "self_attn.v_proj": (keys, wide),
        "self_attn.o_proj": (wide, queries),
        "mlp.gate_proj": (inner, wide),
        "mlp.up_proj": (inner, wide),
        "mlp.down_proj": (wide, inner),
    }
    biased = ("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj") if shape.family in _BIASED else ()
    return {
        **{f"{name}.weight": size for name, size in linears.items()},
        **{f"{name}.bias": linears[name][:1] for name in biased},
        "input_layernorm.weight": (wide,),
        "post_attention_layernorm.weight": (wide,),
    }


def _other(name: str, found: tuple[int, ...], wanted: tuple[int, ...]) -> str:
    return f"{name} is {_by(found)} where its config asks for {_by(wanted)}"


def _by(size: tuple[int, ...]) -> str:
    return " by ".join(f"{length:,}" for length in size)
