"""What a source of base models must do: put a Hugging Face folder somewhere and say where it is from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class Found:
    """A base that was found.

    Attributes:
        name: What it is called from now on.
        folder: Where its files lie; the folder that was offered, or its own place where nothing had to be copied.
        source: Where it is from, in words, for the record.
        licence: SPDX name where it is known, else `unknown`.
    """

    name: str
    folder: Path
    source: str
    licence: str


class BaseSource(Protocol):
    """Finds bases."""

    def fetch(self, name: str, folder: Path) -> Found:
        """Find the base called `name`; if its files have to be made or brought, they go into the empty `folder`.

        Raises:
            MissingFileError: there is no such base here.
            UsageError: it is one that can't be used; the message says why.
        """
        ...
