"""A conversation that grew is a new version, a file that was renamed is known, and a dry run tells it beforehand."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from kept_records import mirror_of, quarantined, tamper

from selftune.records import Consent, Feedback, Interaction, Message, Quarantined, Rejected, Thread, Trigger
from selftune.store import Store
from selftune.store.places import retry_name

TURNS = tuple(Message(role=role, content=f"{role} {number}") for number in range(4) for role in ("user", "assistant"))


def chat(turns: int = 2, *, thread: Thread | None = Thread.WHOLE, file: str = "a.json", **facts) -> Interaction:
    """A conversation as it stood after so many messages."""
    settings = {
        "task_id": "t",
        "messages": TURNS[:turns],
        "position": f"{turns:064x}:0",
        "conversation": f"chatgpt:{file}:c",
    } | facts
    return Interaction(salt="salt", trigger=Trigger.IMPORT, source=f"chatgpt:{file}", thread=thread, **settings)


def newest(store) -> list[Interaction]:
    """What readers take."""
    superseded = store.superseded()
    return [record for _, record in store.each(Interaction) if record.id not in superseded]


def regenerated(*facts) -> tuple[Message, ...]:
    return (TURNS[0], Message(role="assistant", content="another answer"), *facts)


@pytest.mark.parametrize("thread", Thread)
def test_later_turns_make_a_new_version_and_the_earlier_one_stays_on_record(store, thread):
    (first,) = store.save([chat(2, thread=thread)], event="captured")
    (second,) = store.save([chat(4, thread=thread)], event="captured")
    assert store.record(second, Interaction).supersedes == first
    assert store.record(first, Interaction).messages == TURNS[:2]
    assert (store.later_version(first), store.later_version(second)) == (second, None)
    assert [one.id for one in newest(store)] == [second]


def test_each_version_supersedes_the_one_before_it_also_within_one_batch(store):
    ids = store.save([chat(2), chat(4), chat(6)], event="captured")
    assert [one.supersedes for _, one in store.each(Interaction)] == [None, ids[0], ids[1]]
    assert [one.id for one in newest(store)] == ids[2:]


def test_a_version_keeps_the_conversation_s_name_so_that_no_hold_out_tears_it_apart(store):
    store.save([chat(2, file="march.json")], event="captured")
    (second,) = store.save([chat(4, file="april.json")], event="captured")
    assert store.record(second, Interaction).conversation == "chatgpt:march.json:c"
    (third,) = store.save([chat(6, file="may.json")], event="captured")
    assert store.record(third, Interaction).supersedes == second


@pytest.mark.parametrize("thread", [Thread.WHOLE, Thread.EXCHANGE])
def test_an_older_export_that_comes_later_adds_nothing(store, thread):
    (kept,) = store.save([chat(4, thread=thread)], event="captured")
    assert store.save([chat(2, thread=thread)], event="captured") == [kept]
    assert store.count(Interaction) == 1


def test_an_entry_that_changed_only_around_its_words_adds_nothing(store):
    (kept,) = store.save([chat(2)], event="captured")
    renamed = chat(2, position=f"{99:064x}:0", task_id="a new title", flags=("x",))
    assert store.save([renamed], event="captured") == [kept]
    assert store.save([renamed], event="captured") == [kept]


@pytest.mark.parametrize(
    "change", [{"feedback": Feedback(thumbs=1)}, {"consent": Consent(train=False)}], ids=["a thumb", "consent"]
)
@pytest.mark.parametrize("thread", Thread)
def test_what_a_person_said_of_it_later_makes_a_new_version(store, thread, change):
    (first,) = store.save([chat(2, thread=thread)], event="captured")
    store.save([chat(2, thread=thread, position=f"{99:064x}:0", **change)], event="captured")
    (only,) = newest(store)
    assert only.supersedes == first


def test_a_chat_that_went_another_way_is_a_new_version_of_it(store):
    store.save([chat(2)], event="captured")
    store.save([chat(3, messages=regenerated())], event="captured")
    (only,) = newest(store)
    assert only.messages == regenerated()


def test_of_two_ways_of_a_chat_the_one_with_the_later_last_turn_holds(store):
    (kept,) = store.save([chat(2, last_turn_at="2026-01-02T00:00:00+00:00")], event="captured")
    older = chat(3, messages=regenerated(), last_turn_at="2026-01-01T00:00:00+00:00")
    assert store.save([older], event="captured") == [kept]


def test_exchanges_that_part_ways_are_both_kept(store):
    store.save([chat(4, thread=Thread.EXCHANGE)], event="captured")
    other = (*TURNS[:2], Message(role="user", content="no, otherwise"))
    store.save([chat(5, thread=Thread.EXCHANGE, messages=other)], event="captured")
    assert len(newest(store)) == 2


def test_the_same_answer_by_another_model_is_another_exchange(store):
    store.save([chat(2, thread=Thread.ROW, generated_by="one")], event="captured")
    store.save([chat(2, thread=Thread.ROW, generated_by="two", position=f"{9:064x}:0")], event="captured")
    assert len(newest(store)) == 2


@pytest.mark.parametrize(
    "comment", [{"feedback": Feedback(thumbs=1)}, {"rejected": (Rejected(at=1, messages=TURNS[1:2]),)}]
)
def test_an_exchange_that_a_person_commented_on_stays_in_use_beside_the_longer_one(store, comment):
    store.save([chat(2, thread=Thread.EXCHANGE, **comment)], event="captured")
    store.save([chat(4, thread=Thread.EXCHANGE)], event="captured")
    assert len(newest(store)) == 2


def test_a_row_that_stands_in_a_file_twice_is_kept_twice_as_ever(store):
    rows = [chat(2, thread=Thread.ROW, position=f"{2:064x}:{repeat}") for repeat in range(3)]
    store.save(rows, event="captured")
    assert len(newest(store)) == 3
    store.save(rows, event="captured")
    assert store.count(Interaction) == 3


def test_rows_that_share_an_id_across_files_have_nothing_to_do_with_each_other(store):
    store.save([chat(2, thread=Thread.ROW, file="a.json"), chat(4, thread=Thread.ROW, file="b.json")], event="captured")
    assert len(newest(store)) == 2


def test_what_names_no_conversation_is_never_taken_for_a_version(store):
    store.save([chat(2, thread=None), chat(4, thread=None)], event="captured")
    assert len(newest(store)) == 2


def test_a_renamed_file_is_known_by_its_content(store, project):
    first = [chat(2, thread=None), replace(quarantined(1), source="chatgpt:a.json", position=f"{7:064x}:0")]
    ids = store.save(first, event="captured")
    moved = [replace(one, source="chatgpt:moved.json", salt="other") for one in first]
    assert store.save(moved, event="captured") == ids
    assert (store.count(Interaction), store.count(Quarantined), len(mirror_of(project))) == (1, 1, 2)


def test_the_same_entry_read_as_another_format_is_another_record(store):
    store.save([chat(2, thread=None)], event="captured")
    store.save([replace(chat(2, thread=None), source="openai:a.json")], event="captured")
    assert store.count(Interaction) == 2


@pytest.mark.parametrize("erase", ["UPDATE sources SET record_id = NULL", "UPDATE records SET body = NULL"])
def test_a_later_state_does_not_bring_a_forgotten_person_back(store, project, erase):
    store.save([chat(2)], event="captured")
    tamper(project, erase)
    assert store.save([chat(4)], event="captured") == []
    assert store.last_sequence() == 1
    assert store.count(Interaction) == (0 if "body" in erase else 1)


def test_a_store_of_before_versions_is_brought_up_to_date_and_knows_its_imports(store, project):
    (first,) = store.save([chat(2, position="line 1")], event="captured")
    store.close()
    for table_of_later in ("versions", "judgements", "sittings", "interactions", "sessions"):
        tamper(project, f"DROP TABLE {table_of_later}")
    tamper(project, "CREATE TABLE named_values (name VARCHAR PRIMARY KEY, value TEXT NOT NULL)")
    tamper(project, "UPDATE alembic_version SET version_num = '0001'")
    with Store.open(project) as later:
        assert later.superseded() == frozenset()
        assert later.save([chat(2, position="line 1")], event="captured") == [first]
        (second,) = later.save([chat(4)], event="captured")
        assert later.superseded() == {first}
        assert later.record(second, Interaction).supersedes == first


def test_what_was_set_aside_waits_until_its_place_or_content_comes_in_or_a_retry_is_noted(store):
    aside = [replace(quarantined(1), source="chatgpt:a.json", position=f"{number:064x}:0") for number in range(600)]
    store.save(aside, event="captured")
    kept = list(store.waiting())
    assert [one.salt for one in kept] == [one.salt for one in aside]
    store.save([chat(2, thread=None), chat(3, thread=None, file="renamed.json")], event="captured")
    store.remember(retry_name(kept[599].id), kept[599].id)
    assert list(store.waiting()) == [one for number, one in enumerate(kept) if number not in {2, 3, 599}]


STATES = st.builds(
    chat,
    st.integers(1, 8),
    thread=st.sampled_from([None, *Thread]),
    file=st.sampled_from(["a.json", "b.json"]),
    feedback=st.sampled_from([None, Feedback(thumbs=1)]),
    last_turn_at=st.sampled_from([None, "2026-01-01T00:00:00+00:00", "2026-01-02T00:00:00+00:00"]),
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(states=st.lists(STATES, max_size=8), data=st.data())
def test_a_dry_run_tells_what_a_save_then_adds_and_a_second_save_adds_nothing(tmp_path_factory, states, data):
    states = [replace(one, position=f"{number:064x}:0") for number, one in enumerate(states)]
    cut = data.draw(st.integers(0, len(states)))
    folder = tmp_path_factory.mktemp("project")
    with Store.open(folder) as store:
        store.save(states[:cut], event="captured")
        told = sum(met.adds for met in store.preview(states[cut:]))
        before = store.count(Interaction)
        store.save(states[cut:], event="captured")
        assert store.count(Interaction) - before == told
        store.save(states, event="captured")
        assert store.count(Interaction) - before == told
        # No version is superseded twice, and each chain ends in one that readers take.
        chains = [one.supersedes for _, one in store.each(Interaction) if one.supersedes]
        assert len(chains) == len(set(chains)) == len(store.superseded())


def test_a_dry_run_writes_nothing_not_even_a_key(tmp_path):
    with Store.open(tmp_path) as store:
        assert [met.adds for met in store.preview([chat(2), chat(4), chat(2)])] == [True, True, False]
        assert store.last_sequence() == 0
    assert not (tmp_path / ".selftune" / "keys" / "import.key").exists()


def test_what_was_kept_is_found_again_by_its_place_and_in_its_newest_version(store):
    store.save([chat(2)], event="captured")
    (newer,) = store.save([chat(4)], event="captured")
    place, unknown = chat(2).position, f"{9:064x}:0"
    found = store.kept_at("chatgpt:a.json", [unknown, place])
    assert {position: kept.id for position, kept in found.items()} == {place: newer}
    assert store.save(found.values(), event="captured") == [newer]
    assert store.kept_at("chatgpt:b.jsonl", ["line 1"]) == {}
    assert store.kept_at("chatgpt:b.jsonl", []) == {}
