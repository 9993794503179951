"""The serving forms: one whole file, with or without the adapter merged in; or the base with the adapter beside it."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Final

from selftune.bases.shape import read_json
from selftune.builds.adapter import open_adapter
from selftune.builds.gguf_writer import write_gguf
from selftune.builds.lora_gguf import write_lora_gguf
from selftune.builds.merge import MergedTensors
from selftune.builds.tensor_types import Quantisation
from selftune.builds.tensors import open_folder
from selftune.errors import ConfigError
from selftune.records import ServingForm

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from selftune.builds.base import Form, Parts
    from selftune.builds.tensors import TensorSource

    OnTensor = Callable[[int, int], None]

MODEL_FILE: Final = "model.gguf"
ADAPTER_FILE: Final = "adapter.gguf"


class WholeModel:
    """`model.gguf`: the base, the adapter merged in where there is one; `on_tensor` hears how many tensors are done."""

    def __init__(self, on_tensor: OnTensor) -> None:
        self._on_tensor = on_tensor

    def make(self, parts: Parts, folder: Path) -> tuple[Path, ...]:
        """The one file."""
        target = folder / MODEL_FILE
        with ExitStack() as stack:
            tensors: TensorSource = stack.enter_context(open_folder(parts.base_folder))
            if parts.adapter_folder is not None:
                tensors = MergedTensors(tensors, stack.enter_context(open_adapter(parts.adapter_folder)))
            quantisation = Quantisation(parts.quantisation)
            write_gguf(parts.base_folder, tensors, target, quantisation, on_tensor=self._on_tensor)
        return (target,)


class AdapterApart:
    """`model.gguf`, the bare base, and `adapter.gguf`: small to keep, and two releases share the base."""

    def __init__(self, on_tensor: OnTensor) -> None:
        self._on_tensor = on_tensor

    def make(self, parts: Parts, folder: Path) -> tuple[Path, ...]:
        """Both files."""
        if parts.adapter_folder is None:
            raise ConfigError("a base has no adapter to serve apart.", next_step="Choose the form 'base'.")
        target = folder / MODEL_FILE
        with open_folder(parts.base_folder) as tensors, open_adapter(parts.adapter_folder) as adapter:
            quantisation = Quantisation(parts.quantisation)
            write_gguf(parts.base_folder, tensors, target, quantisation, on_tensor=self._on_tensor)
            write_lora_gguf(read_json(parts.base_folder / "config.json"), adapter, folder / ADAPTER_FILE)
        return target, folder / ADAPTER_FILE


def form_called(form: ServingForm, on_tensor: OnTensor) -> Form:
    """The maker of a form; merged and quantised differ in the types of the tensors alone."""
    return AdapterApart(on_tensor) if form is ServingForm.ADAPTER else WholeModel(on_tensor)
