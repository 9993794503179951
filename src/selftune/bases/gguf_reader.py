"""A GGUF file as a Hugging Face folder that transformers loads and training can start from.

Floats keep their type; quantised tensors come back as F16, which the served file will hold anyway, so that what is
trained and what is served begin with the same bits. The result is as good as the quantisation was.
"""

from __future__ import annotations

import json
import math
import struct
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any, Final

from selftune.bases.gguf_header import DamagedGGUFError, GGUFHeader, GGUFTensor, damaged, read_gguf_header
from selftune.bases.gguf_names import rotary_heads, separate_rotary, to_folder_name
from selftune.bases.gguf_tokenizer import write_tokenizer
from selftune.bases.rope import DEFAULT_THETA, FREQUENCY_TENSOR, Rope
from selftune.context import Progress
from selftune.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from numpy.typing import NDArray

__all__ = ["DamagedGGUFError", "UnsupportedGGUFError", "against_header", "gguf_to_hf_folder", "read_gguf_header"]

_FLOATS: Final = {"F32": ("F32", "<f4", 4), "F16": ("F16", "<f2", 2), "BF16": ("BF16", "<u2", 2)}
# What the `gguf` package can give back as floats.
_READABLE: Final = frozenset(
    {*_FLOATS, "Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0", "Q2_K", "Q3_K", "Q4_K", "Q5_K", "Q6_K", "TQ1_0", "TQ2_0"}
    | {"IQ2_XXS", "IQ2_XS", "IQ2_S", "IQ3_XXS", "IQ3_S", "IQ1_S", "IQ1_M", "IQ4_NL", "IQ4_XS", "MXFP4"}
)
# Of Llama 3.1 and 3.2; what else is in `rope_parameters` is the same in both.
_LLAMA3_FACTORS: Final = (8.0, 32.0)
_QUANTISED: Final = ("F16", "<f2", 2)
_FAMILIES: Final = ("llama", "qwen2", "qwen3")
_NEXT_STEP: Final = f"Use a plain {', '.join(_FAMILIES)} model, or get the model as a Hugging Face folder."


class UnsupportedGGUFError(UsageError):
    """A sound GGUF file of a model that we can't rebuild exactly; the message lists every reason."""


@dataclass(frozen=True, kw_only=True)
class _Sizes:
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
    biased: bool


def gguf_to_hf_folder(gguf: Path, folder: Path, told: Callable[[Progress], None] = lambda _: None) -> None:
    """Write config, weights, tokenizer and template of a GGUF file into `folder`, tensor by tensor, as `told` hears.

    Raises:
        DamagedGGUFError: the file is malformed, or its tensors do not fit its own sizes.
        UnsupportedGGUFError: its architecture has no exact place in such a folder.
        UnsupportedTokenizerError: the same of its tokenizer.
    """
    header = read_gguf_header(gguf)
    sizes = _read_sizes(header)
    tensors = _check_tensors(header, sizes)
    folder.mkdir(parents=True, exist_ok=True)
    write_tokenizer(header, folder)
    _write_json(folder / "config.json", _config(sizes, header))
    _write_weights(folder / "model.safetensors", header, tensors, sizes, told)


def _read_sizes(header: GGUFHeader) -> _Sizes:
    family = header.text("general.architecture") or "unknown"
    if reasons := against_header(header):
        raise UnsupportedGGUFError(f"{header.path.name} can't be used: {'; '.join(reasons)}.", next_step=_NEXT_STEP)
    shapes = {tensor.name: tensor.shape for tensor in header.tensors}
    heads, hidden = _need(header, f"{family}.attention.head_count"), _need(header, f"{family}.embedding_length")
    if not heads or not hidden:
        raise damaged(header.path, "its sizes are 0")
    head_size = header.number(f"{family}.attention.key_length") or hidden // heads
    return _Sizes(
        family=family,
        layers=_need(header, f"{family}.block_count"),
        hidden=hidden,
        intermediate=_need(header, f"{family}.feed_forward_length"),
        heads=heads,
        kv_heads=header.number(f"{family}.attention.head_count_kv") or heads,
        head_size=head_size,
        vocabulary=shapes.get("token_embd.weight", (0,))[0],
        context_length=_need(header, f"{family}.context_length"),
        rope=_read_rope(header, family, head_size),
        norm_epsilon=_float(header, f"{family}.attention.layer_norm_rms_epsilon", None),
        tied="output.weight" not in shapes,
        biased="blk.0.attn_q.bias" in shapes,
    )


def against_header(header: GGUFHeader) -> tuple[str, ...]:
    """Why the model in a GGUF file can't be rebuilt as a folder exactly; empty when it can."""
    family = header.text("general.architecture") or "unknown"
    if family not in _FAMILIES:
        return (f"architecture {family!r} is none of {', '.join(_FAMILIES)}",)
    metadata = header.metadata
    scaling = metadata.get(f"{family}.rope.scaling.type", "none")
    head_size = metadata.get(f"{family}.attention.key_length")
    rotated = metadata.get(f"{family}.rope.dimension_count", head_size)
    context, window = (metadata.get(f"{family}.{key}") for key in ("context_length", "attention.sliding_window"))
    unreadable = sorted({tensor.type for tensor in header.tensors} - _READABLE)
    found = {
        "it is an adapter, not a model": metadata.get("general.type", "model") != "model",
        "it is one part of several": metadata.get("split.count", 1) not in {0, 1},
        f"it stretches its positions by {scaling!r}": scaling not in {"none", "linear"},
        "it is a mixture of experts": bool(metadata.get(f"{family}.expert_count", 0)),
        f"its sliding window: it looks back {window} tokens at most": bool(window) and window != context,
        "only a part of each head is rotated": head_size is not None and rotated != head_size,
        f"tensor types {', '.join(unreadable)}": bool(unreadable),
    }
    return tuple(reason for reason, present in found.items() if present)


def _read_rope(header: GGUFHeader, family: str, head_size: int) -> Rope:
    """Theta and what stretches the positions; Llama 3's divisors are recognised, any others refused."""
    theta = _float(header, f"{family}.rope.freq_base", DEFAULT_THETA)
    if header.metadata.get(f"{family}.rope.scaling.type", "none") == "linear":
        return Rope(theta=theta, kind="linear", factor=_float(header, f"{family}.rope.scaling.factor", None))
    tensor = next((tensor for tensor in header.tensors if tensor.name == FREQUENCY_TENSOR), None)
    if tensor is None:
        return Rope(theta=theta)
    if tensor.type != "F32" or tensor.shape != (head_size // 2,):
        raise damaged(header.path, f"{FREQUENCY_TENSOR} is {tensor.type} {tensor.shape}")
    with header.path.open("rb") as source:
        source.seek(tensor.offset)
        divisors = struct.unpack(f"<{head_size // 2}f", source.read(tensor.size_bytes))
    known = (Rope(theta=theta, kind="llama3", factor=factor) for factor in _LLAMA3_FACTORS)
    for rope in known:
        if all(
            math.isclose(*pair, rel_tol=1e-5) for pair in zip(divisors, rope.divisors(head_size) or (), strict=True)
        ):
            return rope
    raise UnsupportedGGUFError(
        f"{header.path.name} can't be used: it stretches its positions in a way that is not Llama 3's.",
        next_step=_NEXT_STEP,
    )


def _check_tensors(header: GGUFHeader, sizes: _Sizes) -> dict[str, GGUFTensor]:
    """The tensors by their folder names: exactly those that the sizes call for."""
    found: dict[str, GGUFTensor] = {}
    for tensor in header.tensors:
        if tensor.name == FREQUENCY_TENSOR:
            continue  # it is said in the config
        name = to_folder_name(tensor.name)
        if name is None:
            raise UnsupportedGGUFError(
                f"{header.path.name} can't be used: tensor {tensor.name!r} has no place.", next_step=_NEXT_STEP
            )
        found[name] = tensor
    expected = dict(_expected_shapes(sizes))
    if missing := sorted(expected.keys() - found.keys()):
        raise damaged(header.path, f"{len(missing)} tensors are missing, {missing[0]} among them")
    if surplus := sorted(found.keys() - expected.keys()):
        raise UnsupportedGGUFError(
            f"{header.path.name} can't be used: tensor {surplus[0]} has no place in a {sizes.family}.",
            next_step=_NEXT_STEP,
        )
    for name, shape in expected.items():
        if found[name].shape != shape:
            raise damaged(header.path, f"{name} has shape {found[name].shape}, its sizes ask for {shape}")
    return found


def _expected_shapes(sizes: _Sizes) -> Iterator[tuple[str, tuple[int, ...]]]:
    hidden, head = sizes.hidden, sizes.head_size
    queries, keys = sizes.heads * head, sizes.kv_heads * head
    yield "model.embed_tokens.weight", (sizes.vocabulary, hidden)
    yield "model.norm.weight", (hidden,)
    if not sizes.tied:
        yield "lm_head.weight", (sizes.vocabulary, hidden)
    inside: dict[str, tuple[int, ...]] = {
        "input_layernorm.weight": (hidden,),
        "post_attention_layernorm.weight": (hidden,),
        "self_attn.q_proj.weight": (queries, hidden),
        "self_attn.k_proj.weight": (keys, hidden),
        "self_attn.v_proj.weight": (keys, hidden),
        "self_attn.o_proj.weight": (hidden, queries),
        "mlp.gate_proj.weight": (sizes.intermediate, hidden),
        "mlp.up_proj.weight": (sizes.intermediate, hidden),
        "mlp.down_proj.weight": (hidden, sizes.intermediate),
    }
    if sizes.biased:
        biases = {"q": (queries,), "k": (keys,), "v": (keys,)} | ({"o": (hidden,)} if sizes.family == "llama" else {})
        inside |= {f"self_attn.{name}_proj.bias": shape for name, shape in biases.items()}
    if sizes.family == "qwen3":
        inside |= {"self_attn.q_norm.weight": (head,), "self_attn.k_norm.weight": (head,)}
    for layer in range(sizes.layers):
        for name, shape in inside.items():
            yield f"model.layers.{layer}.{name}", shape


def _config(sizes: _Sizes, header: GGUFHeader) -> dict[str, Any]:
    architectures = {"llama": "LlamaForCausalLM", "qwen2": "Qwen2ForCausalLM", "qwen3": "Qwen3ForCausalLM"}
    config = {
        "architectures": [architectures[sizes.family]],
        "model_type": sizes.family,
        "hidden_size": sizes.hidden,
        "intermediate_size": sizes.intermediate,
        "num_hidden_layers": sizes.layers,
        "num_attention_heads": sizes.heads,
        "num_key_value_heads": sizes.kv_heads,
        "head_dim": sizes.head_size,
        "vocab_size": sizes.vocabulary,
        "max_position_embeddings": sizes.context_length,
        "hidden_act": "silu",
        "rms_norm_eps": sizes.norm_epsilon,
        "rope_parameters": sizes.rope.parameters(),
        "tie_word_embeddings": sizes.tied,
        "bos_token_id": header.number("tokenizer.ggml.bos_token_id"),
        "eos_token_id": header.number("tokenizer.ggml.eos_token_id"),
        "pad_token_id": header.number("tokenizer.ggml.padding_token_id"),
    }
    if sizes.family == "llama":
        config["attention_bias"] = sizes.biased
    return config


def _write_weights(
    path: Path, header: GGUFHeader, tensors: dict[str, GGUFTensor], sizes: _Sizes, told: Callable[[Progress], None]
) -> None:
    """One safetensors file: 8 bytes of length, a JSON table, the data; written as it is read."""
    table: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    end = 0
    for name in sorted(tensors):
        type_name, _, width = _FLOATS.get(tensors[name].type, _QUANTISED)
        elements = 1
        for length in tensors[name].shape:
            elements *= length
        table[name] = {
            "dtype": type_name,
            "shape": list(tensors[name].shape),
            "data_offsets": [end, end + elements * width],
        }
        end += elements * width
    head = json.dumps(table, separators=(",", ":")).encode()
    head += b" " * (-len(head) % 8)
    with header.path.open("rb") as source, path.open("wb") as out:
        out.write(struct.pack("<Q", len(head)))
        out.write(head)
        written = 0
        for name in sorted(tensors):
            written += out.write(_read_tensor(source, tensors[name], sizes).tobytes())
            told(Progress(done=written, total=end, note="unpacking"))


def _read_tensor(source: IO[bytes], tensor: GGUFTensor, sizes: _Sizes) -> NDArray[Any]:
    """The values `[rows, …]` in the type they are stored in, rotary halves apart."""
    import numpy as np
    from gguf import GGMLQuantizationType
    from gguf.quants import dequantize

    source.seek(tensor.offset)
    data = np.frombuffer(source.read(tensor.size_bytes), dtype=np.uint8)
    if tensor.type in _FLOATS:
        values = data.view(_FLOATS[tensor.type][1]).reshape(tensor.shape)
    else:
        rows = data.reshape(*tensor.shape[:-1], -1)
        values = dequantize(rows, GGMLQuantizationType[tensor.type]).astype(np.float16)
    heads = rotary_heads(tensor.name, sizes.family, sizes.heads, sizes.kv_heads)
    return separate_rotary(values, heads) if heads else values


def _need(header: GGUFHeader, key: str) -> int:
    number = header.number(key)
    if number is None or number < 0:
        raise damaged(header.path, f"{key} is {number}")
    return number


def _float(header: GGUFHeader, key: str, usual: float | None) -> float:
    value = header.metadata.get(key, usual)
    if not isinstance(value, float) or not 0 < value < float("inf"):
        raise damaged(header.path, f"{key} is {value}")
    return value


def _write_json(path: Path, body: dict[str, Any]) -> None:
    path.write_text(json.dumps(body, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
