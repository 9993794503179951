"""Files read entry by entry, as a stream: lines of JSONL, items of JSON documents, what is broken by itself.

Each entry is named by a digest of its raw text and by how often that text came before it in the file, so that a file
that grows is recognised however it grew.
"""

from __future__ import annotations

import io
import json
import math
import re
from collections import Counter
from dataclasses import dataclass, replace
from typing import IO, TYPE_CHECKING, Any, Final

from selftune.errors import MissingFileError, UsageError
from selftune.interactions.reading.documents import LIMITS, Document, Item, Limits
from selftune.interactions.reading.positions import Positions
from selftune.interactions.reading.tables import PARQUET_HEAD, read_rows
from selftune.interactions.reading.yaml_lists import YAML_SUFFIXES, read_yaml

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from pathlib import Path

MAX_DEPTH: Final = 64

_UTF8_BOM: Final = b"\xef\xbb\xbf"
_UTF16_BOMS: Final = (b"\xff\xfe", b"\xfe\xff")
_HALF: Final = r"\\u[dD][89a-fA-F][0-9a-fA-F]{2}"
# What JSON escapes, as groups of one; only half of a surrogate pair without its other half stands outside the group.
_ESCAPE: Final = re.compile(
    rf"(\\u[dD][89abAB][0-9a-fA-F]{{2}}\\u[dD][c-fC-F][0-9a-fA-F]{{2}}|\\[^u]|\\u(?![dD][89a-fA-F]))|{_HALF}"
)


class UnreadableError(ValueError):
    """An entry that can't be read; the text says why. It never leaves this room: it becomes a `Quarantined`."""


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One line of a JSONL file or one item of a JSON document; `fault` says why there is no `value`."""

    position: str
    place: str
    raw: str
    value: Any = None
    fault: str | None = None
    flags: tuple[str, ...] = ()


def read_entries(path: Path, limits: Limits = LIMITS) -> Iterator[Entry]:
    """Every entry of a JSON, JSONL, YAML or Parquet file, broken ones too, in the order of the file.

    Memory holds one entry or a few rows, within the limits.

    Raises:
        MissingFileError: there is no such file.
        UsageError: the file is Parquet that can't be read, or UTF-16 and too large for that.
    """
    if not path.is_file():
        raise MissingFileError(f"there is no file {path}.", next_step="Check the path.")
    positions = Positions()
    with path.open("rb") as stream:
        if stream.read(len(PARQUET_HEAD)) == PARQUET_HEAD:
            rows = enumerate(read_rows(path), start=1)
            yield from (made_entry(row, f"row {number}", positions) for number, row in rows)
            return
        if path.suffix in YAML_SUFFIXES:
            yield from _yaml_entries(path, positions, limits)
            return
        stream.seek(0)
        for item in _items(path, stream, limits):
            yield _entry(positions.of(item.data), item, limits)


def _yaml_entries(path: Path, positions: Positions, limits: Limits) -> Iterator[Entry]:
    """The items of a list in YAML; what is no YAML comes as one broken entry."""
    with path.open("rb") as stream:
        text, flags = decode_text(stream.read(limits.line_bytes + 1))
    try:
        if len(text) > limits.line_bytes:
            raise UnreadableError(f"more than {limits.line_bytes:,} bytes of YAML; turn it into JSONL")
        values = read_yaml(text, deepest=MAX_DEPTH)
    except ValueError as error:
        place, raw = "the document", text[: limits.kept_bytes]
        yield Entry(position=positions.of(text.encode()), place=place, raw=raw, fault=str(error), flags=flags)
        return
    for number, value in enumerate(values, start=1):
        entry = made_entry(value, f"item {number}", positions, flags)
        # Once more as JSON: numbers that are none, depth and dates get the answers that they get there.
        try:
            yield replace(entry, value=parse_json(entry.raw))
        except UnreadableError as error:
            yield replace(entry, value=None, fault=str(error))


def unfold(entries: Iterable[Entry], inner: Callable[[Mapping[str, Any]], Any]) -> Iterator[Entry]:
    """The entries, and in place of one that is only a wrapper the entries that `inner` finds in it."""
    positions = Positions()
    for entry in entries:
        wrapped = inner(entry.value) if isinstance(entry.value, dict) else None
        if not isinstance(wrapped, list):
            yield entry
            continue
        for number, value in enumerate(wrapped, start=1):
            yield made_entry(value, f"{entry.place}, {number} in it", positions, entry.flags)


def made_entry(value: Any, place: str, positions: Positions, flags: tuple[str, ...] = ()) -> Entry:
    """An entry out of a value that was no text of its own; it is named by its JSON with sorted keys."""
    raw = json.dumps(value, ensure_ascii=False, sort_keys=True, default=str)
    return Entry(position=positions.of(raw.encode("utf-8", "replace")), place=place, raw=raw, value=value, flags=flags)


def _items(path: Path, stream: IO[bytes], limits: Limits) -> Iterator[Item]:
    head = stream.read(64)
    stream.seek(0)
    if head.startswith(_UTF16_BOMS):
        text = _whole(path, stream, limits.recoded_bytes).decode("utf-16", "replace").encode()
        stream, head = io.BytesIO(text), text[:64]
    elif head.startswith(_UTF8_BOM):
        stream.seek(len(_UTF8_BOM))
        head = head.removeprefix(_UTF8_BOM)
    object_first = path.suffix == ".json" and head.lstrip().startswith(b"{")
    if head.lstrip().startswith(b"[") or (object_first and not _holds_lines(stream, limits)):
        yield from Document(stream, limits).items()
    else:
        yield from _lines(stream, limits)


def _holds_lines(stream: IO[bytes], limits: Limits) -> bool:
    """Whether the first line is a JSON value and not the last line: lines that are called a document."""
    place = stream.tell()
    first, more = stream.readline(limits.line_bytes), stream.readline(limits.line_bytes)
    stream.seek(place)
    try:
        json.loads(first)
    except (ValueError, RecursionError):
        return False
    return bool(more.strip())


def _whole(path: Path, stream: IO[bytes], limit: int) -> bytes:
    data = stream.read(limit + 1)
    if len(data) > limit:
        raise UsageError(
            f"{path.name} is UTF-16 and has more than {limit:,} bytes.",
            next_step="Turn it into UTF-8: `iconv -f UTF-16 -t UTF-8 FILE > NEW`.",
        )
    return data


def _lines(stream: IO[bytes], limits: Limits) -> Iterator[Item]:
    number = 0
    while line := stream.readline(limits.line_bytes + 1):
        number += 1
        size = len(line)
        if size > limits.line_bytes:
            size += _skip_line(stream)
            line = line[: limits.kept_bytes]
        data = line.rstrip(b"\r\n")
        if data.strip():
            yield Item(f"line {number}", data, size)


def _skip_line(stream: IO[bytes]) -> int:
    skipped = 0
    while rest := stream.readline(1 << 20):
        skipped += len(rest)
        if rest.endswith(b"\n"):
            break
    return skipped


def _entry(position: str, item: Item, limits: Limits) -> Entry:
    raw, noticed = decode_text(item.data)
    text = mend_escapes(raw)
    mended = ("repaired_text",) if text != raw else ()
    flags = tuple(dict.fromkeys((*item.flags, *noticed, *mended)))
    if item.size > limits.line_bytes:
        raw = raw[: limits.kept_bytes]
        fault = f"{item.size:,} bytes in one entry, more than {limits.line_bytes:,}; only its beginning is kept"
        return Entry(position=position, place=item.place, raw=raw, fault=fault, flags=flags)
    try:
        return Entry(position=position, place=item.place, raw=raw, value=parse_json(text), flags=flags)
    except UnreadableError as error:
        return Entry(position=position, place=item.place, raw=raw, fault=str(error), flags=flags)


def decode_text(data: bytes) -> tuple[str, tuple[str, ...]]:
    """Bytes as UTF-8; else as Windows-1252 the way browsers read it, flagged."""
    try:
        return data.decode("utf-8"), ()
    except UnicodeDecodeError:
        import ftfy.bad_codecs  # noqa: F401 - registers `sloppy-windows-1252`, in which every byte means something

        return data.decode("sloppy-windows-1252"), ("read_as_windows_1252", "repaired_text")


def mend_escapes(text: str) -> str:
    """The JSON text with U+FFFD for each escape of half a surrogate pair: an emoji that was cut, and no UTF-8."""
    return _ESCAPE.sub(lambda found: found[1] or r"\ufffd", text) if re.search(_HALF, text) else text


def parse_json(text: str, constant: Callable[[str], None] | None = None) -> Any:
    """The value of one JSON text, read strictly; `constant` may have another answer to NaN and the infinities.

    Raises:
        UnreadableError: not JSON, a key twice in one object, NaN or an infinity, or nested deeper than `MAX_DEPTH`.
    """
    try:
        value = json.loads(text, object_pairs_hook=_object, parse_constant=constant or _constant, parse_float=_finite)
    except UnreadableError:
        raise
    except RecursionError as error:
        raise UnreadableError(f"nested deeper than {MAX_DEPTH}") from error
    except ValueError as error:
        raise UnreadableError(f"holds NUL bytes ({error})" if "\0" in text else f"not JSON: {error}") from error
    if _deeper_than(value, MAX_DEPTH):
        raise UnreadableError(f"nested deeper than {MAX_DEPTH}")
    return value


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) < len(pairs):
        twice = Counter(key for key, _ in pairs).most_common(1)[0][0]
        raise UnreadableError(f"key {twice!r} occurs twice in one object")
    return value


def _constant(name: str) -> None:
    raise UnreadableError(f"{name} is not JSON")


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise UnreadableError(f"number {text[:20]} is too large")
    return value


def _deeper_than(value: Any, limit: int) -> bool:
    level = [value]
    for _ in range(limit):
        level = [child for item in level for child in _children(item)]
        if not level:
            return False
    return True


def _children(value: Any) -> list[Any]:
    return list(value.values()) if isinstance(value, dict) else value if isinstance(value, list) else []
