"""Where the writer's tensors come from, one at a time: a Hugging Face folder, or the same with an adapter merged in."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol

from selftune.bases.shape import weight_files
from selftune.errors import DamagedFileError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray


class TensorSource(Protocol):
    """Named float32 tensors, read when asked for; names are those of a Hugging Face folder."""

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Every tensor and its shape."""
        ...

    def read(self, name: str) -> NDArray[np.float32]:
        """One tensor as float32."""
        ...


class FolderTensors:
    """The tensors of a Hugging Face folder's safetensors files."""

    def __init__(self, handles: dict[str, Any]) -> None:
        self._handles = handles

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Every tensor and its shape, from the headers."""
        return {name: tuple(handle.get_slice(name).get_shape()) for name, handle in self._handles.items()}

    def read(self, name: str) -> NDArray[np.float32]:
        """One tensor as float32, whatever it is stored as."""
        import torch

        values: NDArray[np.float32] = self._handles[name].get_tensor(name).to(torch.float32).numpy()
        return values


@contextmanager
def open_folder(folder: Path) -> Iterator[FolderTensors]:
    """The tensors of a folder, its files open until the block is left.

    Raises:
        DamagedFileError: a file is no safetensors, or two files hold one tensor.
    """
    from contextlib import ExitStack

    from safetensors import SafetensorError, safe_open

    with ExitStack() as stack:
        handles: dict[str, Any] = {}
        for path in weight_files(folder):
            try:
                handle = stack.enter_context(safe_open(path, framework="pt"))
            except SafetensorError as error:
                raise DamagedFileError(f"{path} is damaged: {error}.", next_step="Get the file again.") from error
            for name in handle.keys():  # noqa: SIM118 - safe_open can't be iterated
                if name in handles:
                    raise DamagedFileError(f"{folder} holds {name} twice.", next_step="Remove the surplus file.")
                handles[name] = handle
        yield FolderTensors(handles)
