"""A base with an adapter merged in, tensor by tensor: as a source for the GGUF writer, or as a folder of its own."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Final

from selftune.builds.adapter import UnsupportedAdapterError
from selftune.builds.publish import publish

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from selftune.builds.adapter import Adapter
    from selftune.builds.tensors import TensorSource

_COMPANIONS: Final = ("*.json", "*.jinja")


class MergedTensors:
    """The base's tensors with the adapter's change added in float32; nothing is copied before it is read."""

    def __init__(self, base: TensorSource, adapter: Adapter) -> None:
        self._base = base
        self._adapter = adapter
        if strangers := sorted(set(adapter.layers()) - base.shapes().keys()):
            raise UnsupportedAdapterError(
                f"the adapter changes {strangers[0]}, which this base does not have.",
                next_step="Build it on the base that it was trained on.",
            )

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Every tensor and its shape."""
        return self._base.shapes()

    def read(self, name: str) -> NDArray[np.float32]:
        """One tensor, W or W + s·BA."""
        weights, low_rank = self._base.read(name), self._adapter.read(name)
        if low_rank is None:
            return weights
        change = low_rank.change()
        if change.shape != weights.shape:
            raise UnsupportedAdapterError(
                f"the adapter's change of {name} is {change.shape}, the base's weights are {weights.shape}.",
                next_step="Build it on the base that it was trained on.",
            )
        change += weights
        return change


def write_merged_folder(base_folder: Path, tensors: TensorSource, folder: Path) -> None:
    """A Hugging Face folder with these float32 weights, and the base's config, tokenizer and template.

    The weights are held in memory once; the GGUF writer needs no such folder.
    """
    import torch
    from safetensors.torch import save_file

    folder.mkdir(parents=True, exist_ok=True)
    for pattern in _COMPANIONS:
        for file in sorted(base_folder.glob(pattern)):
            if not file.name.endswith(".index.json"):
                shutil.copyfile(file, folder / file.name)
    weights = {name: torch.from_numpy(tensors.read(name)) for name in sorted(tensors.shapes())}
    with publish(folder / "model.safetensors") as partial:
        save_file(weights, partial, metadata={"format": "pt"})
