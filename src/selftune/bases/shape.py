"""What the headers of a Hugging Face folder say: architecture, sizes, tensors. No weight is read, no pickle opened."""

from __future__ import annotations

import json
import math
import re
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from selftune.bases.gemma import is_gemma
from selftune.errors import DamagedFileError, MissingFileError, UsageError

if TYPE_CHECKING:
    from pathlib import Path

PICKLES: Final = (".bin", ".pt", ".pth", ".ckpt", ".pkl")
VISION: Final = "a vision-language model, whose processor and vision tower have no place here"
_VISION_KEYS: Final = ("vision_config", "vision_tower", "image_token_id", "image_token_index")
_HEADER_LIMIT_BYTES: Final = 100_000_000
_LENGTH_BYTES: Final = 8
_MOST: Final = 1 << 48  # larger than any size, count or offset of a model
# Bits of an element of each safetensors type; what is stored in types that are not here is refused as weights anyway.
_BITS: Final = {
    **dict.fromkeys(("F64", "I64", "U64"), 64),
    **dict.fromkeys(("F32", "I32", "U32"), 32),
    **dict.fromkeys(("F16", "BF16", "I16", "U16"), 16),
    **dict.fromkeys(("F8_E5M2", "F8_E4M3", "I8", "U8", "BOOL"), 8),
}
_BITS_PER_BYTE: Final = 8


@dataclass(frozen=True, kw_only=True)
class Tensor:
    """A tensor as the header declares it.

    Attributes:
        dtype: safetensors' own name (F32, F16, BF16).
        begin: The byte of its file that its elements begin at, row after row; 0 where no file was named.
    """

    name: str
    dtype: str
    shape: tuple[int, ...]
    begin: int = 0

    @property
    def size(self) -> int:
        """Number of elements."""
        count = 1
        for length in self.shape:
            count *= length
        return count


@dataclass(frozen=True, kw_only=True)
class ModelShape:
    """Sizes of a causal language model.

    Attributes:
        family: transformers' `model_type`: llama, mistral, qwen2, qwen3, gemma3_text.
        sliding_window: Tokens a layer can look back; None where it sees the whole context.
        tensors: Every tensor of every shard, in file order.
    """

    family: str
    architecture: str
    layers: int
    hidden: int
    intermediate: int
    vocabulary: int
    context_length: int
    sliding_window: int | None
    tensors: tuple[Tensor, ...]

    @property
    def parameters(self) -> int:
        """Elements over all tensors."""
        return sum(tensor.size for tensor in self.tensors)

    def linears(self, target: str, last_layers: int = 0) -> tuple[Tensor, ...]:
        """The weight matrices of every linear layer called `target`, such as `q_proj`; of the last decoder layers only.

        0 decoder layers: of all.
        """
        first = self.layers - last_layers if last_layers else 0
        named = (t for t in self.tensors if t.name.endswith(f".{target}.weight"))
        return tuple(t for t in named if layer_number(t.name) >= first)


def layer_number(name: str) -> int:
    """The decoder layer that a tensor or module belongs to, from 0; what belongs to none counts as the first."""
    found = re.search(r"(?:^|\.)layers\.(\d+)\.", name)
    return int(found.group(1)) if found else 0


def read_shape(folder: Path) -> ModelShape:
    """The shape of the model in a Hugging Face folder, from `config.json` and the safetensors headers.

    Raises:
        MissingFileError: no folder, no `config.json` or no safetensors file in it.
        UsageError: the weights are there only as pickles, which are never opened, or it sees pictures too.
        DamagedFileError: a header can't be read.
    """
    config = read_json(folder / "config.json")
    if sees_pictures(config):
        raise UsageError(
            f"{folder} is {VISION}.",
            next_step="Use the text-only model of the same family: a plain causal language model.",
        )
    tensors = tuple(t for shard in weight_files(folder) for t in read_header(shard))
    _number(config, "num_attention_heads", folder)
    return ModelShape(
        family=str(config.get("model_type", "unknown")),
        architecture=_architecture(config),
        layers=_number(config, "num_hidden_layers", folder),
        hidden=_number(config, "hidden_size", folder),
        intermediate=_number(config, "intermediate_size", folder),
        vocabulary=_number(config, "vocab_size", folder),
        context_length=_number(config, "max_position_embeddings", folder),
        sliding_window=used_window(config),
        tensors=tensors,
    )


def sees_pictures(config: dict[str, Any]) -> bool:
    """Whether a parsed `config.json` is of a vision-language model."""
    return any(key in config for key in _VISION_KEYS)


def used_window(config: dict[str, Any]) -> int | None:
    """How many tokens a layer of the model with this parsed `config.json` looks back; None: the whole context."""
    window, context = config.get("sliding_window"), config.get("max_position_embeddings")
    if is_gemma(config):
        return None  # every sixth layer sees all
    if not isinstance(window, int) or not config.get("use_sliding_window", True):
        return None
    return window if not isinstance(context, int) or window < context else None


def weight_files(folder: Path) -> tuple[Path, ...]:
    """The safetensors shards of a folder, by name.

    Raises:
        UsageError: there are only pickles; they can run code when opened, so they stay unopened.
        MissingFileError: there are no weights at all.
    """
    shards = tuple(sorted(folder.glob("*.safetensors")))
    if shards:
        return shards
    pickles = sorted(path.name for path in folder.iterdir() if path.suffix in PICKLES) if folder.is_dir() else []
    if pickles:
        raise UsageError(
            f"{folder} holds its weights as a pickle ({pickles[0]}), which can run code; it was not opened.",
            next_step="Get the same model as safetensors.",
        )
    raise MissingFileError(f"{folder} holds no *.safetensors.", next_step="Name a Hugging Face folder with weights.")


def read_header(path: Path) -> tuple[Tensor, ...]:
    """The tensors of one safetensors file; format: 8 bytes little-endian length, then JSON.

    Raises:
        DamagedFileError: cut short, or no safetensors header.
    """
    size = path.stat().st_size
    with path.open("rb") as stream:
        head = stream.read(_LENGTH_BYTES)
        length = struct.unpack("<Q", head)[0] if len(head) == _LENGTH_BYTES else 0
        if not 0 < length <= min(size, _HEADER_LIMIT_BYTES):
            raise _damaged(path, "no header")
        raw = stream.read(length)
    try:
        table = json.loads(raw)
        entries = {name: entry for name, entry in table.items() if name != "__metadata__"}
        places = sorted(_place(entry) for entry in entries.values())
        data = _LENGTH_BYTES + length
        tensors = tuple(
            Tensor(name=n, dtype=e["dtype"], shape=tuple(e["shape"]), begin=data + e["data_offsets"][0])
            for n, e in entries.items()
        )
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise _damaged(path, "its header is not valid") from error
    # The format allows no gap and no overlap, so every byte belongs to one tensor.
    end = 0
    for begin, stop in places:
        if begin != end:
            raise _damaged(path, f"its tensors leave a gap or overlap at byte {begin:,}")
        end = stop
    if size != data + end:
        raise _damaged(path, f"{size:,} bytes instead of {data + end:,}")
    return tensors


def _place(entry: dict[str, Any]) -> tuple[int, int]:
    """Where a tensor's bytes lie: as many as its shape asks for.

    Raises:
        ValueError: its type, shape and place contradict each other.
    """
    dtype, shape, (begin, end) = entry["dtype"], entry["shape"], entry["data_offsets"]
    if not isinstance(dtype, str) or not all(_is_count(number) for number in (*shape, begin, end)):
        raise ValueError(dtype)
    if dtype in _BITS and (end - begin) * _BITS_PER_BYTE != math.prod(shape) * _BITS[dtype]:
        raise ValueError(shape)
    return begin, end


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _MOST


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object from a file.

    Raises:
        MissingFileError: it is not there.
        DamagedFileError: it is not a JSON object.
    """
    if not path.is_file():
        raise MissingFileError(f"there is no {path.name} in {path.parent}.", next_step="Name a Hugging Face folder.")
    try:
        body = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise _damaged(path, "not valid JSON") from error
    if not isinstance(body, dict):
        raise _damaged(path, "not a JSON object")
    return body


def _number(config: dict[str, Any], key: str, folder: Path) -> int:
    value = config.get(key)
    if not isinstance(value, int) or isinstance(value, bool):
        raise UsageError(
            f"{folder / 'config.json'} has no {key!r}: it is no plain causal language model.",
            next_step="Name a llama, mistral, qwen2 or qwen3 folder.",
        )
    if not 0 < value <= _MOST:
        raise _damaged(folder / "config.json", f"{key} is {value}")
    return value


def _architecture(config: dict[str, Any]) -> str:
    named = config.get("architectures")
    return str(named[0]) if isinstance(named, list) and named else "unknown"


def _damaged(path: Path, what: str) -> DamagedFileError:
    return DamagedFileError(f"{path} is damaged: {what}.", next_step="Get the file again.")
