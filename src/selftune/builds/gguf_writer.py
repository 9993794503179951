"""A Hugging Face folder, with an adapter merged in or not, as one GGUF file, tensor by tensor.

Keys and layout are those of llama.cpp's own converter and quantiser for these families; the pitfalls are listed where
they are met. Memory: the largest tensor as it is written, once, whatever the size of the model.
"""

from __future__ import annotations

import math
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from selftune.bases.gguf_names import SHIFTED_NORMS, layer_of, rotary_heads, to_gguf_name
from selftune.bases.rope import FREQUENCY_TENSOR
from selftune.bases.shape import read_json
from selftune.builds.architecture import Architecture, UnsupportedModelError, read_architecture
from selftune.builds.chat_template import read_chat_template, without_generation_tags
from selftune.builds.encoding import Wanted, open_encoder, stored_as
from selftune.builds.gguf_tokenizer import GGUFTokenizer, read_tokenizer
from selftune.builds.publish import publish
from selftune.builds.tensor_types import FILE_TYPES, Quantisation, choose_type

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from selftune.builds.tensors import TensorSource

_EMBEDDING: Final = "model.embed_tokens.weight"
_HEAD: Final = "lm_head.weight"
_QUANTISATION_VERSION: Final = 2


@dataclass(frozen=True, kw_only=True)
class _Planned:
    """One tensor to write: where it comes from, what it is called, its shape `[rows, columns]` and ggml type."""

    source: str
    name: str
    shape: tuple[int, ...]
    type: str


def write_gguf(
    folder: Path,
    tensors: TensorSource,
    target: Path,
    quantisation: Quantisation,
    *,
    name: str | None = None,
    on_tensor: Callable[[int, int], None] = lambda _done, _total: None,
) -> None:
    """Write a servable model to `target`, whole or not at all.

    Args:
        folder: Where config, tokenizer and chat template are read.
        tensors: The weights, under the folder's names.
        target: The file that appears.
        quantisation: What most of the tensors are written as.
        name: What the file calls the model; None describes it by its sizes, so that equal weights are equal files.
        on_tensor: Told how many tensors are done, of how many.

    Raises:
        UnsupportedModelError: the model has something that the format, as we write it, can't hold.
        UnsupportedTokenizerError: the same of its tokenizer.
        UsageError: a weight is no number.
        BudgetError: the disk is full.
    """
    import numpy as np

    shapes = tensors.shapes()
    architecture = read_architecture(read_json(folder / "config.json"))
    tied = architecture.tied or _HEAD not in shapes
    plan = _plan(shapes, architecture, quantisation, tied=tied)
    tokenizer = read_tokenizer(folder, shapes[_EMBEDDING][0])
    divisors = architecture.rope.divisors(architecture.head_size)
    with publish(target) as partial, open_writer(partial, architecture.name) as writer, open_encoder() as encoder:
        _add_model_keys(writer, architecture, quantisation)
        writer.add_name(name or f"{architecture.family} {architecture.layers} x {architecture.hidden}")
        _add_tokenizer_keys(writer, tokenizer, read_chat_template(folder))
        if divisors is not None:
            declare_tensor(writer, FREQUENCY_TENSOR, (len(divisors),), "F32")
        for planned in plan:
            declare_tensor(writer, planned.name, planned.shape, planned.type)
        begin_tensors(writer)
        if divisors is not None:
            write_tensor(writer, np.array(divisors, dtype=np.float32))
        for done, planned in enumerate(plan, start=1):
            heads = rotary_heads(planned.name, architecture.name, architecture.heads, architecture.kv_heads)
            shifted = architecture.family in SHIFTED_NORMS and len(planned.shape) == 1
            wanted = Wanted(
                name=planned.source, shape=planned.shape, type=planned.type, heads=heads, added=float(shifted)
            )
            write_tensor(writer, encoder.encode(tensors.rows(planned.source), wanted))
            on_tensor(done, len(plan))


@contextmanager
def open_writer(path: Path, architecture: str) -> Iterator[Any]:
    """The `gguf` package's writer, closed at the end."""
    from gguf import GGUFWriter

    writer = GGUFWriter(path, architecture)
    try:
        yield writer
    finally:
        writer.close()


def declare_tensor(writer: Any, name: str, shape: tuple[int, ...], ggml_type: str) -> None:
    """Announce a tensor; the data follow later in the same order."""
    from gguf import GGMLQuantizationType

    dtype, stored = stored_as(shape, ggml_type)
    size = math.prod(stored) * dtype.itemsize
    writer.add_tensor_info(name, stored, dtype, size, raw_dtype=GGMLQuantizationType[ggml_type])


def write_tensor(writer: Any, values: NDArray[Any]) -> None:
    """Write the data of the next tensor that was declared.

    In place of the writer's own way, by numpy's `tofile`: on a full disk that raises an error without a number, which
    nobody can tell from any other.
    """
    declared = writer.tensors[0]
    assert declared.pop(next(iter(declared))).nbytes == values.nbytes  # noqa: S101 - the writer's own check
    (stream,) = writer.fout
    writer.write_padding(stream, stream.tell())
    stream.write(values.data.cast("B"))
    writer.write_padding(stream, values.nbytes)


def begin_tensors(writer: Any) -> None:
    """Write everything that stands before the tensors' data."""
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_ti_data_to_file()


def _plan(
    shapes: dict[str, tuple[int, ...]], architecture: Architecture, quantisation: Quantisation, *, tied: bool
) -> list[_Planned]:
    # A tied head is stored once, as the embedding; llama.cpp takes that where `output` is missing.
    # Old folders keep what positions are turned by as a tensor of each layer; it follows from theta.
    kept = (
        source for source in shapes if not (tied and source == _HEAD) and not source.endswith(".rotary_emb.inv_freq")
    )
    names = {source: to_gguf_name(source, architecture.family) for source in kept}
    if strangers := sorted(source for source, name in names.items() if name is None):
        raise UnsupportedModelError(
            f"can't be written as GGUF: unknown tensors, {', '.join(strangers[:3])} and {len(strangers)} in all.",
            next_step="Use a plain llama, mistral, qwen2 or qwen3 model.",
        )
    planned = [
        _Planned(
            source=source,
            name=name,
            shape=shapes[source],
            type=choose_type(name, shapes[source], quantisation, layers=architecture.layers, tied=tied),
        )
        for source, name in names.items()
        if name is not None
    ]
    return sorted(planned, key=_place)


def _place(planned: _Planned) -> tuple[int, int, str]:
    layer = layer_of(planned.name)
    if layer is not None:
        return 1, layer, planned.name
    return (0 if planned.name.startswith("token_embd") else 2), 0, planned.name


def _add_model_keys(writer: Any, model: Architecture, quantisation: Quantisation) -> None:
    from gguf import RopeScalingType

    writer.add_type("model")
    writer.add_block_count(model.layers)
    writer.add_context_length(model.context_length)
    writer.add_embedding_length(model.hidden)
    writer.add_feed_forward_length(model.intermediate)
    writer.add_head_count(model.heads)
    writer.add_head_count_kv(model.kv_heads)
    writer.add_key_length(model.head_size)
    writer.add_value_length(model.head_size)
    writer.add_rope_freq_base(model.rope.theta)
    if model.rope.kind == "linear":
        writer.add_rope_scaling_type(RopeScalingType.LINEAR)
        writer.add_rope_scaling_factor(model.rope.factor)
    writer.add_rope_dimension_count(model.head_size)
    if model.window is not None:
        writer.add_sliding_window(model.window)
    writer.add_layer_norm_rms_eps(model.norm_epsilon)
    writer.add_vocab_size(model.vocabulary)
    writer.add_file_type(FILE_TYPES[quantisation])
    writer.add_quantization_version(_QUANTISATION_VERSION)


def _add_tokenizer_keys(writer: Any, tokenizer: GGUFTokenizer, template: str | None) -> None:
    writer.add_tokenizer_model(tokenizer.model)
    writer.add_tokenizer_pre(tokenizer.pre)
    writer.add_token_list(list(tokenizer.tokens))
    writer.add_token_types(list(tokenizer.types))
    if tokenizer.scores is None:
        writer.add_token_merges(list(tokenizer.merges))
    else:
        writer.add_token_scores(list(tokenizer.scores))
    writer.add_add_bos_token(tokenizer.add_bos)
    # A prompt ends where the model begins to answer, whatever the tokenizer puts after a text.
    writer.add_add_eos_token(False)  # noqa: FBT003 - gguf's own signature
    writer.add_add_space_prefix(tokenizer.space_first)
    writer.add_bos_token_id(tokenizer.bos_id)
    writer.add_eos_token_id(tokenizer.eos_id)
    if tokenizer.more_end_ids:
        writer.add_eot_token_id(tokenizer.more_end_ids[0])
    if tokenizer.pad_id is not None:
        writer.add_pad_token_id(tokenizer.pad_id)
    if tokenizer.unknown_id is not None:
        writer.add_unk_token_id(tokenizer.unknown_id)
    if template is not None:
        writer.add_chat_template(without_generation_tags(template))
