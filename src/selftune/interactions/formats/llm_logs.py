"""The log of the `llm` command: `logs.db`, a SQLite database of conversations and their responses."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Any, Final

from selftune.errors import MissingFileError, UsageError
from selftune.interactions.reading.assemble import Origin, assemble, read_from, said_by_assistant
from selftune.interactions.reading.expect import as_list, as_mapping, as_text
from selftune.interactions.reading.lines import Entry, made_entry
from selftune.interactions.reading.positions import Positions
from selftune.records import Message

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from selftune.context import Context
    from selftune.records import Interaction, Quarantined

_HEAD: Final = b"SQLite format 3\0"
_NEEDED: Final = ("id", "model", "prompt", "system", "response", "conversation_id", "datetime_utc")
_OPTIONAL: Final = ("resolved_model",)
# What a response may have beside its text, each in a table of its own, and what we say about it.
_BESIDE: Final = {
    "prompt_fragments": "fragments_not_kept",
    "system_fragments": "fragments_not_kept",
    "prompt_attachments": "attachments_not_kept",
    "tool_calls": "tool_calls_not_kept",
}


@dataclass(frozen=True)
class LLMLogs:
    """Conversations out of `llm`'s `logs.db`, opened for reading only, with the model that answered.

    A response without a conversation is one of its own. Fragments, attachments and tool calls are not kept and flagged.
    """

    path: Path

    @staticmethod
    def recognises_head(head: bytes) -> str | None:
        """Why a file that begins so looks like this format; None when it does not."""
        return "it is a SQLite database, as `llm` keeps its log" if head.startswith(_HEAD) else None

    def read(self, context: Context) -> Iterator[Interaction | Quarantined]:
        """Each conversation as one interaction.

        Raises:
            MissingFileError: there is no such file.
            UsageError: it is no such database.
        """
        return read_from(_conversations(self.path), self.path.name, "llm", _parse, context)


def _conversations(path: Path) -> Iterator[Entry]:
    if not path.is_file():
        raise MissingFileError(f"there is no file {path}.", next_step="Check the path; see `llm logs path`.")
    positions = Positions()
    try:
        with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as database:
            database.row_factory = sqlite3.Row
            rows = map(dict, database.execute(_query(database, path)))
            for name, responses in groupby(rows, key=lambda row: row["conversation"]):
                value = {"id": name, "responses": list(responses)}
                yield made_entry(value, f"conversation {name}", positions)
    except sqlite3.DatabaseError as error:
        raise UsageError(
            f"{path.name} can't be read: {error}.", next_step="Check that it is `llm`'s logs.db; see `llm logs path`."
        ) from error


def _query(database: sqlite3.Connection, path: Path) -> str:
    """Every response with what we know how to read, conversation by conversation, oldest first."""
    held = {row["name"] for row in database.execute("PRAGMA table_info(responses)")}
    if not held.issuperset(_NEEDED):
        missing = ", ".join(sorted(set(_NEEDED) - held))
        raise UsageError(
            f"{path.name} is a SQLite database, but not `llm`'s log: `responses` has no {missing}.",
            next_step="Name the file that `llm logs path` prints.",
        )
    tables = {row["name"] for row in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    columns = [*_NEEDED, *(column for column in _OPTIONAL if column in held)]
    beside = [
        f"EXISTS (SELECT 1 FROM {table} WHERE {table}.response_id = responses.id) AS {table}"  # noqa: S608 - names of ours
        for table in _BESIDE
        if table in tables
    ]
    chosen = ", ".join([*(f"responses.{column}" for column in columns), *beside])
    return (
        f"SELECT COALESCE(conversation_id, id) AS conversation, {chosen} FROM responses "  # noqa: S608 - names of ours
        "ORDER BY conversation, datetime_utc, id"
    )


def _parse(entry: Mapping[str, Any], origin: Origin) -> Interaction:
    rows = [as_mapping(row, "a response") for row in as_list(entry.get("responses"), "the responses")]
    messages: list[Message] = []
    flags: list[str] = []
    system = None
    for row in rows:
        if row.get("system") and row["system"] != system:
            system = as_text(row["system"], "'system'")
            messages.append(Message(role="system", content=system))
        if row.get("prompt"):
            messages.append(Message(role="user", content=as_text(row["prompt"], "'prompt'")))
        message, new = said_by_assistant(as_text(row.get("response"), "'response'"))
        messages.append(message)
        flags += [*new, *(flag for table, flag in _BESIDE.items() if row.get(table))]
    models = [row.get("resolved_model") or row.get("model") for row in rows]
    flags += ["several_models"] if len(set(models)) > 1 else []
    said_at = rows[-1].get("datetime_utc")
    facts = {"id": entry.get("id"), "model": models[-1], "created_at": said_at, "last_turn_at": said_at}
    return assemble(tuple(messages), facts, origin, tuple(flags), whole=True)
