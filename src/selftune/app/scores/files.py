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
_AS_UTF8: Final = "Save it as UTF-8, then name that file."
_UNPACKED: Final = "Unpack it, then name what was in it."
# First bytes of files that are often meant: compressed logs, and tables as Excel saves "Unicode text".
_MARKS: Final = (
    (b"\x1f\x8b", "compressed (gzip)", _UNPACKED),
    (b"\x28\xb5\x2f\xfd", "compressed (Zstandard)", _UNPACKED),
    (b"BZh", "compressed (bzip2)", _UNPACKED),
    (b"\xfd7zX", "compressed (xz)", _UNPACKED),
    (b"\xff\xfe", "no text in UTF-8 but in UTF-16", _AS_UTF8),
    (b"\xfe\xff", "no text in UTF-8 but in UTF-16", _AS_UTF8),
)


def read_scores(path: Path, asked: Asked) -> ScoreSheet:
    """The scores in a file of any format that we know.

    Raises:
        MissingFileError: there is no such file.
        UsageError: no format of ours fits, or the file is damaged.
    """
    if path.is_dir():
        raise UsageError(f"{path} is a folder.", next_step="Name the file of scores in it.")
    if path.exists() and not path.is_file():
        raise UsageError(
            f"{path} is no file on a disk, and scores are read more than once.", next_step="Write them to a file first."
        )
    if not path.is_file():
        raise MissingFileError(f"there is no file {path}.", next_step="Check the path.")
    _refuse_other_codes(path)
    try:
        return _reader_of(path, asked).read(path, asked)
    except ValueError as error:
        raise refuse(path, _in_words(error)) from error


def _refuse_other_codes(path: Path) -> None:
    """Say what stands before the text, where no reader could.

    Raises:
        UsageError: the file is compressed, or no UTF-8.
    """
    with path.open("rb") as stream:
        head = stream.read(4)
    for mark, what, mend in _MARKS:
        if head.startswith(mark):
            raise UsageError(f"{path.name} can't be compared: it is {what}.", next_step=mend)


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
                if value is None and line.lstrip()[:1] in {b"{", b"["} and path.suffix.lower() == ".json":
                    raise refuse(path, "it is no JSON, or a part of it is missing")
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
