"""Where a training stands, so that a crash costs steps and never bytes: tensors as safetensors, the rest as JSON."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import torch

    from selftune.records import CurvePoint

_TENSORS: Final = "state.safetensors"
_PROGRESS: Final = "progress.json"


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """State after `step` steps. `seconds` counts what earlier tries used up."""

    step: int
    seconds: float
    supervised_tokens: int
    curve: tuple[CurvePoint, ...]
    tensors: Mapping[str, torch.Tensor]


def save_checkpoint(folder: Path, checkpoint: Checkpoint) -> None:
    """Publish a checkpoint whole or not at all; the one before goes only after."""
    from safetensors.torch import save

    from selftune.records import canonical_json

    target = folder / f"step-{checkpoint.step:08d}"
    draft = folder / "draft"
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(parents=True)
    progress = {
        "step": checkpoint.step,
        "seconds": checkpoint.seconds,
        "supervised_tokens": checkpoint.supervised_tokens,
        "curve": checkpoint.curve,
    }
    _write_durably(draft / _TENSORS, save({name: tensor.contiguous() for name, tensor in checkpoint.tensors.items()}))
    _write_durably(draft / _PROGRESS, canonical_json(progress).encode())
    shutil.rmtree(target, ignore_errors=True)
    draft.rename(target)
    _sync_folder(folder)  # before the older one goes: a power cut must leave one of them
    for older in _found(folder):
        if older != target:
            shutil.rmtree(older)


def load_checkpoint(folder: Path) -> Checkpoint | None:
    """The newest checkpoint, or None when there is none."""
    import msgspec
    from safetensors.torch import load_file

    from selftune.records import CurvePoint

    found = _found(folder)
    if not found:
        return None
    progress = json.loads((found[-1] / _PROGRESS).read_text(encoding="utf-8"))
    curve = msgspec.convert(progress.pop("curve"), type=tuple[CurvePoint, ...])
    return Checkpoint(**progress, curve=curve, tensors=load_file(found[-1] / _TENSORS))


def _found(folder: Path) -> list[Path]:
    return sorted(path for path in folder.glob("step-*") if path.is_dir())


def _sync_folder(folder: Path) -> None:
    if os.name == "posix":  # elsewhere a folder can't be opened
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _write_durably(path: Path, data: bytes) -> None:
    with path.open("wb") as stream:
        stream.write(data)
        stream.flush()
        os.fsync(stream.fileno())
