"""What a file of weights says of itself: which objectives made it, on which base, from which lessons, by which run.

It stands in the metadata of the safetensors header, which every reader of the format passes over: of an adapter's file,
and of a base's that an adapter was merged into. A key of ours in `adapter_config.json` would make PEFT warn whoever
opens it.
"""

from __future__ import annotations

import json
import shutil
import struct
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any, Final

from selftune.bases.shape import weight_files
from selftune.errors import DamagedFileError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_METADATA: Final = "__metadata__"
_HISTORY: Final = "selftune.stage_history"
_BASE: Final = "selftune.base_digest"
_DATASET: Final = "selftune.dataset"
_RUN: Final = "selftune.run"
_LENGTH_BYTES: Final = 8


@dataclass(frozen=True, kw_only=True)
class Provenance:
    """Where weights come from; None where their file does not say.

    Attributes:
        stage_history: Objectives that made them, oldest first.
        base_digest: The base they were trained on, or merged into.
    """

    stage_history: tuple[str, ...] | None = None
    base_digest: str | None = None
    dataset_id: str | None = None
    run_id: str | None = None


def stamp(path: Path, provenance: Provenance) -> None:
    """Write it into a safetensors file; the tensors stay as they are, and the same gives the same bytes."""
    draft = path.with_name(f"{path.name}.draft")
    with path.open("rb") as old, draft.open("wb") as new:
        table = _read_table(old, path)
        table.pop(_METADATA, None)
        write_header(new, table, provenance)
        shutil.copyfileobj(old, new)
    draft.replace(path)  # who has the old file mapped into memory goes on seeing it


def write_header(stream: IO[bytes], tensors: Mapping[str, Any], provenance: Provenance) -> None:
    """The header of a safetensors file: its tensors by name, each with `dtype`, `shape` and `data_offsets`.

    The library writes metadata in the order of a hash that changes with each process; here the same gives the same
    bytes.
    """
    said = {
        "format": "pt",
        _BASE: provenance.base_digest,
        _DATASET: provenance.dataset_id,
        _RUN: provenance.run_id,
        _HISTORY: None if provenance.stage_history is None else json.dumps(provenance.stage_history),
    }
    metadata = {key: value for key, value in sorted(said.items()) if value is not None}
    header = json.dumps({_METADATA: metadata, **tensors}, separators=(",", ":")).encode()
    header += b" " * (-len(header) % _LENGTH_BYTES)  # tensors begin at a multiple of 8
    stream.write(struct.pack("<Q", len(header)) + header)


def read_provenance(path: Path) -> Provenance:
    """What a safetensors file says of itself; nothing of ours in it is no fault.

    Raises:
        DamagedFileError: no safetensors header, or what stands in it under our names is not what we write.
    """
    with path.open("rb") as stream:
        said = _read_table(stream, path).get(_METADATA, {})
    try:
        history = json.loads(said[_HISTORY]) if _HISTORY in said else None
    except ValueError as error:
        raise _damaged(path, "its stage history is no JSON") from error
    if history is not None and not (isinstance(history, list) and all(isinstance(one, str) for one in history)):
        raise _damaged(path, "its stage history is no list of names")
    return Provenance(
        stage_history=None if history is None else tuple(history),
        base_digest=said.get(_BASE),
        dataset_id=said.get(_DATASET),
        run_id=said.get(_RUN),
    )


def folder_provenance(folder: Path) -> Provenance:
    """What the weights of a Hugging Face folder say of themselves.

    Raises:
        DamagedFileError: a header can't be read, or two files of the folder say different things.
    """
    said = {read_provenance(path) for path in weight_files(folder)}
    if len(said) > 1:
        raise _damaged(folder, "its files of weights tell different histories")
    return said.pop()


def trained_before(folder: Path) -> tuple[str, ...]:
    """The objectives that made the weights of a Hugging Face folder as far as they say; a plain base says none."""
    return folder_provenance(folder).stage_history or ()


def _read_table(stream: IO[bytes], path: Path) -> dict[str, Any]:
    """The header; format: 8 bytes little-endian length, then JSON, then the tensors, where the stream then stands."""
    length = int.from_bytes(stream.read(_LENGTH_BYTES), "little")
    if path.stat().st_size < _LENGTH_BYTES + length:
        raise _damaged(path, "no header")
    try:
        table = json.loads(stream.read(length))
    except (ValueError, RecursionError) as error:
        raise _damaged(path, "its header is not valid") from error
    if not isinstance(table, dict) or not isinstance(table.get(_METADATA, {}), dict):
        raise _damaged(path, "its header is not valid")
    return table


def _damaged(path: Path, what: str) -> DamagedFileError:
    return DamagedFileError(f"{path} is damaged: {what}.", next_step="Get the file again.")
