"""BaseModel: the weights every generation starts from, pinned by digest."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from selftune.records.build import FileDigest
from selftune.records.codec import Record, digest_of


@dataclass(frozen=True, kw_only=True)
class BaseModel(Record):
    """A base as it was found: its files, its template, where it came from and under which licence.

    Attributes:
        source: Where it came from, in words.
        architecture: Its family, as `config.json` names it.
        parameters: How many numbers its weights hold.
        context_length: The most tokens of prompt and answer together.
        licence: As its files say it; `unknown` where they don't.
    """

    KIND: ClassVar[str] = "base_model"

    name: str
    source: str
    architecture: str
    parameters: int
    context_length: int
    files: tuple[FileDigest, ...]
    template_digest: str
    tokenizer_digest: str
    licence: str

    @property
    def digest(self) -> str:
        """Digest over the file digests: what runs and builds pin."""
        return digest_of(self.files)
