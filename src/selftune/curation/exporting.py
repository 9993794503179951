"""A dataset in the format of another program; what the format can't carry is named, never dropped in silence."""

from __future__ import annotations

import os
from collections import Counter, defaultdict
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from selftune.curation.exports import FORMATS
from selftune.curation.exports.base import CannotCarryError
from selftune.errors import MissingFileError, UnknownNameError, UsageError
from selftune.platforms import sync_folder, sync_path
from selftune.records import not_erased

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from selftune.curation.exports.base import Format
    from selftune.records import Dataset, Example

# Rows that are written by one call.
_AT_ONCE: Final = 1000


@dataclass(frozen=True, kw_only=True)
class Lost:
    """Something that a format has no place for, and how many of the written examples had it."""

    what: str
    examples: int


@dataclass(frozen=True, kw_only=True)
class LeftOut:
    """Why examples are not in the file, and the interactions that they came from."""

    reason: str
    interaction_ids: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Exported:
    """What an export came to; ids, judgements and who taught an answer stay in the dataset in any case.

    Attributes:
        note: How the other program is told of the file; empty when the file is enough.
    """

    dataset_id: str
    format: str
    path: str
    written: int
    lost: tuple[Lost, ...]
    left_out: tuple[LeftOut, ...]
    note: str


def export(dataset: Dataset, format_name: str, path: Path, *, split: str = "train") -> Exported:
    """Write one split of a dataset to a new file, whole or not at all.

    Raises:
        UnknownNameError: no such format, or no such split.
        UsageError: there is a file of that name already, pyarrow is missing for Parquet, no example fits the format, or
            it is a dataset of thumbs.
        MissingFileError: its folder is not there.
    """
    if format_name not in FORMATS:
        raise UnknownNameError("format", format_name, FORMATS)
    if dataset.disliked:
        raise UsageError(
            f"{dataset.id[:20]} is of thumbs, and no format here says of an answer that it was disliked.",
            next_step='Train it here or on another selftune, or curate with kind = "sft".',
        )
    examples = _split(dataset, split)
    fitting = FORMATS[format_name]
    lost: Counter[str] = Counter()
    left_out: dict[str, list[str]] = defaultdict(list)
    write = _write_parquet if format_name == "parquet" else _write_lines
    with _new_file(path) as draft:
        written = write(_bodies(fitting, examples, lost, left_out), draft)
        if examples and not written:
            raise UsageError(
                f"none of {len(examples)} examples fits the format {format_name}: {', '.join(left_out)}.",
                next_step="Choose a format that carries more, such as axolotl or parquet.",
            )
    return Exported(
        dataset_id=dataset.id,
        format=format_name,
        path=str(path),
        written=written,
        lost=tuple(Lost(what=what, examples=count) for what, count in sorted(lost.items())),
        left_out=tuple(LeftOut(reason=reason, interaction_ids=tuple(ids)) for reason, ids in left_out.items()),
        note=fitting.note.replace("FILE", path.name),
    )


def _split(dataset: Dataset, name: str) -> Sequence[Example]:
    splits = {"train": not_erased(dataset.train), "holdout": not_erased(dataset.holdout)}
    if name not in splits:
        raise UnknownNameError("split", name, splits)
    return splits[name]


def _bodies(
    fitting: Format, examples: Sequence[Example], lost: Counter[str], left_out: dict[str, list[str]]
) -> Iterator[dict[str, Any]]:
    paired = any(example.rejected is not None for example in examples)
    for example in examples:
        if paired and example.rejected is None:
            left_out["it holds no worse answer, as the others do"].append(example.interaction_id)
            continue
        try:
            row = fitting.row(example)
        except CannotCarryError as error:
            left_out[str(error)].append(example.interaction_id)
            continue
        if row.lost:
            lost.update(row.lost)
        yield row.body


@contextmanager
def _new_file(path: Path) -> Iterator[Path]:
    """A draft beside the file, which becomes the file when the block ends well; an older file is never replaced."""
    taken = UsageError(f"{path} is there already.", next_step="Name another file, or move that one away.")
    if path.exists():
        raise taken
    if not path.parent.is_dir():
        raise MissingFileError(f"there is no folder {path.parent}.", next_step="Make it first.")
    draft = path.with_name(f".{path.name}.{os.getpid()}.draft")
    try:
        yield draft
        sync_path(draft)
        # A link fails where a rename would replace what somebody wrote meanwhile.
        os.link(draft, path)
        sync_folder(path.parent)
    except FileExistsError as error:
        raise taken from error
    finally:
        draft.unlink(missing_ok=True)


def _write_lines(bodies: Iterable[dict[str, Any]], path: Path) -> int:
    import msgspec

    encoder, source, written = msgspec.json.Encoder(), iter(bodies), 0
    with path.open("wb") as stream:
        while lines := list(islice(source, _AT_ONCE)):
            stream.write(encoder.encode_lines(lines))
            written += len(lines)
    return written


def _write_parquet(bodies: Iterable[dict[str, Any]], path: Path) -> int:
    try:
        import pyarrow as pa
        from pyarrow import parquet
    except ImportError as error:
        raise UsageError(
            "writing Parquet takes pyarrow, which is not installed.",
            next_step="Install it with `pip install 'selftune[train]'`, or choose another format.",
        ) from error
    function = pa.struct({"name": pa.string(), "arguments": pa.string()})
    call = pa.struct({"id": pa.string(), "type": pa.string(), "function": function})
    texts = ("role", "content", "persona", "reasoning_content", "tool_call_id")
    message = pa.struct({**{name: pa.string() for name in texts}, "tool_calls": pa.list_(call)})
    rows = list(bodies)
    columns = ("prompt", "chosen", "rejected") if rows and "prompt" in rows[0] else ("messages",)
    schema = pa.schema({name: pa.list_(message) for name in columns})
    parquet.write_table(pa.Table.from_pylist(rows, schema=schema), path, compression="zstd")
    return len(rows)
