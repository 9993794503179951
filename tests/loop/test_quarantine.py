"""What was set aside is listed with its reason, and comes in once it can be read; nothing is lost on the way."""

from __future__ import annotations

import json

import pytest

from selftune.errors import SelftuneError, UnknownNameError
from selftune.interactions.privacy.consent import ConsentLevel
from selftune.loop.incoming.intake import import_files
from selftune.loop.incoming.quarantine import EVENT, list_aside, retry_aside
from selftune.records import Consent, Interaction, Quarantined

GOOD = {"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Yo"}]}


def imported(project, path, *lines: str, format_name: str = "auto"):
    path.write_text("".join(f"{line}\n" for line in lines))
    return import_files(project, [path], format_name=format_name)


def log(path, *entries: dict):
    path.write_text("".join(json.dumps(entry) + "\n" for entry in entries))
    return path


def set_aside(project, raw: str, position: str = f"{7:064x}:0", source: str = "openai:log.jsonl") -> Quarantined:
    """An entry that an older program could not read."""
    record = Quarantined(salt="00", source=source, position=position, reason="log.jsonl, line 3: unknown role", raw=raw)
    (name,) = project.store.save([record], event="captured")
    return project.store.record(name, Quarantined)


def test_the_list_names_file_place_format_and_reason(project, tmp_path):
    imported(project, tmp_path / "log.jsonl", json.dumps(GOOD), '{"messages": []}', "{")
    one, other = list_aside(project)
    assert (one.file, one.place, one.format, one.reason) == ("log.jsonl", "line 2", "openai", "it holds no message")
    assert (other.place, other.reason[:8]) == ("line 3", "not JSON")


def test_what_can_be_read_by_now_goes_in_leaves_the_list_and_is_in_the_ledger(project):
    record = set_aside(project, json.dumps(GOOD))
    retried = retry_aside(project)
    assert (retried.brought_in, retried.left) == (1, ())
    assert list_aside(project) == ()
    ((_, got),) = project.store.each(Interaction)
    assert got.answer == "Yo"
    assert got.flags == ("from_quarantine",)
    assert (got.source, got.position) == (record.source, record.position)
    entry = list(project.store.history())[-1]
    assert (entry.event, entry.record_id, dict(entry.detail)) == (EVENT, got.id, {"quarantined": record.id})
    assert project.store.count(Quarantined) == 1  # the record of it stays
    assert retry_aside(project).brought_in == 0
    assert project.store.count(Interaction) == 1


def test_what_still_can_not_be_read_stays_with_the_reason_of_today(project):
    set_aside(project, '{"messages": 7}')
    retried = retry_aside(project)
    assert retried.brought_in == 0
    (left,) = retried.left
    assert "'messages' is no list but a int" in left.reason
    assert left.place == "line 3"
    assert len(list_aside(project)) == 1
    assert project.store.count(Interaction) == 0


def test_a_file_that_was_imported_as_the_wrong_format_can_be_read_as_the_right_one(project, tmp_path):
    imported(project, tmp_path / "log.jsonl", json.dumps(GOOD), json.dumps(GOOD), format_name="sharegpt")
    assert len(list_aside(project)) == 2
    retried = retry_aside(project, format_name="openai")
    assert (retried.brought_in, retried.left, list_aside(project)) == (2, (), ())
    assert {one.source for _, one in project.store.each(Interaction)} == {"openai:log.jsonl"}
    # And the file itself is known then.
    (again,) = import_files(project, [tmp_path / "log.jsonl"])
    assert (again.added, again.known, again.broken) == (0, 2, 0)


def test_an_entry_that_came_in_by_another_import_leaves_the_list(project, tmp_path):
    imported(project, tmp_path / "log.jsonl", json.dumps(GOOD))
    ((_, got),) = project.store.each(Interaction)
    set_aside(project, json.dumps(GOOD), position=got.position)
    assert list_aside(project) == ()


def test_what_was_redacted_stays_redacted(project, tmp_path):
    secret = "anna@example.org"
    imported(project, tmp_path / "log.jsonl", json.dumps({"prompt": f"Write to {secret}", "transcript": []}))
    (aside,) = list_aside(project)
    assert aside.format == "a4ps"
    record = project.store.record(aside.id, Quarantined)
    assert secret not in record.raw
    assert "[email-1]" in record.raw


def test_one_line_of_a_chat_is_never_taken_for_the_chat(project):
    set_aside(project, json.dumps({"mes": "Hi", "is_user": True}), source="sillytavern:chat.jsonl")
    (left,) = retry_aside(project).left
    assert "means nothing without the others" in left.reason


def test_an_entry_of_a_database_takes_the_database(project):
    set_aside(project, json.dumps({"id": "c", "responses": []}), source="llm:logs.db")
    (left,) = retry_aside(project).left
    assert "what was kept" in left.reason
    assert project.store.count(Interaction) == 0


def test_a_format_that_there_is_not_is_refused_with_the_nearest(project):
    set_aside(project, json.dumps(GOOD))
    with pytest.raises(UnknownNameError, match="opennai"):
        retry_aside(project, format_name="opennai")


def test_a_retry_that_was_cut_off_goes_on_and_adds_no_second_copy(project, monkeypatch):
    for number in range(3):
        set_aside(project, json.dumps(GOOD | {"id": number}), position=f"{number:064x}:0")
    monkeypatch.setenv("SELFTUNE_FAILPOINTS", "retried-entry=raise")
    with pytest.raises(SelftuneError, match="failpoint"):
        retry_aside(project)
    monkeypatch.delenv("SELFTUNE_FAILPOINTS")
    assert len(list_aside(project)) == 2
    assert retry_aside(project).brought_in == 2
    assert project.store.count(Interaction) == 3


def test_a_retry_is_no_freer_than_the_import_and_only_an_open_word_changes_that(project, tmp_path):
    path = log(tmp_path / "log.jsonl", GOOD, GOOD | {"id": 2})
    import_files(project, [path], format_name="sharegpt", consent=ConsentLevel.KEEP)
    retry_aside(project, format_name="openai")
    assert {one.consent.train for _, one in project.store.each(Interaction)} == {False}


def test_words_may_come_in_under_a_consent_that_was_given_since(project, tmp_path):
    path = log(tmp_path / "log.jsonl", GOOD)
    import_files(project, [path], format_name="sharegpt", consent=ConsentLevel.KEEP)
    retry_aside(project, format_name="openai", consent=ConsentLevel.SEND)
    assert [one.consent for _, one in project.store.each(Interaction)] == [Consent(keep=True, train=True, send=True)]
