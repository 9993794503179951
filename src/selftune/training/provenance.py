"""What an adapter's file says of itself: which objectives made it, on which base, from which lessons.

It stands in the metadata of the safetensors header, which every reader of the format passes over. A key of ours in
`adapter_config.json` would make PEFT warn whoever opens it.
"""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from selftune.errors import DamagedFileError

if TYPE_CHECKING:
    from pathlib import Path

_METADATA: Final = "__metadata__"
_HISTORY: Final = "selftune.stage_history"
_BASE: Final = "selftune.base_digest"
_DATASET: Final = "selftune.dataset"
_LENGTH_BYTES: Final = 8


@dataclass(frozen=True, kw_only=True)
class Provenance:
    """Where weights come from; None where their file does not say.

    Attributes:
        stage_history: Objectives that made them, oldest first.
    """

    stage_history: tuple[str, ...] | None = None
    base_digest: str | None = None
    dataset_id: str | None = None


def stamp(path: Path, provenance: Provenance) -> None:
    """Write it into a safetensors file; the tensors stay as they are, and the same gives the same bytes.

    The header is written here and not by the library, which writes metadata in the order of a hash that changes with
    each process.
    """
    table, body = _split(path.read_bytes(), path)
    said = {"format": "pt", _BASE: provenance.base_digest, _DATASET: provenance.dataset_id}
    if provenance.stage_history is not None:
        said[_HISTORY] = json.dumps(provenance.stage_history)
    table[_METADATA] = {key: value for key, value in sorted(said.items()) if value is not None}
    header = json.dumps(table, separators=(",", ":")).encode()
    header += b" " * (-len(header) % _LENGTH_BYTES)  # tensors begin at a multiple of 8
    draft = path.with_name(f"{path.name}.draft")
    draft.write_bytes(struct.pack("<Q", len(header)) + header + body)
    draft.replace(path)  # who has the old file mapped into memory goes on seeing it


def read_provenance(path: Path) -> Provenance:
    """What a safetensors file says of itself; nothing of ours in it is no fault.

    Raises:
        DamagedFileError: no safetensors header, or what stands in it under our names is not what we write.
    """
    said = _split(path.read_bytes(), path)[0].get(_METADATA, {})
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
    )


def _split(data: bytes, path: Path) -> tuple[dict[str, Any], bytes]:
    """Header and tensors; format: 8 bytes little-endian length, then JSON, then the tensors."""
    length = int.from_bytes(data[:_LENGTH_BYTES], "little")
    end = _LENGTH_BYTES + length
    if len(data) < end:
        raise _damaged(path, "no header")
    try:
        table = json.loads(data[_LENGTH_BYTES:end])
    except ValueError as error:
        raise _damaged(path, "its header is not valid") from error
    if not isinstance(table, dict) or not isinstance(table.get(_METADATA, {}), dict):
        raise _damaged(path, "its header is not valid")
    return table, data[end:]


def _damaged(path: Path, what: str) -> DamagedFileError:
    return DamagedFileError(f"{path} is damaged: {what}.", next_step="Get the file again.")
