"""A base with an adapter merged in, tensor by tensor: as a source for the GGUF writer, or as a folder of its own."""

from __future__ import annotations

import shutil
from dataclasses import replace
from typing import IO, TYPE_CHECKING, Any, Final

from selftune.bases.facts import base_files
from selftune.bases.provenance import write_header
from selftune.bases.shape import read_header, weight_files
from selftune.builds.adapter import UnsupportedAdapterError
from selftune.builds.encoding import finite
from selftune.builds.publish import publish

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from selftune.bases.provenance import Provenance
    from selftune.bases.shape import Tensor
    from selftune.builds.adapter import Adapter
    from selftune.builds.tensors import Rows, TensorSource

WEIGHTS_FILE: Final = "model.safetensors"
_BYTES: Final = {"F32": 4, "F16": 2, "BF16": 2}


class MergedTensors:
    """The base's tensors with the adapter's change added in float32; nothing is copied before it is read."""

    def __init__(self, base: TensorSource, adapter: Adapter) -> None:
        self.base = base
        self._adapter = adapter
        if strangers := sorted(set(adapter.layers()) - base.shapes().keys()):
            raise UnsupportedAdapterError(
                f"the adapter changes {strangers[0]}, which this base does not have.",
                next_step="Build it on the base that it was trained on.",
            )

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Every tensor and its shape."""
        return self.base.shapes()

    def changed(self) -> tuple[str, ...]:
        """The tensors that the adapter changes."""
        return self._adapter.layers()

    def rows(self, name: str) -> Rows:
        """What reads rows of one tensor, W or W + s·BA."""
        weights, low_rank = self.base.rows(name), self._adapter.read(name)
        if low_rank is None:
            return weights
        changed, shape = (low_rank.b.shape[0], low_rank.a.shape[1]), self.shapes()[name]
        if changed != shape:
            raise UnsupportedAdapterError(
                f"the adapter's change of {name} is {changed}, the base's weights are {shape}.",
                next_step="Build it on the base that it was trained on.",
            )

        def merged(first: int, last: int) -> NDArray[np.float32]:
            change = replace(low_rank, b=low_rank.b[first:last]).change()
            change += weights(first, last)
            return change

        return merged

    def read(self, name: str) -> NDArray[np.float32]:
        """One tensor, W or W + s·BA."""
        return self.rows(name)(0, self.shapes()[name][0])


def write_merged_folder(base_folder: Path, tensors: MergedTensors, folder: Path, provenance: Provenance) -> None:
    """A Hugging Face folder: these weights in the base's own number types, its config, tokenizer and template.

    One file of weights, which says in its header what made it. Memory: the largest tensor about three times over.

    Raises:
        UnsupportedAdapterError: rounded to the base's number types, nothing of the adapter is left.
        UsageError: a weight is no number, or too large for its type.
        BudgetError: the disk is full.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for file in base_files(base_folder):
        if file.suffix != ".safetensors":
            shutil.copyfile(file, folder / file.name)
    declared = {tensor.name: tensor for file in weight_files(base_folder) for tensor in read_header(file)}
    with publish(folder / WEIGHTS_FILE) as partial, partial.open("wb") as stream:
        write_header(stream, _layout(declared.values()), provenance)
        changed = [_write_tensor(stream, tensors, one) for one in declared.values()]
    if not any(changed):
        (folder / WEIGHTS_FILE).unlink()
        kinds = ", ".join(sorted({declared[name].dtype for name in tensors.changed()}))
        raise UnsupportedAdapterError(
            f"the adapter's change is lost when it is merged: rounded to {kinds}, the weights are the base's own.",
            next_step="Serve it in the form 'adapter', or train with a higher learning rate.",
        )


def _layout(declared: Iterable[Tensor]) -> dict[str, dict[str, Any]]:
    """Each tensor's place among the bytes, one after the other."""
    layout, end = {}, 0
    for tensor in declared:
        begin, end = end, end + tensor.size * _BYTES[_known(tensor)]
        layout[tensor.name] = {"dtype": tensor.dtype, "shape": list(tensor.shape), "data_offsets": [begin, end]}
    return layout


def _known(tensor: Tensor) -> str:
    if tensor.dtype not in _BYTES:
        raise UnsupportedAdapterError(
            f"{tensor.name} is stored as {tensor.dtype}, which nothing can be merged into exactly.",
            next_step=f"Use a base in {', '.join(_BYTES)}.",
        )
    return tensor.dtype


def _write_tensor(stream: IO[bytes], tensors: MergedTensors, tensor: Tensor) -> bool:
    """Write one tensor; whether its bytes are others than the base's."""
    values = _encode(finite(tensors.read(tensor.name), tensor.name), tensor)
    stream.write(values)
    return tensor.name in tensors.changed() and values != _encode(tensors.base.read(tensor.name), tensor)


def _encode(values: NDArray[np.float32], tensor: Tensor) -> bytes:
    """Little-endian bytes in the tensor's type, rounded to nearest, ties to even."""
    import numpy as np
    import torch

    if tensor.dtype == "BF16":
        return bytes(torch.from_numpy(values).to(torch.bfloat16).view(torch.int16).numpy().tobytes())
    if tensor.dtype == "F16":
        with np.errstate(over="ignore"):
            return finite(values.astype("<f2"), tensor.name).tobytes()
    return values.astype("<f4", copy=False).tobytes()
