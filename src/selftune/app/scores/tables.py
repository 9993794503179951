"""Tables of scores: CSV, TSV, JSON lines, or a JSON array of objects; a row for each answer."""

from __future__ import annotations

import math
import re
from array import array
from typing import TYPE_CHECKING, Any, Final

from selftune.app.scores.base import Asked, numeric, refuse
from selftune.app.scores.cells import read_blocks, read_header
from selftune.errors import UnknownNameError, UsageError
from selftune.records.scores import LABELS, ScoredBlock, ScoredRow, ScoreSheet, SheetFacts

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from selftune.app.scores.cells import Block

# What a column may be called, by its meaning, the likeliest name first; in the order in which a row is read.
NAMES: Final[Mapping[str, tuple[str, ...]]] = {
    "item": ("item_id", "item", "id", "question_id", "task_id"),
    "score": ("score", "value"),
    "reason": ("reason", "unscored_reason", "error"),
    "critical": ("critical_failure", "critical_failures", "critical"),
    "category": ("category",),
    "difficulty": ("difficulty",),
    "agent": ("agent",),
    "cluster": ("cluster", "group"),
    "repeat": ("repeat", "epoch", "seed", "trial"),
    "arm": ("arm", "system"),
}
_DECIMAL_COMMA: Final = re.compile(r"\s*-?\d+,\d+\s*")
_ABSENT: Final = frozenset({"", "na", "n/a", "null", "none", "-"})
_FALSE: Final = frozenset({"", "0", "false", "no", "[]", "none", "null"})


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
        header = read_header(path)
        columns = {meaning: _column(meaning, header, asked) for meaning in NAMES}
        for meaning in ("item", "score"):
            if columns[meaning] is None:
                raise UsageError(
                    f"{path.name} has no column for the {meaning}; it has {', '.join(header)}.",
                    next_step=f"Name it: --{meaning} COLUMN.",
                )
        wanted = tuple(columns.values())
        arm = None
        if columns["arm"] is not None or asked.arm_is_named:
            arm = _arm(path, read_blocks(path, header, (columns["arm"],)), columns["arm"], asked)
        facts = SheetFacts(name=arm or path.stem, format=self.name, metric=columns["score"] or "score")
        is_plain = arm is None and columns["critical"] is None and columns["repeat"] is None
        return ScoreSheet(_scored(path, read_blocks(path, header, wanted), arm, is_plain=is_plain), facts)


def _scored(
    path: Path, blocks: Iterable[Block], arm: str | None, *, is_plain: bool
) -> Iterator[ScoredRow | ScoredBlock]:
    """The rows of an arm; of a plain table, where every row has a score, block by block."""
    before = 0
    for columns in blocks:
        item, score, reason, critical, *labels, again, system = columns
        assert item is not None  # noqa: S101 - `read` refuses a table without it
        assert score is not None  # noqa: S101 - the same
        words = [_words(column) for column in (item, *labels, again)]
        block = _as_block(words[0] or (), score, words[1:-1]) if is_plain else None
        if block is not None:
            yield block
        else:
            cells = (words[0], score, reason, critical, *words[1:], system)
            rows = zip(*((None,) * len(item) if column is None else column for column in cells), strict=True)
            yield from _each(path, rows, before, arm)
        before += len(item)


def _as_block(
    items: Sequence[str | None], given: Sequence[Any], labels: Sequence[Sequence[str | None] | None]
) -> ScoredBlock | None:
    """The whole block, if every row names an item and has a score."""
    try:
        scores = array("d", map(float, given))
    except (TypeError, ValueError, OverflowError):
        return None
    named = [item for item in items if item]
    if len(named) < len(items) or not all(map(math.isfinite, scores)):
        return None
    words = zip(LABELS, labels, strict=True)
    return ScoredBlock(named, scores, tuple((what, column) for what, column in words if column is not None))


def _words(cells: Sequence[Any] | None) -> Sequence[str | None] | None:
    """Cells as text; numbers of JSON as they are written."""
    if cells is None or set(map(type, cells)) <= {str, type(None)}:
        return cells
    return [cell if cell is None or isinstance(cell, str) else str(cell) for cell in cells]


def _each(path: Path, rows: Iterable[tuple[Any, ...]], before: int, arm: str | None) -> Iterator[ScoredRow]:
    cells = enumerate(rows, start=before + 1)
    for number, (item, given, reason, critical, category, difficulty, agent, cluster, repeat, system) in cells:
        if arm is not None and str(system) != arm:
            continue
        if not item:
            raise refuse(path, f"row {number} names no item")
        score = _score(given)
        if score is None and not _is_absent(given):
            hint = "; write decimals with a point" if _DECIMAL_COMMA.fullmatch(str(given)) else ""
            raise refuse(path, f"the score of {item!r} in row {number} is {given!r}, which is no finite number{hint}")
        yield ScoredRow(
            item_id=item,
            score=score,
            reason=None if score is not None else str(reason or "no score in the table"),
            category=category,
            difficulty=difficulty,
            agent=agent,
            cluster=cluster,
            repeat=repeat or "",
            critical=critical is not None and str(critical).strip().lower() not in _FALSE,
        )


def _score(value: Any) -> float | None:
    try:
        number = float(value) if type(value) is str else numeric(value)
    except ValueError:
        return {"true": 1.0, "false": 0.0}.get(value.strip().lower())
    if number is None:
        return None
    return number if math.isfinite(number) else None


def _is_absent(value: Any) -> bool:
    return value is None or (isinstance(value, str) and value.strip().lower() in _ABSENT)


def _column(meaning: str, header: Sequence[str], asked: Asked) -> str | None:
    """The column with that meaning: the one the user named, else the first with a usual name."""
    named = asked.column(meaning) or (asked.metric if meaning == "score" else None)
    if named is not None and named not in header:
        raise UnknownNameError("column", named, list(header))
    return named or next((name for name in NAMES[meaning] if name in header), None)


def _arm(path: Path, blocks: Iterable[Block], column: str | None, asked: Asked) -> str | None:
    """Which arm's rows are meant; None when there is but one."""
    if column is None:
        raise refuse(path, f"it has no column of arms, so it holds no arm {asked.arm!r}")
    arms = dict.fromkeys(str(cell) for (cells,) in blocks for cell in cells or ())
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
