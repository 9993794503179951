"""One tensor as the bytes of a ggml type: some rows at a time, on every core.

Quantising looks at one row at a time, so rows may be read, changed and quantised apart, and the bytes are those of the
whole. What is held is the result, and per core a few rows in float32. Where rows are cut depends on the shape alone:
the bytes are the same whatever the number of cores.
"""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from selftune.bases.gguf_names import interleave_rotary
from selftune.builds.quantise import encode
from selftune.errors import UsageError
from selftune.platforms import own_cores

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np
    from numpy.typing import NDArray

    from selftune.builds.tensors import Rows

_MATRIX: Final = 2
# What one core works on at a time: small enough to stay in its cache, large enough to be worth handing out.
_ELEMENTS: Final = 1 << 18


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """One tensor to encode: its name for messages, shape `[rows, columns]`, and ggml type.

    Attributes:
        heads: How many heads its rows are interleaved in; None where they stay in their order.
        added: What every value is raised by.
    """

    name: str
    shape: tuple[int, ...]
    type: str
    heads: int | None = None
    added: float = 0.0


class Encoder:
    """Encodes one tensor after the other, each on every thread of the pool; `elements` are what one takes at a time."""

    def __init__(self, pool: ThreadPoolExecutor, *, elements: int = _ELEMENTS) -> None:
        self._pool = pool
        self._elements = elements

    def encode(self, rows: Rows, wanted: Wanted) -> NDArray[Any]:
        """The tensor as it is written, all rows.

        Raises:
            UsageError: a weight is no number, or does not fit into F16.
            QuantiserError: K-quants can't be made here.
        """
        import numpy as np

        count = wanted.shape[0]
        if len(wanted.shape) < _MATRIX:
            return _encode_part(rows, wanted, 0, count)
        dtype, shape = stored_as(wanted.shape, wanted.type)
        whole = np.empty(shape, dtype)

        def fill(first: int) -> None:
            last = min(first + step, count)
            whole[first:last] = _encode_part(rows, wanted, first, last)

        step = _rows_at_a_time(wanted, self._elements)
        for _ in self._pool.map(fill, range(0, count, step)):
            pass  # an error of a part is raised here
        return whole


@contextmanager
def open_encoder() -> Iterator[Encoder]:
    """An encoder with as many threads as this process may use cores: all heavy work leaves Python's lock."""
    with ThreadPoolExecutor(max_workers=own_cores(), thread_name_prefix="encode") as pool:
        yield Encoder(pool)


def stored_as(shape: tuple[int, ...], ggml_type: str) -> tuple[np.dtype[Any], tuple[int, ...]]:
    """The numpy type and shape that a tensor of this ggml type is written from."""
    import numpy as np
    from gguf import GGMLQuantizationType
    from gguf.quants import quant_shape_to_byte_shape

    plain: dict[str, np.dtype[Any]] = {"F32": np.dtype(np.float32), "F16": np.dtype(np.float16)}
    if ggml_type in plain:
        return plain[ggml_type], shape
    return np.dtype(np.uint8), quant_shape_to_byte_shape(shape, GGMLQuantizationType[ggml_type])


def finite(values: NDArray[np.float32], name: str) -> NDArray[np.float32]:
    """The values, when each is a number; a server would answer nonsense without a word.

    Raises:
        UsageError: one is infinite or none at all.
    """
    import numpy as np

    if not np.isfinite(values.sum(dtype=np.float64)):
        raise UsageError(
            f"{name} holds values that are no numbers (NaN or infinite).",
            next_step="Train again with a lower learning rate, or get the base again.",
        )
    return values


def _rows_at_a_time(wanted: Wanted, elements: int) -> int:
    """About as many as hold so many elements; whole heads where they are interleaved."""
    rows = max(1, elements // max(1, math.prod(wanted.shape[1:])))
    if wanted.heads is None:
        return rows
    head = wanted.shape[0] // wanted.heads
    return max(1, rows // head) * head


def _encode_part(rows: Rows, wanted: Wanted, first: int, last: int) -> NDArray[Any]:
    values = finite(rows(first, last), wanted.name)
    if wanted.heads is not None:
        values = interleave_rotary(values, (last - first) * wanted.heads // wanted.shape[0])
    return encode(values + values.dtype.type(wanted.added) if wanted.added else values, wanted.type)
