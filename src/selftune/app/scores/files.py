"""Find out what a score file is, and read it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from selftune.app.scores.base import Asked, ScoreReader, refuse
from selftune.app.scores.cells import CSV
from selftune.app.scores.foundry import JudgedAnswers
from selftune.app.scores.inspect_ai import InspectScores
from selftune.app.scores.lm_eval import HarnessSamples
from selftune.app.scores.ours import OurEvaluations
from selftune.app.scores.tables import Tables
from selftune.errors import MissingFileError, UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from selftune.records.scores import ScoreSheet

READERS: Final[tuple[ScoreReader, ...]] = (
    OurEvaluations(),
    JudgedAnswers(),
    InspectScores(),
    HarnessSamples(),
    Tables(),
)
_LINES: Final = frozenset({".jsonl", ".ndjson"})
_DOCUMENT_BYTES: Final = 256 << 20


def read_scores(path: Path, asked: Asked) -> ScoreSheet:
    """The scores in a file of any format that we know.

    Raises:
        MissingFileError: there is no such file.
        UsageError: no format of ours fits, or the file is damaged.
    """
    if not path.is_file():
        raise MissingFileError(f"there is no file {path}.", next_step="Check the path.")
    try:
        return _reader_of(path, asked).read(path, asked)
    except ValueError as error:
        raise refuse(path, _in_words(error)) from error


def _in_words(error: ValueError) -> str:
    from selftune.records.scores import RepeatedRowError

    if isinstance(error, RepeatedRowError):
        return f"item {str(error)!r} stands in it twice, and no column `repeat` tells the two apart"
    return str(error)


def _reader_of(path: Path, asked: Asked) -> ScoreReader:
    if path.suffix.lower() in CSV or asked.columns:
        return Tables()
    with path.open("rb") as stream:
        head = stream.read(4)
    if head.startswith(b"PK"):
        return InspectScores()
    first = _first_object(path)
    reader = next((reader for reader in READERS if first is not None and reader.recognises(first)), None)
    if reader is None and first is not None and path.suffix.lower() in _LINES:
        # It says which columns there are, and which is missing.
        return Tables()
    if reader is None:
        raise UsageError(
            f"{path.name} is no score file that we know.",
            next_step="Name judged answers, a log of Inspect AI, samples of lm-evaluation-harness, an evaluation of "
            "ours, or a table with item_id and score as CSV or JSON lines.",
        )
    return reader


def _first_object(path: Path) -> dict[str, Any] | None:
    """The first line's object, else the whole document's, else the first of a list."""
    try:
        with path.open("rb") as stream:
            line = stream.readline(_DOCUMENT_BYTES)
            value = _parsed(line)
            if value is None and path.stat().st_size <= _DOCUMENT_BYTES:
                value = _parsed(line + stream.read())
    except (RecursionError, MemoryError) as error:
        raise refuse(path, f"it can't be read: {type(error).__name__}") from error
    if isinstance(value, list):
        value = value[0] if value else None
    return value if isinstance(value, dict) else None


def _parsed(data: bytes) -> Any:
    try:
        return json.loads(data)
    except ValueError:
        return None
