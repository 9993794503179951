from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from kept_records import mirror_of, tamper
from sqlalchemy import insert, select

from selftune.records import Consent, Interaction, Message, Quarantined, Thread, Trigger, encode_record
from selftune.store import Store
from selftune.store.consent import TIGHTENED
from selftune.store.dialect import writing
from selftune.store.places import source_key
from selftune.store.tables import RECORDS, SOURCES

TURNS = tuple(Message(role=role, content=f"{role} {number}") for number in range(3) for role in ("user", "assistant"))
KEEP = Consent(train=False)
TRAIN = Consent()
SEND = Consent(send=True)
NONE = Consent(keep=False, train=False, send=False)
LEVELS = [NONE, KEEP, TRAIN, SEND]


def said(consent: Consent = TRAIN, *, turns: int = 2, text: int = 0, thread: Thread | None = None, **facts):
    """An entry; `text` is what its line holds, as a number."""
    settings = {"conversation": f"openai:a.jsonl:{text:064x}:0" if thread is None else "openai:a.jsonl:c"} | facts
    return Interaction(
        salt="salt",
        task_id="t",
        trigger=Trigger.IMPORT,
        messages=TURNS[:turns],
        source="openai:a.jsonl",
        position=f"{text:064x}:0",
        consent=consent,
        thread=thread,
        **settings,
    )


def save(store, *records) -> list[str]:
    return store.save(records, event="captured")


def newest(store) -> list[Interaction]:
    superseded = store.superseded()
    return [record for _, record in store.each(Interaction) if record.id not in superseded]


def test_the_same_entry_under_a_stricter_consent_is_a_later_version_that_may_be_used_for_less(store, project):
    (first,) = save(store, said(SEND))
    assert save(store, said(KEEP)) == [first]
    (only,) = newest(store)
    assert (only.supersedes, only.consent) == (first, KEEP)
    assert only.messages == TURNS[:2]
    assert TIGHTENED in only.flags
    assert store.record(first, Interaction).consent == SEND  # what was captured is never altered
    assert [line["event"] for line in mirror_of(project)] == ["captured", "consent tightened"]
    assert (store.count_tightened(), store.count_tightened(since=store.last_entry())) == (1, 0)


def test_a_looser_consent_changes_nothing_however_the_entry_comes_back(store):
    (first,) = save(store, said(KEEP, thread=Thread.WHOLE))
    save(store, said(SEND, thread=Thread.WHOLE))
    save(store, said(SEND, thread=Thread.WHOLE, text=9))
    assert [one.id for one in newest(store)] == [first]
    save(store, said(SEND, thread=Thread.WHOLE, text=10, turns=4))
    (only,) = newest(store)
    assert (len(only.messages), only.consent) == (4, KEEP)


def test_consents_that_differ_leave_what_both_allow(store):
    save(store, said(Consent(train=False, send=True)), said(Consent(train=True, send=False)))
    assert newest(store)[0].consent == Consent(train=False, send=False)


@pytest.mark.parametrize("thread", [None, *Thread])
def test_a_mark_that_was_written_into_the_line_is_found_by_the_words(store, thread):
    """The line's text changed with the mark, and so did its place."""
    save(store, said(TRAIN, thread=thread), said(TRAIN, thread=thread, turns=1, text=1, conversation="other"))
    save(store, said(KEEP, thread=thread, text=7))
    assert {(len(one.messages), one.consent.train) for one in newest(store)} == {(2, False), (1, True)}
    assert len(newest(store)) == 2


def test_the_same_words_by_somebody_else_stay_as_they_are(store):
    save(store, said(TRAIN, author="person-a"), said(KEEP, author="person-b", text=1))
    assert {(one.author, one.consent.train) for one in newest(store)} == {("person-a", True), ("person-b", False)}


def test_the_same_words_once_more_never_come_in_wider_than_before(store):
    save(store, said(KEEP), said(SEND, text=1))
    assert [one.consent for one in newest(store)] == [KEEP, KEEP]


def test_lines_that_hold_the_same_words_are_all_found_by_them(store):
    save(store, *(said(text=number, turns=2) for number in range(3)), said(text=3, turns=4))
    save(store, said(KEEP, text=7))
    assert sorted((len(one.messages), one.consent.train) for one in newest(store)) == [(2, False)] * 3 + [(4, True)]


def test_what_was_tightened_stays_so_for_what_is_said_later(store):
    save(store, said(thread=Thread.EXCHANGE), said(KEEP, thread=Thread.EXCHANGE))
    save(store, said(SEND, thread=Thread.EXCHANGE, turns=4, text=4))
    (only,) = newest(store)
    assert (len(only.messages), only.consent) == (4, KEEP)


def test_an_older_export_tightens_the_newest_version_and_takes_none_of_its_turns(store):
    save(store, said(thread=Thread.WHOLE), said(thread=Thread.WHOLE, turns=4, text=4))
    save(store, said(KEEP, thread=Thread.WHOLE))
    (only,) = newest(store)
    assert (len(only.messages), only.consent) == (4, KEEP)


@pytest.mark.parametrize("thread", [None, Thread.WHOLE])
@pytest.mark.parametrize("text", [0, 7])
def test_what_may_not_be_kept_any_more_stands_in_its_place_without_words(store, thread, text):
    (first,) = save(store, said(SEND, thread=thread))
    save(store, said(NONE, thread=thread, text=text))
    (only,) = newest(store)
    assert (only.supersedes, only.consent, only.messages) == (first, NONE, ())
    assert "user 0" not in encode_record(only)
    # And a longer state does not come in by the back door.
    if thread is not None:
        save(store, said(SEND, thread=thread, turns=4, text=4))
        assert [one.id for one in newest(store)] == [only.id]


def test_what_may_not_be_kept_and_is_not_there_leaves_one_line_without_words(store):
    (name,) = save(store, said(NONE))
    assert save(store, said(NONE)) == [name]
    assert store.count(Interaction) == 0
    ((_, aside),) = store.each(Quarantined)
    assert (aside.raw, aside.reason, aside.consent) == ("", "not kept: its author did not agree", NONE)


@pytest.mark.parametrize("thread", [None, Thread.WHOLE])
def test_who_once_said_no_is_not_brought_in_by_a_file_that_does_not_say_so(store, thread):
    save(store, said(NONE, thread=thread))
    save(store, said(TRAIN, thread=thread, text=7))
    assert store.count(Interaction) == 0


@pytest.mark.parametrize("source", ["resampled", "corrected"])
def test_answers_made_out_of_words_fall_when_the_words_may_no_longer_be_learnt_from(store, source):
    (name,) = save(store, said(SEND))
    conversation = store.record(name, Interaction).conversation
    (made,) = save(store, replace(said(SEND, conversation=conversation), source=source, position="1"))
    (apart,) = save(store, replace(said(SEND, conversation="other"), source=source, position="2"))
    save(store, said(TRAIN))
    assert made in {one.id for one in newest(store)}
    save(store, said(KEEP))
    assert {one.id for one in newest(store)} & {made, apart} == {apart}


def test_no_digest_of_anybody_s_words_is_kept(store, project):
    save(store, said(text=5), replace(said(text=6), conversation="c", task_id=f"{6:064x}"[:16]))
    for _, one in store.each(Interaction):
        assert one.position.startswith("keyed-")
        assert f"{5:064x}" not in encode_record(one)
        assert one.task_id != f"{6:064x}"[:16]
    other = project.parent / "other"
    other.mkdir()
    with Store.open(other) as second:
        save(second, said(text=5))
        theirs = [one.position for _, one in second.each(Interaction)]
    assert theirs[0] not in [one.position for _, one in store.each(Interaction)]


def as_before(store, project) -> None:
    """The store as an older selftune left it: plain digests, and keys made of them only."""
    tamper(project, "DELETE FROM sources")
    with writing(store._engine) as connection:
        key = source_key(store._import_key.secret(connection), "interaction", "content", "openai", said().position)
        name = connection.execute(select(RECORDS.c.id)).scalar_one()
        connection.execute(insert(SOURCES).values(key=key, record_id=name))


def test_what_an_older_selftune_imported_is_known_and_can_be_tightened(store, project):
    (first,) = save(store, said())
    as_before(store, project)
    assert save(store, said()) == [first]
    assert store.count(Interaction) == 1
    # Met again, it has its newer names: the words alone now find it.
    save(store, said(KEEP, text=7))
    (only,) = newest(store)
    assert (only.supersedes, only.consent) == (first, KEEP)


def line(consent: Consent, text: int) -> Interaction:
    """A line's text decides what was said in it and where; several lines say the same."""
    return said(consent, turns=1 + text // 4 % 3, text=text, thread=[None, *Thread][text % 4])


ENTRIES = st.builds(line, st.sampled_from(LEVELS), st.integers(0, 23))


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@example(entries=[line(NONE, 8), line(KEEP, 1), line(KEEP, 9)])
@given(entries=st.lists(ENTRIES, max_size=9))
def test_nothing_is_ever_used_for_more_than_the_least_that_was_said_of_it(tmp_path_factory, entries):
    least: dict[str, Consent] = {}
    with Store.open(tmp_path_factory.mktemp("project")) as store:
        for entry in entries:
            least[entry.position] = entry.consent.stricter(least.get(entry.position, SEND))
            told, before = [met.adds for met in store.preview([entry])], store.last_sequence()
            save(store, entry)
            assert told == [store.last_sequence() > before]
        size = store.last_sequence()
        for entry in entries:
            (name,) = save(store, entry)
            while (later := store.later_version(name)) is not None:
                name = later
            if name.startswith("interaction:"):
                used = store.record(name, Interaction)
                assert used.consent == used.consent.stricter(least[entry.position])
                assert used.consent.keep or not used.messages
        assert store.last_sequence() == size
        chains = [one.supersedes for _, one in store.each(Interaction) if one.supersedes]
        assert len(chains) == len(set(chains)) == len(store.superseded())
