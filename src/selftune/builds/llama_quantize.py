"""A whole file, also where the library's quantiser can't be trusted: then by `llama-quantize`, if it is on the PATH.

The library must make the bytes on record before it makes any other (`quantise.py`). Where it makes others, or is not
there, the weights are written as F32 and llama.cpp's own program makes the file from that, as its usage says:
`llama-quantize SOURCE TARGET TYPE THREADS`. While it runs, that takes the disk of the F32 file, as our own way does
not. What came out is held against the types that each tensor was to get.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from importlib.metadata import version
from typing import TYPE_CHECKING, Final

from selftune.bases.gguf_header import read_gguf_header
from selftune.builds.gguf_writer import write_gguf
from selftune.builds.publish import publish
from selftune.builds.quantise import QuantiserError
from selftune.builds.tensor_types import Quantisation, choose_type

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from selftune.builds.tensors import TensorSource

PROGRAM: Final = "llama-quantize"
_LIBRARY: Final = "xllamacpp"
_HEAD: Final = "output.weight"
# As llama.cpp's programs print it: "main: build = 6442 (261e6a20)".
_TOLD_BUILD: Final = re.compile(r"\bbuild = (\d+ \(\w+\))")


def write_model(
    folder: Path,
    tensors: TensorSource,
    target: Path,
    quantisation: Quantisation,
    *,
    on_tensor: Callable[[int, int], None] = lambda _done, _total: None,
) -> str:
    """As `write_gguf`; where the library can't quantise, by the program. Returns which it was, with its version.

    Raises:
        QuantiserError: neither can.
    """
    try:
        write_gguf(folder, tensors, target, quantisation, on_tensor=on_tensor)
        return f"{_LIBRARY} {version(_LIBRARY)}"
    except QuantiserError as fault:
        program = shutil.which(PROGRAM)
        if program is None:
            raise QuantiserError(
                fault.message, next_step=f"{fault.next_step} Or put llama.cpp's {PROGRAM} on the PATH."
            ) from fault
        whole = target.with_name(f".{target.name}.{os.getpid()}.f32")
        try:
            write_gguf(folder, tensors, whole, Quantisation.F32, on_tensor=on_tensor)
            return quantise_by_program(program, whole, target, quantisation)
        finally:
            whole.unlink(missing_ok=True)


def quantise_by_program(program: str, source: Path, target: Path, quantisation: Quantisation) -> str:
    """Have the program make `target` from an F32 file; it appears whole and of the right types, or not at all.

    Returns the program's name with the build that it tells of itself as it starts.

    Raises:
        QuantiserError: it failed, or gave a tensor another type than llama.cpp's rule.
    """
    with publish(target) as partial:
        command = [program, str(source), str(partial), quantisation.value, str(os.cpu_count() or 1)]
        ran = subprocess.run(command, check=False, capture_output=True, text=True, errors="replace")
        if ran.returncode or not partial.is_file():
            told = (ran.stderr or ran.stdout).strip().splitlines()[-1:] or ["it said nothing"]
            raise QuantiserError(
                f"{PROGRAM} ended with {ran.returncode}: {told[0]}", next_step="Run it by hand, or build F16 or Q8_0."
            )
        _check_types(source, partial, quantisation)
    told_build = _TOLD_BUILD.search(f"{ran.stdout}\n{ran.stderr}")
    return f"{PROGRAM} build {told_build[1] if told_build else 'not told'}"


def _check_types(source: Path, made: Path, quantisation: Quantisation) -> None:
    header = read_gguf_header(source)
    names = {tensor.name for tensor in header.tensors}
    layers = sum(name.endswith(".attn_norm.weight") for name in names)
    wanted = {
        tensor.name: choose_type(tensor.name, tensor.shape, quantisation, layers=layers, tied=_HEAD not in names)
        for tensor in header.tensors
    }
    found = {tensor.name: tensor.type for tensor in read_gguf_header(made).tensors}
    if wanted != found:
        name = next(iter(sorted(name for name in wanted | found if wanted.get(name) != found.get(name))))
        raise QuantiserError(
            f"{PROGRAM} wrote {name} as {found.get(name)}, not as {wanted.get(name)}.",
            next_step="Install the pinned xllamacpp, or build F16 or Q8_0.",
        )
