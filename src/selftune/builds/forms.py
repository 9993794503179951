"""The serving forms: one whole file, the adapter merged in or not; the base with the adapter beside it; or a folder.

A folder, PEFT's for an adapter or a whole Hugging Face model's, is for servers that read no GGUF. Whatever else a form
holds, it holds the GGUF files too: llama.cpp on them is what any other server is held against.
"""

from __future__ import annotations

import shutil
from contextlib import ExitStack
from typing import TYPE_CHECKING, Final

from selftune.bases.shape import read_json
from selftune.builds.adapter import CONFIG_FILE, WEIGHTS_FILE, open_adapter
from selftune.builds.base import Made
from selftune.builds.llama_quantize import write_model
from selftune.builds.lora_gguf import write_lora_gguf
from selftune.builds.merge import MergedTensors, write_merged_folder
from selftune.builds.tensor_types import Quantisation
from selftune.builds.tensors import open_folder
from selftune.errors import ConfigError
from selftune.records import Build, ServingForm

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

    def make(self, parts: Parts, folder: Path) -> Made:
        """The one file."""
        target = folder / MODEL_FILE
        with ExitStack() as stack:
            tensors: TensorSource = stack.enter_context(open_folder(parts.base_folder))
            if parts.adapter_folder is not None:
                tensors = MergedTensors(tensors, stack.enter_context(open_adapter(parts.adapter_folder)))
            quantisation = Quantisation(parts.quantisation)
            quantiser = write_model(parts.base_folder, tensors, target, quantisation, on_tensor=self._on_tensor)
        return Made(files=(target,), quantiser=quantiser)


class AdapterApart:
    """`model.gguf`, the bare base, `adapter.gguf`, and the adapter as PEFT's folder: two releases share the base."""

    def __init__(self, on_tensor: OnTensor) -> None:
        self._on_tensor = on_tensor

    def make(self, parts: Parts, folder: Path) -> Made:
        """All four files."""
        if parts.adapter_folder is None:
            raise _no_adapter()
        target = folder / MODEL_FILE
        with open_folder(parts.base_folder) as tensors, open_adapter(parts.adapter_folder) as adapter:
            quantisation = Quantisation(parts.quantisation)
            quantiser = write_model(parts.base_folder, tensors, target, quantisation, on_tensor=self._on_tensor)
            write_lora_gguf(read_json(parts.base_folder / "config.json"), adapter, folder / ADAPTER_FILE)
        kept = folder / Build.ADAPTER_FOLDER
        kept.mkdir(exist_ok=True)
        peft = tuple(kept / name for name in (CONFIG_FILE, WEIGHTS_FILE))
        for path in peft:
            shutil.copyfile(parts.adapter_folder / path.name, path)
        return Made(files=(target, folder / ADAPTER_FILE, *peft), quantiser=quantiser)


class MergedFolder:
    """A Hugging Face folder with the adapter merged in, and `model.gguf`, made from the very weights of that folder."""

    def __init__(self, on_tensor: OnTensor) -> None:
        self._on_tensor = on_tensor

    def make(self, parts: Parts, folder: Path) -> Made:
        """The GGUF file, then the folder's."""
        if parts.adapter_folder is None:
            raise _no_adapter()
        merged, target = folder / Build.MERGED_FOLDER, folder / MODEL_FILE
        with open_folder(parts.base_folder) as base, open_adapter(parts.adapter_folder) as adapter:
            write_merged_folder(parts.base_folder, MergedTensors(base, adapter), merged, parts.provenance)
        with open_folder(merged) as tensors:
            quantiser = write_model(
                merged, tensors, target, Quantisation(parts.quantisation), on_tensor=self._on_tensor
            )
        return Made(files=(target, *sorted(merged.iterdir())), quantiser=quantiser)


def _no_adapter() -> ConfigError:
    return ConfigError("a base has no adapter to serve apart or to merge.", next_step="Choose the form 'base'.")


def form_called(form: ServingForm, on_tensor: OnTensor) -> Form:
    """The maker of a form; merged and quantised differ in the types of the tensors alone."""
    if form is ServingForm.ADAPTER:
        return AdapterApart(on_tensor)
    return MergedFolder(on_tensor) if form is ServingForm.FOLDER else WholeModel(on_tensor)
