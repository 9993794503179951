"""Whether a base can be trained and served here, from headers alone: no weight is read, so the answer takes seconds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from selftune.bases.facts import template_of
from selftune.bases.gguf_header import read_gguf_header
from selftune.bases.gguf_names import GGUF_ARCHITECTURES, to_folder_name, to_gguf_name
from selftune.bases.gguf_reader import against_header
from selftune.bases.gguf_tokenizer import against_tokenizer_keys
from selftune.bases.layout import EMBEDDING, against_layout
from selftune.bases.memory import SEVEN_LINEARS, lora_parameters, training_memory_bytes
from selftune.bases.provenance import trained_before
from selftune.bases.refusals import against_config, against_family, against_tokenizer
from selftune.bases.rope import FREQUENCY_TENSOR
from selftune.bases.shape import ModelShape, Tensor, read_json, read_shape
from selftune.bases.thinking import marks_of_folder
from selftune.bases.tokenizer_file import read_tokenizer_file
from selftune.errors import MissingFileError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path
    from typing import Any

    from selftune.bases.gguf_header import GGUFHeader

_RANK: Final = 16
_TOKENS: Final = 1024
_TARGETS: Final = 128
_FLOATS: Final = ("F32", "F16", "BF16")
_HALF_BYTES: Final = 2
_SERVER_BYTES: Final = 150_000_000
_SETTINGS: Final = "tokenizer_config.json"
ADVICE: Final = (
    f"Choose an instruct model of the families {', '.join(GGUF_ARCHITECTURES)} that is plain and small enough, or mend "
    "what is named."
)


@dataclass(frozen=True, kw_only=True)
class BaseReport:
    """What can be done with a base on this machine.

    Attributes:
        training_bytes: Estimated peak of a LoRA training, rank 16, 1,024 tokens at a time.
        serving_bytes: Estimated memory of a server in F16.
        free_bytes: Memory that is free now.
        against_training: Why it can't be trained here; empty when it can.
        against_serving: Why it can't be served here; empty when it can.
        notes: What to know of it that stands in the way of neither.
    """

    name: str
    architecture: str
    parameters: int
    context_length: int
    licence: str
    training_bytes: int
    serving_bytes: int
    free_bytes: int
    against_training: tuple[str, ...]
    against_serving: tuple[str, ...]
    notes: tuple[str, ...] = ()

    @property
    def next_step(self) -> str:
        """What to do when something speaks against it; empty when nothing does."""
        if self.trainable and self.servable:
            return ""
        return ADVICE

    @property
    def trainable(self) -> bool:
        """Whether nothing speaks against training."""
        return not self.against_training

    @property
    def servable(self) -> bool:
        """Whether nothing speaks against serving."""
        return not self.against_serving


def check_folder(folder: Path, *, name: str, licence: str) -> BaseReport:
    """The report on a Hugging Face folder.

    Raises:
        MissingFileError: it is no Hugging Face folder.
        UsageError: its weights are pickles, or its config is not of a causal language model.
        DamagedFileError: a header is damaged.
    """
    shape, config = read_shape(folder), read_json(folder / "config.json")
    return _report(
        shape,
        name=name,
        licence=licence,
        always=against_use(folder),
        training=_against_precision(shape),
        serving=(*(() if against_family(config) else against_config(config)), *_against_tokenizer(folder)),
        notes=_notes(shape, folder),
    )


def against_use(folder: Path) -> tuple[str, ...]:
    """Why nothing at all can be done with a Hugging Face folder; empty when something can.

    Raises:
        MissingFileError, UsageError, DamagedFileError: as `check_folder`.
    """
    shape, config = read_shape(folder), read_json(folder / "config.json")
    if (folder / _SETTINGS).is_file():
        read_json(folder / _SETTINGS)  # whether it can be read at all
    return (
        *against_family(config),
        *_against_template(folder),
        *against_layout(config, shape),
        *_against_rows(folder, shape),
    )


def check_gguf(path: Path, *, name: str, licence: str) -> BaseReport:
    """The report on a GGUF file, as the Hugging Face folder that it would be unpacked to.

    Raises:
        MissingFileError: there is no such file.
        DamagedGGUFError: it is no whole GGUF file.
    """
    header = read_gguf_header(path)
    shape = shape_of_gguf(header)
    return _report(
        shape,
        name=name,
        licence=header.text("general.license") or licence,
        always=(*against_header(header), *_against_gguf(header)),
        training=(),
        serving=(),
    )


def shape_of_gguf(header: GGUFHeader) -> ModelShape:
    """The shape of the model in a GGUF file; tensors that have no place in a folder keep their own names."""
    family = header.text("general.architecture") or "unknown"
    kept = (t for t in header.tensors if t.name != FREQUENCY_TENSOR)
    tensors = tuple(Tensor(name=to_folder_name(t.name) or t.name, dtype=t.type, shape=t.shape) for t in kept)
    embedding = next((t.shape[0] for t in tensors if t.name == "model.embed_tokens.weight"), 0)
    return ModelShape(
        family=family,
        architecture=family,
        layers=header.number(f"{family}.block_count") or 0,
        hidden=header.number(f"{family}.embedding_length") or 0,
        intermediate=header.number(f"{family}.feed_forward_length") or 0,
        vocabulary=embedding,
        context_length=header.number(f"{family}.context_length") or 0,
        sliding_window=header.number(f"{family}.attention.sliding_window"),
        tensors=tensors,
    )


def _report(
    shape: ModelShape,
    *,
    name: str,
    licence: str,
    always: Iterable[str],
    training: Iterable[str],
    serving: Iterable[str],
    notes: Iterable[str] = (),
) -> BaseReport:
    import psutil

    free = int(psutil.virtual_memory().available)
    to_train, to_serve = _training_bytes(shape), _serving_bytes(shape)
    both = tuple(always)
    return BaseReport(
        name=name,
        architecture=shape.family,
        parameters=shape.parameters,
        context_length=shape.context_length,
        licence=licence,
        training_bytes=to_train,
        serving_bytes=to_serve,
        free_bytes=free,
        against_training=(*both, *training, *_against_memory("training", to_train, free)),
        against_serving=(*both, *_against_export(shape), *serving, *_against_memory("serving", to_serve, free)),
        notes=tuple(notes),
    )


def _training_bytes(shape: ModelShape) -> int:
    trained = lora_parameters(shape, _RANK, SEVEN_LINEARS)
    return training_memory_bytes(shape, adapter_parameters=trained, tokens=_TOKENS, targets=_TARGETS)


def _serving_bytes(shape: ModelShape) -> int:
    return shape.parameters * _HALF_BYTES + _SERVER_BYTES


def _notes(shape: ModelShape, folder: Path) -> Iterator[str]:
    if history := trained_before(folder):
        yield f"its weights were trained here before: {', '.join(history)}; what is trained on it comes after that"
    if shape.sliding_window is not None:
        yield f"its layers look back {shape.sliding_window:,} tokens: a longer example is refused before training"
    if marks_of_folder(folder) is not None:
        yield "it thinks before it answers: answers without reasoning would train that away"


def _against_template(folder: Path) -> Iterator[str]:
    try:
        template_of(folder)
    except UsageError as error:
        yield error.message.removesuffix(".")


def _against_rows(folder: Path, shape: ModelShape) -> Iterator[str]:
    """The tokenizer must be there, and know no token that the model has no row for."""
    try:
        tokenizer = read_tokenizer_file(folder)
    except MissingFileError:
        yield "it has no tokenizer.json"
        return
    rows = next((tensor.shape[0] for tensor in shape.tensors if tensor.name == EMBEDDING and tensor.shape), None)
    highest = max(_token_ids(tokenizer), default=-1)
    if rows is not None and highest >= rows:
        yield f"its tokenizer has token {highest:,}, its model only {rows:,} rows: one of them is another model's"


def _token_ids(tokenizer: dict[str, Any]) -> Iterator[int]:
    yield from (token["id"] for token in tokenizer.get("added_tokens", ()))
    if tokenizer["model"].get("type") == "BPE":
        yield from tokenizer["model"]["vocab"].values()


def _against_gguf(header: GGUFHeader) -> Iterator[str]:
    if not header.text("tokenizer.chat_template"):
        yield "it has no chat template"
    yield from against_tokenizer_keys(header)


def _against_precision(shape: ModelShape) -> Iterator[str]:
    other = sorted({tensor.dtype for tensor in shape.tensors} - set(_FLOATS))
    if other:
        yield f"its weights are stored as {', '.join(other)}, which can't be trained; only {', '.join(_FLOATS)} can"


def _against_export(shape: ModelShape) -> Iterator[str]:
    unknown = [
        t.name for t in shape.tensors if to_gguf_name(t.name, shape.family) is None and not t.name.endswith("inv_freq")
    ]
    if unknown:
        yield f"{len(unknown)} of its tensors have no place in a GGUF file, such as {unknown[0]}"


def _against_tokenizer(folder: Path) -> Iterator[str]:
    try:
        tokenizer = read_tokenizer_file(folder)
    except MissingFileError:
        return  # told among what speaks against any use
    yield from against_tokenizer(tokenizer)
    if not (folder / _SETTINGS).is_file():
        yield f"it has no {_SETTINGS}"


def _against_memory(what: str, needed: int, free: int) -> Iterator[str]:
    if needed > free:
        yield f"{what} takes about {needed / 1e9:.1f} GB, {free / 1e9:.1f} GB are free"
