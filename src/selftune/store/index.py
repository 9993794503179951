"""The search index over interactions: a LanceDB folder, made from the store and made again whenever that is simpler.

It is never the truth. Its watermark is the ingest sequence up to which it was read; it lies beside the table and moves
only after the table's files have reached the disk, because LanceDB itself never waits for the disk. Whatever is found
damaged is deleted and read again.
"""

from __future__ import annotations

import json
import shutil
from contextlib import contextmanager
from datetime import timedelta
from itertools import islice
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol

from selftune.errors import DamagedFileError, MissingFileError
from selftune.platforms import sync_folder, sync_path

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

# Rows of one commit: each commit leaves a file behind until the next clean-up.
_BATCH: Final = 1_000
_TABLE: Final = "interactions"
_WATERMARK: Final = "watermark.json"
_VERSION: Final = 1
# A search in another process may still read the version before; older ones go.
_READERS_MAY_TAKE: Final = timedelta(minutes=10)


class Entry(NamedTuple):
    """What is indexed of one interaction; `replaces` is the id of an earlier version of the same conversation."""

    sequence: int
    interaction_id: str
    text: str
    replaces: str | None = None


class Hit(NamedTuple):
    """An interaction that was found, best first: by BM25 score for words, by cosine similarity for likeness."""

    interaction_id: str
    score: float


class Embed(Protocol):
    """Turns a text into a vector of unit length, always of the same size; `name` changes when its vectors do."""

    name: str
    size: int

    def __call__(self, text: str) -> Sequence[float]:
        """The vector."""
        ...


class SearchIndex:
    """Words and likeness over everything that was said, in a folder of its own."""

    def __init__(self, folder: Path, embed: Embed) -> None:
        self._folder = folder
        self._embed = embed

    @property
    def watermark(self) -> int:
        """The ingest sequence up to which it was read; 0 when there is no index of today's form."""
        try:
            kept = json.loads((self._folder / _WATERMARK).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return 0
        return int(kept["sequence"]) if kept.get("form") == self._form else 0

    def extend(self, entries: Iterable[Entry], *, until: int, told: Callable[[int], None] = lambda _: None) -> int:
        """Add what came after the watermark, oldest first, and move the watermark to `until`; returns how many.

        Cut off at any moment it can be called again: an entry that is there already is written over.

        Raises:
            MissingFileError: LanceDB is not installed.
            DamagedFileError: the folder can't be read or written.
        """
        added = 0
        with _named_faults(self._folder):
            if self.watermark == 0:
                shutil.rmtree(self._folder, ignore_errors=True)
            table = self._open(make=True)
            for batch in _batches(iter(entries), _BATCH):
                self._write(table, batch)
                added += len(batch)
                told(added)
            if added or self.watermark < until:
                self._tidy(table)
                self._move_watermark(until)
        return added

    def clear(self) -> None:
        """Remove the index; the next `extend` starts from the beginning."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def search(self, words: str, *, limit: int) -> list[Hit]:
        """Interactions that hold these words, by BM25."""
        with _named_faults(self._folder):
            rows = self._query(words, limit, query_type="fts") if self.watermark else []
        return [Hit(row["id"], float(row["_score"])) for row in rows]

    def alike(self, text: str, *, limit: int) -> list[Hit]:
        """Interactions that are most like a text, by the cosine of their vectors."""
        with _named_faults(self._folder):
            rows = self._query(list(self._embed(text)), limit) if self.watermark else []
        # Of unit vectors, squared distance is twice one minus the cosine.
        return [Hit(row["id"], 1.0 - float(row["_distance"]) / 2.0) for row in rows]

    def fragments(self) -> int:
        """Of how many pieces the table consists; searching grows slower with them."""
        with _named_faults(self._folder):
            return int(self._open(make=False).stats()["fragment_stats"]["num_fragments"]) if self.watermark else 0

    @property
    def _form(self) -> str:
        return f"{_VERSION}/{self._embed.name}/{self._embed.size}"

    def _open(self, *, make: bool) -> Any:
        import pyarrow as pa

        database = _lancedb().connect(self._folder)
        if not make:
            return database.open_table(_TABLE)
        fields = [("id", pa.string()), ("text", pa.string()), ("vector", pa.list_(pa.float32(), self._embed.size))]
        return database.create_table(_TABLE, schema=pa.schema(fields), exist_ok=True)

    def _write(self, table: Any, batch: Sequence[Entry]) -> None:
        rows = {
            entry.interaction_id: {
                "id": entry.interaction_id,
                "text": entry.text,
                "vector": list(self._embed(entry.text)),
            }
            for entry in batch
        }
        table.merge_insert("id").when_matched_update_all().when_not_matched_insert_all().execute(list(rows.values()))
        replaced = [entry.replaces for entry in batch if entry.replaces is not None]
        if replaced:
            table.delete(_among(replaced))

    def _tidy(self, table: Any) -> None:
        """Fold the pieces together and bring the word index up to date; older versions of the table go."""
        from lancedb.index import FTS

        if not any(index.name == "text_idx" for index in table.list_indices()):
            table.create_index("text", config=FTS())
        table.optimize(cleanup_older_than=_READERS_MAY_TAKE)

    def _query(self, query: str | list[float], limit: int, **how: Any) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self._open(make=False).search(query, **how).limit(limit).to_list()
        return found

    def _move_watermark(self, until: int) -> None:
        for path in self._folder.rglob("*"):
            sync_path(path)
        kept = self._folder / f"{_WATERMARK}.new"
        kept.write_text(json.dumps({"form": self._form, "sequence": until}) + "\n", encoding="utf-8")
        sync_path(kept)
        kept.replace(self._folder / _WATERMARK)
        sync_folder(self._folder)


def _lancedb() -> Any:
    try:
        import lancedb
    except ImportError as error:
        raise MissingFileError("LanceDB is not installed.", next_step="Run `pip install 'selftune[lance]'`.") from error
    return lancedb


@contextmanager
def _named_faults(folder: Path) -> Iterator[None]:
    """LanceDB's own errors, which are plain ones of Python, as one that names the mend."""
    try:
        yield
    except (OSError, RuntimeError, ValueError) as error:
        raise DamagedFileError(
            f"the search index in {folder} can't be read or written: {type(error).__name__}.",
            next_step="Run `selftune index rebuild`; nothing is lost, it is made from the store.",
        ) from error


def _among(interaction_ids: Iterable[str]) -> str:
    # Ids are a kind and hexadecimal digits; what is not can't be one, and never reaches the condition.
    listed = [one for one in interaction_ids if one.replace(":", "").replace("_", "").isalnum()]
    quoted = ", ".join(f"'{one}'" for one in listed)
    return f"id IN ({quoted})" if quoted else "false"


def _batches(entries: Iterator[Entry], size: int) -> Iterator[list[Entry]]:
    while batch := list(islice(entries, size)):
        yield batch
