"""Tables of scores: CSV, TSV, JSON lines, or a JSON array of objects; a row for each answer."""

from __future__ import annotations

import csv
import json
import math
from typing import TYPE_CHECKING, Any, Final

from selftune.app.scores.base import Asked, numeric, refuse
from selftune.errors import UnknownNameError, UsageError
from selftune.records.scores import ScoredRow, ScoreSheet, SheetFacts

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

# What a column may be called, by its meaning, the likeliest name first.
NAMES: Final[Mapping[str, tuple[str, ...]]] = {
    "item": ("item_id", "item", "id", "question_id", "task_id"),
    "score": ("score", "value"),
    "arm": ("arm", "system"),
    "category": ("category",),
    "difficulty": ("difficulty",),
    "agent": ("agent",),
    "cluster": ("cluster", "group"),
    "repeat": ("repeat", "epoch", "seed", "trial"),
    "reason": ("reason", "unscored_reason", "error"),
    "critical": ("critical_failure", "critical_failures", "critical"),
}
_ABSENT: Final = frozenset({"", "na", "n/a", "null", "none", "-"})
_FALSE: Final = frozenset({"", "0", "false", "no", "[]", "none", "null"})
_WORDS: Final = ("category", "difficulty", "agent", "cluster", "repeat")
_BYTES: Final = 1 << 20


class Tables:
    """Reads tables."""

    name = "table"

    def recognises(self, first: Mapping[str, Any]) -> bool:
        """Whether the row has an item and a score."""
        return any(name in first for name in NAMES["item"]) and "score" in first

    def read(self, path: Path, asked: Asked) -> ScoreSheet:
        """The rows of one arm.

        Raises:
            UsageError: a column is missing, a score is no number, or the file holds several arms.
            UnknownNameError: there is no such column or arm.
        """
        rows = _rows(path)
        first = next(rows, None)
        if first is None:
            raise refuse(path, "it holds no row")
        columns = {meaning: _column(meaning, first, asked) for meaning in NAMES}
        for meaning in ("item", "score"):
            if columns[meaning] is None:
                raise UsageError(
                    f"{path.name} has no column for the {meaning}; it has {', '.join(first)}.",
                    next_step=f"Name it: --{meaning} COLUMN.",
                )
        arm = _arm(path, columns["arm"], asked)
        facts = SheetFacts(name=arm or path.stem, format=self.name, metric=columns["score"] or "score")
        return ScoreSheet(_scored(path, columns, arm), facts)


def _scored(path: Path, columns: Mapping[str, str | None], arm: str | None) -> Iterator[ScoredRow]:
    item_column, score_column, arm_column = columns["item"] or "", columns["score"] or "", columns["arm"]
    reason, critical = columns["reason"], columns["critical"]
    named = {field: column for field in _WORDS if (column := columns[field]) is not None}
    for number, row in enumerate(_rows(path), start=1):
        if arm is not None and arm_column is not None and str(row.get(arm_column)) != arm:
            continue
        item, given = row.get(item_column), row.get(score_column)
        if item is None or item == "":
            raise refuse(path, f"row {number} names no item")
        score = _score(given)
        if score is None and not _is_absent(given):
            raise refuse(path, f"the score of {item!r} in row {number} is {given!r}, which is no finite number")
        words = {field: str(word) for field, column in named.items() if (word := row.get(column)) not in {None, ""}}
        yield ScoredRow(
            item_id=str(item),
            score=score,
            reason=None if score is not None else str((reason and row.get(reason)) or "no score in the table"),
            critical=critical is not None and str(row.get(critical) or "").lower() not in _FALSE,
            category=words.get("category"),
            difficulty=words.get("difficulty"),
            agent=words.get("agent"),
            cluster=words.get("cluster"),
            repeat=words.get("repeat", ""),
        )


def _score(value: Any) -> float | None:
    if not isinstance(value, str):
        return numeric(value)
    try:
        number = float(value)
    except ValueError:
        return {"true": 1.0, "false": 0.0}.get(value.strip().lower())
    return number if math.isfinite(number) else None


def _is_absent(value: Any) -> bool:
    return value is None or (isinstance(value, str) and value.strip().lower() in _ABSENT)


def _column(meaning: str, first: Mapping[str, Any], asked: Asked) -> str | None:
    """The column with that meaning: the one the user named, else the first with a usual name."""
    named = asked.column(meaning) or (asked.metric if meaning == "score" else None)
    if named is not None and named not in first:
        raise UnknownNameError("column", named, list(first))
    return named or next((name for name in NAMES[meaning] if name in first), None)


def _arm(path: Path, column: str | None, asked: Asked) -> str | None:
    """Which arm's rows are meant; None when there is but one."""
    if column is None:
        if asked.arm is not None and asked.arm_is_named:
            raise refuse(path, f"it has no column of arms, so it holds no arm {asked.arm!r}")
        return None
    arms = dict.fromkeys(str(row.get(column)) for row in _rows(path))
    if asked.arm in arms:
        return asked.arm
    if asked.arm_is_named and asked.arm is not None:
        raise UnknownNameError("arm", asked.arm, list(arms))
    if len(arms) > 1:
        raise UsageError(
            f"{path.name} holds {len(arms)} arms: {', '.join(list(arms)[:10])}.",
            next_step=f"Name two of them: selftune compare {path.name}#ONE {path.name}#OTHER.",
        )
    return None


def _rows(path: Path) -> Iterator[Mapping[str, Any]]:
    """Each row as an object, one at a time."""
    if path.suffix.lower() in {".csv", ".tsv"}:
        yield from _csv_rows(path)
        return
    with path.open("rb") as stream:
        is_array = stream.read(_BYTES).lstrip()[:1] == b"["
    try:
        if is_array:
            yield from json.loads(path.read_bytes())
            return
        with path.open("rb") as stream:
            for line in stream:
                if line.strip():
                    yield json.loads(line)
    except (ValueError, RecursionError) as error:
        raise refuse(path, f"it is no JSON: {type(error).__name__}") from error


def _csv_rows(path: Path) -> Iterator[Mapping[str, Any]]:
    delimiter = "\t" if path.suffix.lower() == ".tsv" else ","
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.reader(stream, delimiter=delimiter, strict=True)
            header = next(reader, None)
            if header is None or not any(header):
                return
            if len(set(header)) < len(header):
                raise refuse(path, "two of its columns have one name")
            for row in reader:
                if not row:
                    continue
                if len(row) != len(header):
                    raise refuse(path, f"line {reader.line_num} has {len(row)} cells, the header {len(header)}")
                yield dict(zip(header, row, strict=True))
    except (csv.Error, UnicodeDecodeError) as error:
        raise refuse(path, f"it is no table in UTF-8: {error}") from error
