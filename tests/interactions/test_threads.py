"""What each format says about how later states of a conversation are recognised, and when its last turn was said."""

from __future__ import annotations

import pytest
from interaction_logs import document, read, write

from selftune.interactions.reading.times import as_utc, latest
from selftune.records import Interaction, Thread

TURNS = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Yo"}]


def only(items) -> Interaction:
    (item,) = items
    assert isinstance(item, Interaction)
    return item


@pytest.mark.parametrize(
    ("facts", "thread"),
    [
        ({}, None),
        ({"id": "row-1"}, Thread.ROW),
        ({"conversation_id": "c"}, Thread.EXCHANGE),
        ({"conversation_id": "c", "id": 1}, Thread.EXCHANGE),
    ],
)
def test_an_entry_of_messages_reaches_as_far_as_its_name(facts, thread, tmp_path):
    assert only(read(write(tmp_path / "log.jsonl", {"messages": TURNS} | facts), tmp_path)).thread is thread


def test_an_entry_may_say_when_its_last_turn_was_said_and_that_it_is_over(tmp_path):
    facts = {"conversation_id": "c", "last_turn_at": "2026-01-01T01:00:00+01:00", "closed": True}
    got = only(read(write(tmp_path / "log.jsonl", {"messages": TURNS} | facts), tmp_path))
    assert got.last_turn_at == "2026-01-01T00:00:00+00:00"
    assert got.closed


def chatgpt() -> dict:
    said = {"author": {"role": "user"}, "content": {"content_type": "text", "parts": ["Hi"]}}
    return {"conversation_id": "c", "update_time": 1767225600.5, "mapping": {"q": {"parent": None, "message": said}}}


def claude() -> dict:
    said = [{"uuid": "q", "sender": "human", "text": "Hi"}]
    return {"uuid": "u", "updated_at": "2026-01-01T00:00:00.123456Z", "chat_messages": said}


def lm_studio() -> dict:
    versions = [{"role": "user", "content": [{"type": "text", "text": "Hi"}]}]
    return {
        "createdAt": 1767225000123,
        "userLastMessagedAt": 1767225600000,
        "assistantLastMessagedAt": 1767225500000,
        "messages": [{"versions": versions, "currentlySelected": 0}],
    }


def open_webui() -> dict:
    history = {"messages": {"q": {"parentId": None, "role": "user", "content": "Hi"}}}
    return {"id": "i", "updated_at": 1767225600, "chat": {"history": history}}


def sillytavern() -> list[dict]:
    head = {"user_name": "Sam", "character_name": "Brigo", "chat_metadata": {"integrity": "i"}}
    said = {"mes": "Yo", "is_user": False, "name": "Brigo", "send_date": "2026-01-01T00:00:00.000Z"}
    return [head, said, said | {"is_user": True, "send_date": "yesterday"}]


@pytest.mark.parametrize(
    "export", [chatgpt, claude, lm_studio, open_webui, sillytavern], ids=lambda make: make.__name__
)
def test_a_chat_export_holds_whole_chats_and_says_when_they_were_last_spoken_in(export, tmp_path):
    got = only(read(document(tmp_path / "chat.json", export()), tmp_path))
    assert got.thread is Thread.WHOLE
    assert got.last_turn_at == "2026-01-01T00:00:00+00:00"
    assert not got.closed


@pytest.mark.parametrize(
    "value",
    [
        1767225600,
        1767225600.9,
        "1767225600",
        1767225600000,
        1767225600000000,
        1767225600000000000,
        "1767225600000000000",
        "2026-01-01",
        "2026-01-01 00:00:00",
        "2026-01-01T00:00:00Z",
        "2025-12-31T19:00:00.999-05:00",
    ],
)
def test_times_of_any_form_become_one(value):
    assert as_utc(value) == "2026-01-01T00:00:00+00:00"


@pytest.mark.parametrize("value", [None, "", "yesterday", "January 2, 2026 3:04pm", 0, -1, 1e300, [], {}, "9" * 400])
def test_what_is_no_time_is_none(value):
    assert as_utc(value) is None


def test_the_latest_is_taken_among_what_can_be_read():
    assert latest(None, "2026-01-01", "later", 1767225599) == "2026-01-01T00:00:00+00:00"
    assert latest("never") is None
