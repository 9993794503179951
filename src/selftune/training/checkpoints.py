"""Where a training stands, so that a crash costs steps and never bytes: tensors as safetensors, the rest as JSON."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from selftune.errors import DamagedFileError
from selftune.failpoints import reach
from selftune.platforms import sync_folder

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import torch

    from selftune.records import CurvePoint

_TENSORS: Final = "state.safetensors"
_PROGRESS: Final = "progress.json"
_SEAL: Final = "seal"


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

    target = _place(folder, checkpoint.step)
    draft = folder / "draft"
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(parents=True)
    tensors = save({name: tensor.cpu().contiguous() for name, tensor in checkpoint.tensors.items()})
    progress = {
        "step": checkpoint.step,
        "seconds": checkpoint.seconds,
        "supervised_tokens": checkpoint.supervised_tokens,
        "curve": checkpoint.curve,
    }
    _write_durably(draft / _TENSORS, tensors)
    reach("mid-checkpoint")
    told = canonical_json(progress).encode()
    _write_durably(draft / _PROGRESS, told)
    _write_durably(draft / _SEAL, _sealed(tensors, told))
    shutil.rmtree(target, ignore_errors=True)
    draft.rename(target)
    sync_folder(folder)  # before the older one goes: a power cut must leave one of them
    for older in _found(folder):
        if older != target:
            shutil.rmtree(older)


def load_checkpoint(folder: Path) -> Checkpoint | None:
    """The newest checkpoint, or None when there is none.

    Raises:
        DamagedFileError: it is not what was written; it was set aside, so that the next try begins anew.
    """
    found = newest_checkpoint(folder)
    if found is None:
        return None
    try:
        return _read(found)
    except (ValueError, OSError) as error:
        aside = folder / f"damaged-{found.name}"
        shutil.rmtree(aside, ignore_errors=True)
        found.rename(aside)
        raise DamagedFileError(
            f"the checkpoint {found.name} is not what was written ({error}); it was set aside.",
            next_step="Run the same command again: the training begins anew.",
        ) from error


def newest_checkpoint(folder: Path) -> Path | None:
    """Folder of the newest checkpoint; None where there is none."""
    return max(_found(folder), default=None)


def newest_step(folder: Path) -> int:
    """The step after which the newest checkpoint was written; 0 where there is none."""
    newest = newest_checkpoint(folder)
    return 0 if newest is None else int(newest.name.rpartition("-")[2])


def lay_out_checkpoint(folder: Path, step: int, files: Mapping[str, Path]) -> None:
    """Put the files of a checkpoint that was kept elsewhere where `load_checkpoint` finds it; a newer one stays."""
    target = _place(folder, step)
    newest = newest_checkpoint(folder)
    if newest is not None and newest >= target:
        return
    draft = folder / "draft"
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(parents=True)
    for name, source in files.items():
        shutil.copyfile(source, draft / name)
    draft.rename(target)


def seal_folder(folder: Path) -> None:
    """Say of a checkpoint that another program wrote that it is whole, and what it holds."""
    _write_durably(folder / _SEAL, _digest_of_files(folder))


def is_sealed(folder: Path) -> bool:
    """Whether it was sealed and nothing in it was touched since."""
    seal = folder / _SEAL
    return seal.is_file() and seal.read_bytes() == _digest_of_files(folder)


def _digest_of_files(folder: Path) -> bytes:
    from selftune.records import digest_file, digest_of

    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != _SEAL)
    return digest_of([[path.relative_to(folder).as_posix(), digest_file(path)] for path in files]).encode()


def _read(folder: Path) -> Checkpoint:
    """A checkpoint's files; `ValueError` or `OSError` where they are not what was written."""
    import msgspec
    from safetensors.torch import load

    from selftune.records import CurvePoint

    tensors, told, seal = ((folder / name).read_bytes() for name in (_TENSORS, _PROGRESS, _SEAL))
    if _sealed(tensors, told) != seal:
        raise ValueError("its seal is another one")
    progress = json.loads(told)
    curve = msgspec.convert(progress.pop("curve"), type=tuple[CurvePoint, ...])
    return Checkpoint(**progress, curve=curve, tensors=load(tensors))


def _sealed(tensors: bytes, told: bytes) -> bytes:
    from selftune.records import digest_bytes, digest_of

    return digest_of([digest_bytes(tensors), digest_bytes(told)]).encode()


def _place(folder: Path, step: int) -> Path:
    return folder / f"step-{step:08d}"


def _found(folder: Path) -> list[Path]:
    return [path for path in folder.glob("step-*") if path.is_dir()]


def _write_durably(path: Path, data: bytes) -> None:
    with path.open("wb") as stream:
        stream.write(data)
        stream.flush()
        os.fsync(stream.fileno())
