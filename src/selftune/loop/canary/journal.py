"""A trial's journal: one line for each answer and each thumb, in the order in which the guards saw them, without words.

It outlives a gateway that was killed; a line that was cut off is not counted. It is no store: what came of the trial
goes on record from it when the trial has ended.
"""

from __future__ import annotations

import errno
import json
import os
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from selftune.loop.canary.guards import Guardrails, Outcome
from selftune.loop.canary.note import journal_path

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from selftune.loop.canary.note import CanaryNote


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """How an answer in the shadow stood beside the one that was given; figures alone, nobody's words.

    Attributes:
        identical: The same words.
        overlap: Words in both, as a share of the words in either.
        longer: Words of the candidate for each of the champion's; None where it said none.
    """

    identical: bool
    overlap: float
    longer: float | None


class Journal:
    """Appends to one trial's journal."""

    def __init__(self, hidden: Path, trial: str) -> None:
        path = journal_path(hidden, trial)
        path.parent.mkdir(parents=True, exist_ok=True)
        self._torn = _is_torn(path)
        # A kill takes away at most the line that is being written, and closing has nothing left to write: on a full
        # disk that would fail in the way of sending the candidate back.
        self._stream = path.open("ab", buffering=0)

    def write(self, entry: Outcome | Comparison) -> None:
        """One more line.

        Raises:
            OSError: there is no room for it.
        """
        known = {name: value for name, value in asdict(entry).items() if value is not None and value != ""}
        line = (b"\n" if self._torn else b"") + json.dumps(known, separators=(",", ":")).encode() + b"\n"
        self._torn = True  # until all of it is there
        self._torn = self._stream.write(line) < len(line)
        if self._torn:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def close(self) -> None:
        """Let go of the file."""
        self._stream.close()


def read_journal(hidden: Path, trial: str) -> Iterator[Outcome | Comparison]:
    """Every whole line, in order; none where nothing was written."""
    path = journal_path(hidden, trial)
    if not path.is_file():
        return
    with path.open(encoding="utf-8", errors="replace") as lines:
        for line in lines:
            entry = _entry_of(line)
            if entry is not None:
                yield entry


def replay(note: CanaryNote, hidden: Path, *, keep: bool = False) -> tuple[Guardrails, list[Comparison]]:
    """What the guards have seen of a trial, and what was compared in its shadow."""
    guards, compared = Guardrails(note, keep=keep), list[Comparison]()
    for entry in read_journal(hidden, note.trial):
        if isinstance(entry, Outcome):
            guards.take(entry)
        else:
            compared.append(entry)
    return guards, compared


def _is_torn(path: Path) -> bool:
    """Whether its last line was cut off."""
    if not path.is_file() or path.stat().st_size == 0:
        return False
    with path.open("rb") as stream:
        stream.seek(-1, os.SEEK_END)
        return stream.read(1) != b"\n"


def _entry_of(line: str) -> Outcome | Comparison | None:
    """What a line says; None for what was cut off, or written by nobody of ours."""
    import msgspec

    try:
        body: Any = json.loads(line)
        if "identical" in body:
            return msgspec.convert({"longer": None, **body}, type=Comparison)
        return msgspec.convert(body, type=Outcome)
    except (ValueError, TypeError, RecursionError):
        return None
