"""Files of judged answers that another tool wrote: `summary` and `results`, a verdict with each answer.

Read as they are: nothing is filled in. `adopt.py` makes a judgement of a row, `adopted.py` says what they come to.
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from selftune.errors import MissingFileError, UsageError
from selftune.judges.verdict import writable

if TYPE_CHECKING:
    from pathlib import Path

_MOST_BYTES: Final = 64 << 20


@dataclass(frozen=True, kw_only=True)
class JudgedRow:
    """One answer and its verdict.

    Attributes:
        name: The row's id in the file, or its number.
        scores: The verdict as the file holds it; anything at all, to be checked.
        stated: What the file gives as the row's overall; a default where the judge gave none, so it decides nothing.
        faulty: The row as JSON where prompt or answer are no text: there is nothing that could have been judged.
    """

    name: str
    category: str | None
    difficulty: str | None
    prompt: str
    response: str
    model: str | None
    scores: Any
    stated: float | None
    faulty: str | None


@dataclass(frozen=True, kw_only=True)
class JudgedFile:
    """Who judged, the mean that the file itself gives, and its rows."""

    name: str
    judge_model: str
    stated_mean: float | None
    rows: tuple[JudgedRow, ...]


def read_judged_file(path: Path) -> JudgedFile:
    """A file of judged answers.

    Raises:
        MissingFileError: there is no such file.
        UsageError: it is too large, no JSON, or has no list `results` of objects.
    """
    if not path.is_file():
        raise MissingFileError(f"there is no file {path}.", next_step="Check the path.")
    if path.stat().st_size > _MOST_BYTES:
        raise UsageError(f"{path.name} has more than {_MOST_BYTES >> 20} MiB.", next_step="Split it.")
    try:
        document = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{path.name} is no JSON: {type(error).__name__}.", next_step="Name a JSON file.") from error
    results = document.get("results") if isinstance(document, dict) else None
    if not isinstance(results, list) or not all(isinstance(row, dict) for row in results):
        raise UsageError(
            f"{path.name} is no file of judged answers: it has no list 'results' of objects.",
            next_step='Name a file that holds {"summary": {…}, "results": [{"prompt", "response", "scores"}, …]}.',
        )
    summary = document.get("summary")
    facts = summary if isinstance(summary, dict) else {}
    return JudgedFile(
        name=path.name,
        judge_model=_text(facts.get("judge_model")) or "unknown",
        stated_mean=number(facts.get("overall_mean")),
        rows=tuple(_row(place, row) for place, row in enumerate(results, start=1)),
    )


def number(value: Any) -> float | None:
    """The value if it is a finite number and no truth value."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if abs(value) <= sys.float_info.max else None


def _row(place: int, row: dict[str, Any]) -> JudgedRow:
    prompt, response = _text(row.get("prompt")), row.get("response")
    return JudgedRow(
        name=_text(row.get("id")) or f"row {place}",
        category=_text(row.get("category")),
        difficulty=_text(row.get("difficulty")),
        prompt=prompt or "",
        response=response if isinstance(response, str) else "",
        model=_text(row.get("model")),
        scores=row.get("scores"),
        stated=number(row.get("overall_score")),
        faulty=None if prompt and isinstance(response, str) else json.dumps(row, ensure_ascii=False),
    )


def _text(value: Any) -> str | None:
    return writable(value) if isinstance(value, str) and value else None
