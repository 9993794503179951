"""Where the tensors that are written come from: safetensors files, bare or with an adapter merged in, rows at a time.

The bytes are read, not mapped, and no model library is woken: a tensor of any size costs the memory of the rows asked
for, and a file that is larger than the memory leaves no trace in it.
"""

from __future__ import annotations

import math
import os
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

from selftune.bases.shape import read_header, weight_files
from selftune.errors import DamagedFileError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from selftune.bases.shape import Tensor

    Rows = Callable[[int, int], NDArray[np.float32]]

# As numpy reads each type; it has no bfloat16, which is the upper half of a float32.
_TYPES: Final = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "BF16": "<u2"}


class TensorSource(Protocol):
    """Named float32 tensors, read when asked for; names are those of a Hugging Face folder."""

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Every tensor and its shape."""
        ...

    def rows(self, name: str) -> Rows:
        """What reads one tensor: its rows from a first to one before the last, from any thread."""
        ...

    def read(self, name: str) -> NDArray[np.float32]:
        """One tensor as float32."""
        ...


@dataclass(frozen=True, kw_only=True)
class _Stored:
    """A tensor and the open file that holds it."""

    path: Path
    descriptor: int
    tensor: Tensor


class FileTensors:
    """The tensors of safetensors files that are open."""

    def __init__(self, stored: Mapping[str, _Stored]) -> None:
        self._stored = stored

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Every tensor and its shape, from the headers."""
        return {name: stored.tensor.shape for name, stored in self._stored.items()}

    def rows(self, name: str) -> Rows:
        """What reads rows of one tensor as float32, whatever it is stored as.

        Raises:
            UsageError: it is stored as a type that is no plain floating point, or is a single number.
        """
        stored = self._stored[name]
        if stored.tensor.dtype not in _TYPES or not stored.tensor.shape:
            raise UsageError(
                f"{name} is stored as {stored.tensor.dtype} {list(stored.tensor.shape)}: no plain weights.",
                next_step="Get the same weights in F32, F16 or BF16.",
            )
        return lambda first, last: _read_rows(stored, first, last)

    def read(self, name: str) -> NDArray[np.float32]:
        """One tensor as float32, whatever it is stored as."""
        rows = self.rows(name)
        return rows(0, self._stored[name].tensor.shape[0])


@contextmanager
def open_tensors(*paths: Path) -> Iterator[FileTensors]:
    """The tensors of these files, open until the block is left.

    Raises:
        DamagedFileError: a file is no safetensors, or two files hold one tensor.
    """
    with ExitStack() as stack:
        found: dict[str, _Stored] = {}
        for path in paths:
            tensors = read_header(path)
            descriptor = stack.enter_context(path.open("rb")).fileno()
            for tensor in tensors:
                if tensor.name in found:
                    raise DamagedFileError(
                        f"{path.parent} holds {tensor.name} twice.", next_step="Remove the surplus file."
                    )
                found[tensor.name] = _Stored(path=path, descriptor=descriptor, tensor=tensor)
        yield FileTensors(found)


@contextmanager
def open_folder(folder: Path) -> Iterator[FileTensors]:
    """The tensors of a Hugging Face folder, its files open until the block is left.

    Raises:
        DamagedFileError: a file is no safetensors, or two files hold one tensor.
    """
    with open_tensors(*weight_files(folder)) as tensors:
        yield tensors


def _read_rows(stored: _Stored, first: int, last: int) -> NDArray[np.float32]:
    import numpy as np

    tensor = stored.tensor
    kind = np.dtype(_TYPES[tensor.dtype])
    width = math.prod(tensor.shape[1:])
    raw = np.empty((last - first, *tensor.shape[1:]), kind)
    _fill(raw.reshape(-1).view(np.uint8).data, stored, tensor.begin + first * width * kind.itemsize)
    if tensor.dtype != "BF16":
        return raw.astype(np.float32, copy=False)
    wide = raw.astype(np.uint32)
    wide <<= 16
    return wide.view(np.float32)


def _fill(buffer: memoryview, stored: _Stored, offset: int) -> None:
    while buffer:
        count = os.preadv(stored.descriptor, [buffer], offset)
        if not count:
            raise DamagedFileError(f"{stored.path} was cut short while it was read.", next_step="Get the file again.")
        buffer, offset = buffer[count:], offset + count
