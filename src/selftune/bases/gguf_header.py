"""The header of a GGUF file, read with limits: a malformed file raises, and never crashes, hangs or fills the memory.

Format: ggml's `docs/gguf.md`, versions 2 and 3, little-endian. A count or length in the file is believed only as far as
the file is long; tensors must lie inside it, whole and apart.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any, Final, TypeAlias

from selftune.errors import DamagedFileError, MissingFileError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

Value: TypeAlias = "int | float | bool | str | tuple[int | float | bool | str, ...]"

_MAGIC: Final = b"GGUF"
_VERSIONS: Final = (2, 3)
_MOST_TENSORS: Final = 1 << 16
_MOST_KEYS: Final = 1 << 12
_LONGEST_NAME: Final = 1 << 16
_LONGEST_TEXT: Final = 1 << 24
_MOST_ELEMENTS: Final = 1 << 22  # of all arrays together: eight vocabularies of half a million
_MOST_DIMENSIONS: Final = 4
_LARGEST_TENSOR: Final = 1 << 40
_ALIGNMENTS: Final = frozenset({8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096})
_USUAL_ALIGNMENT: Final = 32
_STRING: Final = 8
_ARRAY: Final = 9
# Value type numbers and their struct codes.
_SCALARS: Final = {
    0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d",
}  # fmt: skip
_BOOL: Final = 7


class DamagedGGUFError(DamagedFileError):
    """A GGUF file that is cut short, malformed, or beyond the limits."""


@dataclass(frozen=True, kw_only=True)
class GGUFTensor:
    """A tensor as the header declares it; `shape` has rows first, as in a Hugging Face folder."""

    name: str
    shape: tuple[int, ...]
    type: str
    offset: int
    size_bytes: int


@dataclass(frozen=True, kw_only=True)
class GGUFHeader:
    """What a GGUF file says about itself. Offsets of its tensors count from the beginning of the file."""

    path: Path
    version: int
    metadata: Mapping[str, Value]
    tensors: tuple[GGUFTensor, ...]

    def text(self, key: str) -> str | None:
        """A string value; None when the key is missing.

        Raises:
            DamagedGGUFError: the value is no string.
        """
        value = self.metadata.get(key)
        if value is None or isinstance(value, str):
            return value
        raise damaged(self.path, f"{key} is {type(value).__name__}, no text")

    def number(self, key: str) -> int | None:
        """An integer value; None when the key is missing.

        Raises:
            DamagedGGUFError: the value is no integer.
        """
        value = self.metadata.get(key)
        if value is None or (isinstance(value, int) and not isinstance(value, bool)):
            return value
        raise damaged(self.path, f"{key} is {type(value).__name__}, no whole number")


def read_gguf_header(path: Path) -> GGUFHeader:
    """Keys and tensor descriptions; no tensor data are read.

    Raises:
        MissingFileError: there is no such file.
        DamagedGGUFError: it is no GGUF file, or not a whole one.
    """
    if not path.is_file():
        raise MissingFileError(f"there is no file {path}.", next_step="Check the path.")
    with path.open("rb") as stream:
        cursor = _Cursor(path, stream, path.stat().st_size)
        version, tensor_count, key_count = _preamble(cursor)
        metadata = _metadata(cursor, key_count)
        declared = [_tensor(cursor) for _ in range(tensor_count)]
        tensors = _place(cursor, declared, metadata.get("general.alignment", _USUAL_ALIGNMENT))
    return GGUFHeader(path=path, version=version, metadata=metadata, tensors=tensors)


def damaged(path: Path, what: str) -> DamagedGGUFError:
    """The error of a file that can't be what it claims to be."""
    return DamagedGGUFError(f"{path} is damaged: {what}.", next_step="Get the file again.")


class _Cursor:
    """Reads forward and counts what is left, so that no length in the file is believed beyond its end."""

    def __init__(self, path: Path, stream: IO[bytes], size: int) -> None:
        self.path = path
        self.size = size
        self.elements_left = _MOST_ELEMENTS
        self._stream = stream
        self.position = 0

    def take(self, length: int) -> bytes:
        if length > self.size - self.position:
            raise damaged(self.path, f"it ends at byte {self.size:,}, inside its header")
        data = self._stream.read(length)
        if len(data) != length:
            raise damaged(self.path, "it became shorter while it was read")
        self.position += length
        return data

    def number(self, code: str) -> Any:
        return struct.unpack(f"<{code}", self.take(struct.calcsize(f"<{code}")))[0]

    def count(self, code: str, most: int, what: str) -> int:
        number: int = self.number(code)
        if number > most:
            raise damaged(self.path, f"{number:,} {what}, more than {most:,}")
        return number

    def text(self, most: int) -> str:
        data = self.take(self.count("Q", most, "bytes in one text"))
        try:
            return data.decode("utf-8")
        except UnicodeDecodeError as error:
            raise damaged(self.path, "a text in its header is not UTF-8") from error


def _preamble(cursor: _Cursor) -> tuple[int, int, int]:
    if cursor.size < len(_MAGIC) or cursor.take(len(_MAGIC)) != _MAGIC:
        raise damaged(cursor.path, "it does not begin as a GGUF file")
    version: int = cursor.number("I")
    if version not in _VERSIONS:
        raise damaged(cursor.path, f"GGUF version {version} is none that we can read, {_VERSIONS}")
    tensors = cursor.count("Q", _MOST_TENSORS, "tensors")
    return version, tensors, cursor.count("Q", _MOST_KEYS, "keys")


def _metadata(cursor: _Cursor, count: int) -> dict[str, Value]:
    metadata: dict[str, Value] = {}
    for _ in range(count):
        key = cursor.text(_LONGEST_NAME)
        if key in metadata:
            raise damaged(cursor.path, f"key {key!r} stands twice")
        metadata[key] = _value(cursor, cursor.number("I"))
    return metadata


def _value(cursor: _Cursor, kind: int) -> Value:
    if kind == _STRING:
        return cursor.text(_LONGEST_TEXT)
    if kind == _ARRAY:
        return _array(cursor)
    return _scalars(cursor, kind, 1)[0]


def _array(cursor: _Cursor) -> tuple[int | float | bool | str, ...]:
    kind = cursor.number("I")
    count = cursor.count("Q", cursor.elements_left, "elements in its arrays")
    cursor.elements_left -= count
    if kind == _STRING:
        return tuple(cursor.text(_LONGEST_TEXT) for _ in range(count))
    return _scalars(cursor, kind, count)


def _scalars(cursor: _Cursor, kind: int, count: int) -> tuple[int | float | bool, ...]:
    if kind not in _SCALARS:
        raise damaged(cursor.path, f"value type {kind} is unknown or nested")
    layout = f"<{count}{_SCALARS[kind]}"
    data = cursor.take(struct.calcsize(layout))
    if kind == _BOOL and data.strip(b"\x00\x01"):
        raise damaged(cursor.path, "a truth value is neither 0 nor 1")
    return struct.unpack(layout, data)


def _tensor(cursor: _Cursor) -> GGUFTensor:
    """A description; its offset still counts from where the tensor data begin."""
    name = cursor.text(_LONGEST_NAME)
    dimensions = cursor.count("I", _MOST_DIMENSIONS, "dimensions of one tensor")
    lengths = [cursor.count("Q", _LARGEST_TENSOR, "elements in one tensor") for _ in range(dimensions)]
    kind, offset = cursor.number("I"), cursor.number("Q")
    type_name, size = _size_in_bytes(cursor.path, name, lengths, kind)
    return GGUFTensor(name=name, shape=tuple(reversed(lengths)), type=type_name, offset=offset, size_bytes=size)


def _size_in_bytes(path: Path, name: str, lengths: list[int], kind: int) -> tuple[str, int]:
    from gguf import GGML_QUANT_SIZES, GGMLQuantizationType

    known = {int(entry): entry for entry in GGML_QUANT_SIZES}
    if kind not in known:
        raise damaged(path, f"tensor {name!r} has unknown type {kind}")
    block, block_bytes = GGML_QUANT_SIZES[known[kind]]
    elements = 1
    for length in lengths:
        elements *= length
    if not lengths or not 0 < elements <= _LARGEST_TENSOR or lengths[0] % block:
        raise damaged(path, f"tensor {name!r} of shape {lengths} can't be {GGMLQuantizationType(kind).name}")
    return GGMLQuantizationType(kind).name, elements // block * block_bytes


def _place(cursor: _Cursor, declared: list[GGUFTensor], alignment: Value) -> tuple[GGUFTensor, ...]:
    """The tensors with offsets from the beginning of the file, in the order they were declared."""
    if alignment not in _ALIGNMENTS or not isinstance(alignment, int):
        raise damaged(cursor.path, f"alignment {alignment}")
    if len({tensor.name for tensor in declared}) != len(declared):
        raise damaged(cursor.path, "two tensors have one name")
    start = -(-cursor.position // alignment) * alignment
    end = start
    for tensor in sorted(declared, key=lambda tensor: tensor.offset):
        begin = start + tensor.offset
        if begin < end or begin % alignment or begin + tensor.size_bytes > cursor.size:
            raise damaged(cursor.path, f"tensor {tensor.name!r} lies outside the file or on another tensor")
        end = begin + tensor.size_bytes
    return tuple(
        GGUFTensor(name=t.name, shape=t.shape, type=t.type, offset=start + t.offset, size_bytes=t.size_bytes)
        for t in declared
    )
