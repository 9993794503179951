"""Logs of tries that were kept elsewhere: read as they stand, kept as they stand, and deciding nothing here."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Final

from selftune.errors import MissingFileError, UnknownNameError, UsageError
from selftune.interactions.config import REDACTED
from selftune.interactions.privacy.redaction import Redactor
from selftune.loop.experiments.record_keeping.results_tsv import THEIRS
from selftune.records import ExperimentResult, LoggedTry, ResultLog, digest_bytes

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from selftune.loop.project import Project

HIGHER_IS_BETTER: Final = {
    "score": True, "gt": True, "overall": True, "probe_score": True, "golden_score": True, "accuracy": True,
    "val_acc": True, "reward": True, "win_rate": True, "f1": True, "auc": True,
    "val_bpb": False, "bpb": False, "val_loss": False, "train_loss": False, "loss": False, "perplexity": False,
    "val_rmse": False, "rmse": False, "mse": False, "mae": False, "wer": False,
}  # fmt: skip
"""Columns whose direction needs no telling."""

_NAMES: Final = ("experiment_id", "commit", "experiment", "run", "id")
_SAID: Final = ("result", "status", "outcome")
_TRIED: Final = ("config", "description", "changes", "change")
_MODES: Final = ("mode", "run_mode")
_TIMES: Final = ("timestamp", "date", "time")
_SECONDS: Final = ("elapsed_s", "elapsed_seconds", "seconds", "training_seconds")
_WORDS: Final = {
    ExperimentResult.KEPT: ("kept", "keep"),
    ExperimentResult.REVERTED: ("reverted", "revert", "discard", "discarded", "rejected"),
    ExperimentResult.FAILED: ("failed", "fail", "crash", "crashed", "error"),
    ExperimentResult.OUT_OF_TIME: ("out of time", "timeout", "timed out"),
}
_MEANS: Final = {word: result for result, words in _WORDS.items() for word in words}
# A page that lost its line breaks: the last column of the header, or of a row, runs into the id that comes next.
_RUN_TOGETHER: Final = re.compile(r"(?<=elapsed_s)(?=exp)|(?<=\d)(?=exp-)")
_IMPORTED: Final = "results imported"


def import_result_log(project: Project, path: Path, *, metric: str = "", higher: bool | None = None) -> ResultLog:
    """Read a log and keep it; the same file read in the same way again adds nothing.

    Raises:
        MissingFileError: there is no such file.
        UsageError: it is no such log, or nothing says which way its metric is better.
        UnknownNameError: it has no such column.
    """
    log = read_result_log(path, metric=metric, higher=higher)
    project.store.save([log], event=_IMPORTED, detail={"tries": str(len(log.tries)), "format": log.format})
    return log


def read_result_log(path: Path, *, metric: str = "", higher: bool | None = None) -> ResultLog:
    """A tab-separated log with a header, or with the columns of `results.tsv` without one; errors as the import.

    Without a `metric` its first column of a known direction is taken. A crash has no figure, whatever stands there.
    """
    if not path.is_file():
        raise MissingFileError(f"there is no file {path}.", next_step="Check the path.")
    data = path.read_bytes()
    header, rows = _table(path.name, data)
    column, direction = _ranked_by(path.name, header, metric, higher)
    tries = tuple(_logged(row, column) for row in rows)
    if not any(one.metric is not None for one in tries):
        raise UsageError(
            f"no row of {path.name} has a number under {column}.", next_step="Name another column: --metric."
        )
    return ResultLog(
        name=path.name,
        digest=digest_bytes(data),
        format=_format(header),
        metric=column,
        higher_is_better=direction,
        tries=tries,
    )


def result_logs(project: Project) -> tuple[ResultLog, ...]:
    """Every log that was brought in, oldest first."""
    return tuple(log for _, log in project.store.each(ResultLog))


def _table(name: str, data: bytes) -> tuple[tuple[str, ...], list[dict[str, str]]]:
    """The header's columns and each row by them."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UsageError(f"{name} is no text in UTF-8.", next_step="Save it as a tab-separated text.") from error
    lines = [line for whole in text.splitlines() for line in _RUN_TOGETHER.split(whole) if line.strip()]
    cells = [[cell.strip() for cell in line.split("\t")] for line in lines]
    if not cells or max(map(len, cells)) < 2:  # noqa: PLR2004 - a name and a figure
        raise UsageError(
            f"{name} holds no tab-separated rows.", next_step="Give a log whose columns stand apart by tabs."
        )
    header = tuple(cell.lower() for cell in cells[0])
    if set(header) & {*_NAMES, *_SAID, *HIGHER_IS_BETTER}:
        cells = cells[1:]
    elif len(header) >= len(THEIRS) - 1:
        header = THEIRS[: len(header)]
    else:
        raise UsageError(f"{name} has no header.", next_step="Put the names of its columns into its first line.")
    return header, list(_by_name(name, header, cells))


def _by_name(name: str, header: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[dict[str, str]]:
    for number, row in enumerate(rows, start=1):
        if len(row) > len(header):
            raise UsageError(
                f"row {number} of {name} has {len(row)} cells, and the header {len(header)}.",
                next_step="Take the tabs out of its texts.",
            )
        yield dict(zip(header, [*row, *[""] * (len(header) - len(row))], strict=True))


def _ranked_by(name: str, header: Sequence[str], metric: str, higher: bool | None) -> tuple[str, bool]:
    """The column that the tries are ranked by, and whether more of it is better."""
    if metric and metric.lower() not in header:
        raise UnknownNameError("column", metric, header)
    column = metric.lower() or next((one for one in header if one in HIGHER_IS_BETTER), "")
    if not column:
        raise UsageError(
            f"no column of {name} is known as a metric.", next_step="Name one: --metric COLUMN --higher-is-better."
        )
    direction = HIGHER_IS_BETTER.get(column) if higher is None else higher
    if direction is None:
        raise UsageError(
            f"nothing says whether more of {column} is better.",
            next_step="Say it: --higher-is-better or --lower-is-better.",
        )
    return column, direction


def _format(header: Sequence[str]) -> str:
    if "experiment_id" in header:
        return "results.tsv"
    if {"commit", "status", "description"} <= set(header):
        return "probes" if "manifest" in header else "autoresearch"
    return "table"


def _logged(row: Mapping[str, str], metric: str) -> LoggedTry:
    said = _first(row, _SAID)
    result = _MEANS.get(said.lower())
    return LoggedTry(
        name=_first(row, _NAMES) or next(iter(row.values())),
        metric=None if result is ExperimentResult.FAILED else _number(row[metric]),
        said=said,
        result=result,
        began=_first(row, _TIMES),
        mode=_first(row, _MODES),
        model=row.get("model", ""),
        baseline=_number(row.get("baseline", "")) if metric == "score" else None,
        seconds=_number(_first(row, _SECONDS)),
        tried=Redactor(REDACTED).redact(_first(row, _TRIED)),
    )


def _first(row: Mapping[str, str], columns: Sequence[str]) -> str:
    return next((row[one] for one in columns if row.get(one)), "")


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None
