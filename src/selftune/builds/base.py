"""What a serving form is made of, and what the maker of a form must do."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from selftune.bases.provenance import Provenance

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class Parts:
    """What a form is made of.

    Attributes:
        base_folder: The base as a Hugging Face folder.
        adapter_folder: The run's adapter as a PEFT folder; None for the bare base.
        quantisation: GGUF type of the bulk of the tensors: F16, Q8_0, Q6_K, Q5_K_M, Q4_K_M.
        provenance: What a merged folder says of itself.
    """

    base_folder: Path
    adapter_folder: Path | None
    quantisation: str
    provenance: Provenance = field(default_factory=Provenance)


@dataclass(frozen=True, kw_only=True)
class Made:
    """A form as it was written.

    Attributes:
        files: Each whole.
        quantiser: What laid the weights out in their types, with its version: the library, or llama.cpp's program.
    """

    files: tuple[Path, ...]
    quantiser: str


class Form(Protocol):
    """Writes one serving form: `model.gguf`, `adapter.gguf` where the adapter stays apart, and what others read.

    That is a folder in PEFT's layout, `adapter/`, or in that of a whole Hugging Face model, `merged/`.
    """

    def make(self, parts: Parts, folder: Path) -> Made:
        """The form, its files written into `folder`, each whole or not there."""
        ...
