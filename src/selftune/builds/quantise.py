"""float32 weights as the bytes of a ggml type.

The `gguf` package writes F16, Q8_0, Q5_0 and Q5_1 in numpy. K-quants it can only read: they come from
`ggml_quantize_chunk` in the llama.cpp library inside the `xllamacpp` wheel. That symbol is no public interface, so each
process first quantises a fixed block and compares the bytes with those recorded for the tested library.
"""

from __future__ import annotations

import ctypes
import hashlib
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from selftune.errors import IntegrityError, UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    from numpy.typing import NDArray

K_QUANTS: Final = ("Q4_K", "Q5_K", "Q6_K")
# sha256 of the golden block in each type, made by llama.cpp in xllamacpp 2026.10.11549, x86-64 with AVX2.
_GOLDEN: Final = {
    "Q4_K": "c081ff5428c8686792165329aa9c3a496b8c850883eb5e9ed3916cd8b36c9ef8",
    "Q5_K": "e255fb76aef460f6881fbf16109fab5f6cc53607a353ec0c35fc840fb734b1cb",
    "Q6_K": "0a734bb0dfb41a07bac5cc5fe3b778ae75245ab4e15973ee6d57def03d39d9d4",
}
_GOLDEN_SHAPE: Final = (3, 512)
_LARGEST_F16: Final = 65504.0


class QuantiserError(IntegrityError):
    """The library that makes K-quants is missing, or makes other bytes than the tested one."""


def encode(values: NDArray[np.float32], ggml_type: str) -> NDArray[Any]:
    """The values in a ggml type: float arrays for F32 and F16, else bytes `[rows, bytes per row]`.

    Raises:
        UsageError: a value does not fit into F16.
        QuantiserError: K-quants can't be made here.
    """
    import numpy as np
    from gguf import GGMLQuantizationType
    from gguf.quants import quantize

    contiguous = np.ascontiguousarray(values, dtype=np.float32)
    if ggml_type == "F32":
        return contiguous
    if ggml_type == "F16":
        return _to_f16(contiguous)
    if ggml_type in K_QUANTS:
        return _to_k_quant(proven_library(), contiguous, ggml_type)
    quantised: NDArray[np.uint8] = quantize(contiguous, GGMLQuantizationType[ggml_type])
    return quantised


def _to_f16(values: NDArray[np.float32]) -> NDArray[np.float16]:
    import numpy as np

    if not np.abs(values).max(initial=0.0) <= _LARGEST_F16:
        raise UsageError("a weight is too large for F16, or no number.", next_step="Build it as Q8_0.")
    return values.astype(np.float16)


def _to_k_quant(library: ctypes.CDLL, values: NDArray[np.float32], ggml_type: str) -> NDArray[np.uint8]:
    import numpy as np
    from gguf import GGML_QUANT_SIZES, GGMLQuantizationType

    kind = GGMLQuantizationType[ggml_type]
    block, block_bytes = GGML_QUANT_SIZES[kind]
    rows, columns = values.shape
    quantised = np.empty((rows, columns // block * block_bytes), dtype=np.uint8)
    written = library.ggml_quantize_chunk(int(kind), values.ctypes.data, quantised.ctypes.data, 0, rows, columns, None)
    if written != quantised.nbytes:
        raise QuantiserError(
            f"{ggml_type}: llama.cpp wrote {written} bytes instead of {quantised.nbytes}.",
            next_step="Install the pinned xllamacpp, or build F16 or Q8_0.",
        )
    return quantised


@cache
def proven_library() -> ctypes.CDLL:
    """The llama.cpp library, after it has shown that it makes the recorded bytes.

    Raises:
        QuantiserError: not installed, no AVX2, without the symbol, or other bytes.
    """
    library = _load_library()
    check_golden(library)
    return library


def check_golden(library: ctypes.CDLL, golden: Mapping[str, str] = _GOLDEN) -> None:
    """Return when the library makes the recorded bytes of every type.

    Raises:
        QuantiserError: it makes others.
    """
    for ggml_type, expected in golden.items():
        found = hashlib.sha256(_to_k_quant(library, golden_block(), ggml_type).tobytes()).hexdigest()
        if found != expected:
            raise QuantiserError(
                f"{ggml_type}: this llama.cpp makes other bytes than the tested one ({found[:12]}).",
                next_step="Install the pinned xllamacpp, or build F16 or Q8_0.",
            )


def golden_block() -> NDArray[np.float32]:
    """Fixed values with small, large, zero and negative blocks: a multiplicative generator, exact in float32."""
    import numpy as np

    rows, columns = _GOLDEN_SHAPE
    state, drawn = 20_261_121, []
    for _ in range(rows * columns):
        state = state * 48_271 % 2_147_483_647  # Park and Miller (1993)
        drawn.append((state % 4096 - 2048) / 1024)
    values = np.array(drawn, dtype=np.float32).reshape(rows, columns)
    values[1] *= 2.0**-10
    values[2, :256] = 0.0
    return values


def _load_library() -> ctypes.CDLL:
    from selftune.serving.processor import require_avx2

    require_avx2()
    try:
        from xllamacpp import xllamacpp as module

        library = ctypes.CDLL(module.__file__)
        chunk = library.ggml_quantize_chunk
    except (ImportError, OSError, AttributeError) as error:
        raise QuantiserError(
            f"K-quants need llama.cpp's quantiser: {error}.", next_step="Run `pip install 'selftune[serve]'`."
        ) from error
    size = ctypes.c_int64
    chunk.argtypes = [ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p, size, size, size, ctypes.c_void_p]
    chunk.restype = ctypes.c_size_t
    return library
