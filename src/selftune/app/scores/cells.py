"""The cells of a table, in blocks of columns: a column at a time costs a third of a row at a time."""

from __future__ import annotations

import csv
import json
from codecs import BOM_UTF8
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from selftune.app.scores.base import refuse

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    Block = tuple[Sequence[Any] | None, ...]

CSV: Final = frozenset({".csv", ".tsv"})
_SEPARATORS: Final = ",;\t"
_BLOCK: Final = 1_000
_LOOKED_AT: Final = 100
_BYTES: Final = 1 << 20


def read_header(path: Path) -> tuple[str, ...]:
    """The names of the columns; of JSON every name that one of the first rows has, for a row may leave some out.

    Raises:
        UsageError: the file is empty or no table, or two columns have one name.
    """
    if path.suffix.lower() in CSV:
        header = tuple(next(_lines(path), []))
    else:
        header = tuple(dict.fromkeys(name for row in islice(_objects(path), _LOOKED_AT) for name in row))
    if not any(header):
        raise refuse(path, "it holds no row")
    if len(set(header)) < len(header):
        raise refuse(path, "two of its columns have one name")
    return header


def read_blocks(path: Path, header: Sequence[str], wanted: Sequence[str | None]) -> Iterator[Block]:
    """The columns of these names, some thousand rows at a time; None for a column that is not there, or a cell of JSON.

    Raises:
        UsageError: the file holds no row, a row is of another width than the header, or the file is damaged.
    """
    rows: Iterator[Any]
    take: Callable[[list[Any]], Block]
    if path.suffix.lower() in CSV:
        places = [None if name is None else header.index(name) for name in wanted]
        rows, take = _rows(path, len(header)), lambda held: _columns(held, places)
    else:
        rows, take = _objects(path), lambda held: tuple(_values(held, name) for name in wanted)
    held = list(islice(rows, _BLOCK))
    if not held:
        raise refuse(path, "it holds no row")
    while held:
        yield take(held)
        held = list(islice(rows, _BLOCK))


def _columns(rows: list[list[str]], places: Sequence[int | None]) -> Block:
    columns = tuple(zip(*rows, strict=True))
    return tuple(None if place is None else columns[place] for place in places)


def _values(rows: list[Mapping[str, Any]], name: str | None) -> Sequence[Any] | None:
    return None if name is None else [row.get(name) for row in rows]


def _rows(path: Path, width: int) -> Iterator[list[str]]:
    lines = _lines(path)
    next(lines)
    for number, row in enumerate(lines, start=1):
        if len(row) == width:
            yield row
        elif row:
            raise refuse(path, f"row {number} has {len(row)} cells, the header {width}")


def _lines(path: Path) -> Iterator[list[str]]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            separator = _separator(path, stream.readline())
            stream.seek(0)
            yield from csv.reader(stream, delimiter=separator, strict=True)
    except (csv.Error, UnicodeDecodeError) as error:
        raise refuse(path, f"it is no table in UTF-8: {error}") from error


def _separator(path: Path, first: str) -> str:
    """A tab in TSV, else what the first line holds most of: spreadsheets of half the world write semicolons."""
    return "\t" if path.suffix.lower() == ".tsv" else max(_SEPARATORS, key=first.count)


def _objects(path: Path) -> Iterator[Mapping[str, Any]]:
    """Each row as an object, one at a time."""
    number = 0
    try:
        for number, row in enumerate(_documents(path), start=1):
            if not isinstance(row, dict):
                raise refuse(path, f"row {number} is no object")
            yield row
    except (ValueError, RecursionError) as error:
        raise refuse(path, f"it is no JSON after row {number}: {type(error).__name__}") from error


def _documents(path: Path) -> Iterator[Any]:
    with path.open("rb") as stream:
        is_array = stream.read(_BYTES).removeprefix(BOM_UTF8).lstrip()[:1] == b"["
        stream.seek(0)
        if is_array:
            yield from json.loads(stream.read().removeprefix(BOM_UTF8))
            return
        stream.seek(len(BOM_UTF8) if stream.read(len(BOM_UTF8)) == BOM_UTF8 else 0)
        yield from _decoded(stream)


def _decoded(lines: Iterator[bytes]) -> Iterator[Any]:
    """Each line's value; NaN and its like, which strict JSON does not have, are read to be refused by name."""
    import msgspec

    decode = msgspec.json.Decoder().decode
    for line in lines:
        try:
            yield decode(line)
        except msgspec.DecodeError:
            if line.strip():
                yield json.loads(line)
