"""Logs that are no text: `llm`'s SQLite database, and Parquet."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from interaction_logs import places, read, said, whole

from selftune.errors import MissingFileError, UsageError
from selftune.interactions.detect import detect_format, open_sources
from selftune.interactions.reading.tables import read_rows
from selftune.records import Feedback, Interaction, Message, Quarantined, Rejected

if TYPE_CHECKING:
    from pathlib import Path

# The two tables as `llm` documents them (docs/logging.md), and two of those beside them.
SCHEMA = """
CREATE TABLE conversations (id TEXT PRIMARY KEY, name TEXT, model TEXT);
CREATE TABLE responses (id TEXT PRIMARY KEY, model TEXT, prompt TEXT, system TEXT, prompt_json TEXT, options_json TEXT,
  response TEXT, response_json TEXT, conversation_id TEXT REFERENCES conversations (id), duration_ms INTEGER,
  datetime_utc TEXT{more});
CREATE TABLE prompt_fragments (response_id TEXT, fragment_id INTEGER);
CREATE TABLE tool_calls (id INTEGER, response_id TEXT, name TEXT, arguments TEXT);
"""


def logs(path: Path, *rows: tuple[object, ...], more: str = "", extra: str = "") -> Path:
    with closing(sqlite3.connect(path)) as database, database:
        database.executescript(SCHEMA.format(more=more) + extra)
        database.executemany(
            "INSERT INTO responses (id, conversation_id, model, system, prompt, response, datetime_utc) "
            "VALUES (?, ?, ?, ?, ?, ?, ?)",
            rows,
        )
    return path


TALK = (
    ("r2", "c1", "large", "Be brief.", "And you?", "<think>hm</think>Well.", "2026-01-01T00:01"),
    ("r1", "c1", "large", "Be brief.", "Hi", "Hello.", "2026-01-01T00:00"),
    ("r3", None, "small", None, "Bye", "Bye.", "2026-01-01T00:02"),
)


def test_conversations_of_llm_come_in_with_their_models(tmp_path):
    path = logs(tmp_path / "logs.db", *TALK)
    found = detect_format(path)
    assert (found.name, found.why) == ("llm", "it is a SQLite database, as `llm` keeps its log")
    talk, alone = whole(read(path, tmp_path))
    assert said(talk) == [
        ("system", "Be brief."),
        ("user", "Hi"),
        ("assistant", "Hello."),
        ("user", "And you?"),
        ("assistant", "Well."),
    ]
    assert (talk.generated_by, talk.task_id, talk.messages[4].reasoning) == ("large", "c1", "hm")
    assert (alone.generated_by, alone.task_id, alone.happened_at) == ("small", "r3", "2026-01-01T00:02")
    assert said(alone) == [("user", "Bye"), ("assistant", "Bye.")]


def test_a_grown_log_of_llm_keeps_the_places_it_had(tmp_path):
    path = logs(tmp_path / "logs.db", *TALK)
    held = path.read_bytes()
    before = places(read(path, tmp_path))
    assert path.read_bytes() == held
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("INSERT INTO responses (id, model, prompt, response) VALUES ('r0', 'm', 'p', 'r')")
    after = places(read(path, tmp_path))
    assert before < after
    assert len(after) == 3


def test_what_llm_keeps_beside_a_response_is_flagged(tmp_path):
    extra = "INSERT INTO prompt_fragments VALUES ('r1', 1); INSERT INTO tool_calls VALUES (1, 'r1', 'f', '{}');"
    path = logs(tmp_path / "logs.db", *TALK, more=", resolved_model TEXT", extra=extra)
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("UPDATE responses SET resolved_model = 'large-2026' WHERE id = 'r2'")
    talk, alone = whole(read(path, tmp_path))
    assert talk.flags == ("fragments_not_kept", "tool_calls_not_kept", "several_models")
    assert (talk.generated_by, alone.flags) == ("large-2026", ())


def test_a_response_without_text_is_set_aside(tmp_path):
    path = logs(tmp_path / "logs.db", ("r0", "c0", "m", None, "p", None, "2026"), *TALK)
    broken, *rest = read(path, tmp_path)
    assert isinstance(broken, Quarantined)
    assert broken.reason == "logs.db, conversation c0: 'response' is no text but missing"
    assert [type(item) for item in rest] == [Interaction, Interaction]


def test_another_or_a_damaged_database_is_refused(tmp_path):
    other = tmp_path / "other.db"
    with closing(sqlite3.connect(other)) as database, database:
        database.execute("CREATE TABLE responses (id TEXT)")
    with pytest.raises(UsageError, match="`responses` has no conversation_id, datetime_utc, model"):
        read(other, tmp_path)
    damaged = tmp_path / "damaged.db"
    damaged.write_bytes(b"SQLite format 3\0" + b"\xff" * 500)
    with pytest.raises(UsageError, match=r"damaged\.db can't be read"):
        read(damaged, tmp_path)
    (source,) = open_sources(other, "llm")
    other.unlink()
    with pytest.raises(MissingFileError, match="there is no file"):
        list(source.read(None))


def table(path: Path, rows: list[dict[str, object]]) -> Path:
    arrow = pytest.importorskip("pyarrow")
    pytest.importorskip("pyarrow.parquet").write_table(arrow.Table.from_pylist(rows), path, row_group_size=2)
    return path


def turns(*texts: str) -> list[dict[str, str]]:
    return [{"role": role, "content": text} for role, text in zip(("user", "assistant"), texts, strict=True)]


def test_parquet_of_messages_comes_in_row_by_row(tmp_path):
    day = datetime(2026, 1, 2, tzinfo=UTC)
    rows = [{"messages": turns("Hi", str(number)), "model": "m", "created_at": day} for number in range(200)]
    path = table(tmp_path / "train.parquet", rows)
    found = detect_format(path)
    assert (found.name, found.why) == ("openai", "its entries hold `messages`")
    got = whole(read(path, tmp_path))
    assert [item.answer for item in got] == [str(number) for number in range(200)]
    assert (got[0].generated_by, got[0].happened_at) == ("m", "2026-01-02T00:00:00+00:00")
    assert len(places(got)) == 200
    assert places(read(path, tmp_path)) == places(got)


def test_other_shapes_of_rows_come_in_as_their_formats(tmp_path):
    pairs = table(tmp_path / "a.parquet", [{"chosen": turns("Who?", "Brigo."), "rejected": turns("Who?", "Nobody.")}])
    kto = table(tmp_path / "b.parquet", [{"prompt": "Who?", "completion": "Nobody.", "label": False}])
    (pair,), (labelled,) = whole(read(pairs, tmp_path)), whole(read(kto, tmp_path))
    assert pair.rejected == (Rejected(at=1, messages=(Message(role="assistant", content="Nobody."),)),)
    assert labelled.feedback == Feedback(thumbs=-1)


def test_a_broken_row_is_set_aside_and_the_next_one_comes_in(tmp_path):
    path = table(tmp_path / "a.parquet", [{"messages": turns("Hi", "Yo")}, {"messages": None}])
    good, broken = read(path, tmp_path)
    assert isinstance(good, Interaction)
    assert isinstance(broken, Quarantined)
    assert broken.reason == "a.parquet, row 2: 'messages' is no list but missing"


def test_parquet_without_pyarrow_names_the_extra(tmp_path):
    def refuse(name: str) -> object:
        raise ModuleNotFoundError(name)

    with pytest.raises(UsageError, match="takes pyarrow") as refused:
        list(read_rows(tmp_path / "a.parquet", refuse))
    assert "selftune[train]" in str(refused.value.next_step)


def test_parquet_that_is_none_is_refused(tmp_path):
    pytest.importorskip("pyarrow")
    path = tmp_path / "a.parquet"
    path.write_bytes(b"PAR1 and nothing that follows")
    with pytest.raises(UsageError, match=r"a\.parquet can't be read as Parquet"):
        detect_format(path)
