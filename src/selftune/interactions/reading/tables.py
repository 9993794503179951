"""Rows of a Parquet file, as the entries of a JSONL file would be."""

from __future__ import annotations

import json
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from selftune.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

PARQUET_HEAD: Final = b"PAR1"
_ROWS_AT_ONCE: Final = 64


def read_rows(path: Path, load: Callable[[str], Any] = import_module) -> Iterator[dict[str, Any]]:
    """Each row as JSON would hold it, a few at a time; times become text in ISO 8601.

    Raises:
        UsageError: pyarrow is not installed, or the file is no Parquet that it can read.
    """
    try:
        arrow, parquet = load("pyarrow"), load("pyarrow.parquet")
    except ImportError as error:
        raise UsageError(
            f"{path.name} is a Parquet file, and reading one takes pyarrow, which is not installed.",
            next_step="Install it with `pip install 'selftune[train]'`, or `pip install pyarrow` alone.",
        ) from error
    try:
        with parquet.ParquetFile(path) as table:
            for batch in table.iter_batches(batch_size=_ROWS_AT_ONCE):
                for row in batch.to_pylist():
                    yield json.loads(json.dumps(row, ensure_ascii=False, default=_as_text))
    except (arrow.ArrowException, OSError) as error:
        raise UsageError(
            f"{path.name} can't be read as Parquet: {error}", next_step="Fetch or write the file anew."
        ) from error


def _as_text(value: Any) -> str:
    return value.isoformat() if hasattr(value, "isoformat") else f"[{type(value).__name__}]"
