"""Records kept, found, walked; each with its ledger entry; damage found when it is read."""

from __future__ import annotations

from itertools import islice

import pytest
from kept_records import entries_that_verify, interaction, judgement, mirror_of, quarantined, rubric, table, tamper

from selftune.errors import IntegrityError, MissingFileError, UnknownNameError, UsageError
from selftune.records import Dataset, DatasetKind, Interaction, Quarantined, Rubric, Statement, StatementKind
from selftune.store import Store
from selftune.store.import_key import load_import_key
from selftune.testing import FakeClock


def test_what_was_saved_reads_back_equal(store):
    records = [interaction(1), quarantined(2), rubric("tone")]
    ids = store.save(records, event="captured")
    assert ids == [record.id for record in records]
    assert [store.any_record(name) for name in ids] == records
    assert store.record(ids[0], Interaction) == records[0]


def test_records_whose_fields_are_called_kind_keep_their_own(store):
    dataset = Dataset(
        kind=DatasetKind.SFT, train=(), holdout=(), rejects=(), mixture=(), watermark=3, config_digest="d", card="c"
    )
    concern = Statement(
        salt="s",
        author="a",
        author_is_model=False,
        subject=dataset.id,
        kind=StatementKind.CONCERN,
        text="too small",
        said_at="2026-01-01",
    )
    store.save([dataset, concern], event="curated")
    assert store.last(Dataset) == dataset
    assert store.last(Statement) == concern


def test_each_record_has_a_ledger_entry_of_its_event_and_detail(store, project):
    first, second = store.save([rubric("a"), rubric("b")], event="imported", detail={"file": "r.toml"})
    entries = mirror_of(project)
    assert [(e["seq"], e["event"], e["kind"], e["record_id"]) for e in entries] == [
        (1, "imported", "rubric", first),
        (2, "imported", "rubric", second),
    ]
    assert entries[0]["detail"] == {"file": "r.toml"}
    assert entries_that_verify(project) == 2


def test_saving_twice_adds_nothing_to_store_or_ledger(store, project):
    ids = store.save([rubric("a"), rubric("a")], event="imported")
    assert ids[0] == ids[1]
    assert store.save([rubric("a")], event="imported") == ids[:1]
    assert store.count(Rubric) == 1
    assert entries_that_verify(project) == 1


def test_a_second_import_of_a_source_adds_nothing_whatever_its_salt(store, project):
    first = store.save([interaction(n, salt="first") for n in range(3)], event="captured")
    again = store.save([interaction(n, salt="again") for n in range(4)], event="captured")
    assert again[:3] == first
    assert store.count(Interaction) == 4
    assert len(mirror_of(project)) == 4


def test_one_batch_that_holds_a_place_twice_keeps_the_first(store):
    one, other = interaction(1, salt="one"), interaction(1, salt="other")
    assert store.save([one, other], event="captured") == [one.id, one.id]


def test_a_line_that_was_quarantined_can_be_read_later(store):
    store.save([quarantined(1)], event="captured")
    store.save([interaction(1)], event="captured")
    assert (store.count(Quarantined), store.count(Interaction)) == (1, 1)


def test_a_forgotten_person_is_not_imported_again(store, project):
    store.save([interaction(1)], event="captured")
    tamper(project, "UPDATE sources SET record_id = NULL")
    assert store.save([interaction(1, salt="again"), interaction(2)], event="captured") == [interaction(2).id]


def test_places_are_kept_only_as_keyed_hashes_that_differ_between_projects(store, project, tmp_path):
    (tmp_path / "other").mkdir()
    store.save([interaction(1, source="diary-of-anna.jsonl")], event="captured")
    with Store.open(tmp_path / "other") as other:
        other.save([interaction(1, source="diary-of-anna.jsonl")], event="captured")
    ((mine, _),), ((theirs, _),) = (table(folder, "sources") for folder in (project, tmp_path / "other"))
    assert mine != theirs
    assert {len(mine), len(theirs)} == {64}
    assert "anna" not in mine + theirs


def test_a_remembered_key_is_seen_and_another_is_not(store, project):
    store.save([rubric("a"), rubric("b")], event="imported")
    assert store.seen("file:1") is None
    store.remember("file:1", rubric("a").id)
    assert store.seen("file:1") == rubric("a").id
    store.remember("file:1", rubric("b").id)
    assert store.seen("file:1") == rubric("b").id
    with Store.open(project) as later:
        assert later.seen("file:1") == rubric("b").id
        assert later.seen("file:2") is None


def test_a_lost_import_key_stops_a_second_import(store, project):
    store.save([interaction(1)], event="captured")
    (project / ".selftune" / "keys" / "import.key").unlink()
    with Store.open(project) as later, pytest.raises(UsageError, match="would be imported again"):
        later.save([interaction(1)], event="captured")


def test_of_two_processes_that_make_the_import_key_one_wins(tmp_path):
    made = load_import_key(tmp_path / "import.key", used=False)
    assert load_import_key(tmp_path / "import.key", used=False) == made
    # The other process made it between our look and our write: a dangling link is not there and can't be made either.
    (tmp_path / "late.key").symlink_to(tmp_path / "nowhere")
    with pytest.raises(MissingFileError):
        load_import_key(tmp_path / "late.key", used=False)


def test_records_are_walked_in_the_order_they_came_behind_the_watermark(store):
    store.save([interaction(1), rubric("between"), interaction(2), interaction(3)], event="captured")
    walked = list(store.each(Interaction))
    assert [sequence for sequence, _ in walked] == [1, 3, 4]
    assert [record for _, record in walked] == [interaction(n) for n in (1, 2, 3)]
    assert [sequence for sequence, _ in store.each(Interaction, since=3)] == [4]
    assert list(store.each(Interaction, since=4)) == []
    assert (store.last_sequence(), store.last_sequence(Rubric), store.last_sequence(Quarantined)) == (4, 2, 0)


@pytest.mark.sqlite_only
def test_a_walk_over_many_pages_ends_though_records_are_added_meanwhile(store):
    store.save((interaction(n) for n in range(1100)), event="captured")
    walked = 0
    for sequence, _ in store.each(Interaction):
        if sequence % 400 == 0:
            store.save([interaction(10_000 + sequence)], event="captured")
        walked += 1
    assert walked == 1100
    assert store.count(Interaction) == 1102


@pytest.mark.sqlite_only
def test_a_large_save_is_kept_in_batches_as_it_comes(store):
    def lines():
        for number in range(700):
            if number == 600:
                assert store.count(Interaction) == 500
                raise RuntimeError("the source broke")
            yield interaction(number)

    with pytest.raises(RuntimeError, match="the source broke"):
        store.save(lines(), event="captured")
    assert store.count(Interaction) == 500


def test_the_last_of_a_kind_and_when_it_was_saved(project):
    clock = FakeClock()
    with Store.open(project, clock=clock.now) as store:
        assert store.last(Rubric) is None
        clock.advance(60)
        store.save([rubric("a")], event="e")
        clock.advance(60)
        (newest,) = store.save([rubric("b")], event="e")
        assert store.last(Rubric) == rubric("b")
        assert store.saved_at(newest) == "2026-01-01T00:02:00+00:00"
        with pytest.raises(IntegrityError, match="no record run:1"):
            store.saved_at("run:1")


def test_a_unique_beginning_finds_a_record(store):
    (name,) = store.save([rubric("a")], event="e")
    assert store.find(name[:12]) == name
    assert store.find(name) == name
    assert store.record(name[:12], Rubric) == rubric("a")


def test_a_beginning_of_several_records_offers_them(store):
    ids = store.save([rubric(str(n)) for n in range(30)], event="e")
    with pytest.raises(UnknownNameError) as found:
        store.find("rubric:")
    assert sum(name in found.value.next_step for name in ids) > 1


def test_a_beginning_of_none_offers_the_newest_of_its_kind(store):
    (name,) = store.save([rubric("a")], event="e")
    with pytest.raises(UnknownNameError, match=name):
        store.find("rubric:zz")


@pytest.mark.parametrize("beginning", ["", "nosuch"])
def test_a_beginning_of_no_kind_that_is_kept_offers_the_kinds(store, beginning):
    store.save([rubric("a")], event="e")
    with pytest.raises(UnknownNameError) as found:
        store.find(beginning)
    assert found.value.next_step == "Choose from: rubric:."


def test_where_nothing_is_kept_nothing_is_offered(store):
    with pytest.raises(UnknownNameError) as found:
        store.find("run:1")
    assert found.value.next_step == "There is none yet."


def test_a_missing_record_is_an_integrity_error(store):
    with pytest.raises(IntegrityError, match="no record"):
        store.record("rubric:" + "0" * 64, Rubric)


def test_a_record_of_another_kind_is_refused(store):
    (name,) = store.save([rubric("a")], event="e")
    with pytest.raises(IntegrityError, match="is a rubric, not a interaction"):
        store.record(name, Interaction)


@pytest.mark.parametrize(
    ("old", "new"), [("question 1", "question 2"), ('"position"', '"positiom"'), ('{"', "{"), ('"v":1', '"v":2')]
)
def test_a_damaged_row_is_found_when_it_is_read(store, project, old: str, new: str):
    (name,) = store.save([interaction(1)], event="captured")
    tamper(project, "UPDATE records SET body = replace(body, ?, ?)", old, new)
    with pytest.raises(IntegrityError):
        store.record(name, Interaction)
    with pytest.raises(IntegrityError):
        list(store.each(Interaction))


def test_every_damaged_record_is_found_by_reading_all_of_them(store, project):
    ids = store.save([interaction(1), rubric("a"), interaction(2), interaction(3)], event="captured")
    assert list(store.damaged()) == []
    tamper(project, "UPDATE records SET body = replace(body, 'question 2', 'question 1')")
    tamper(project, "UPDATE records SET body = '{' WHERE kind = 'rubric'")
    tamper(project, "UPDATE records SET body = NULL WHERE id = ?", ids[3])
    assert list(store.damaged()) == [ids[1], ids[2]]


def test_an_erased_record_is_said_to_be_erased_and_not_damaged(store, project):
    (name,) = store.save([interaction(1)], event="captured")
    tamper(project, "UPDATE records SET body = NULL")
    with pytest.raises(IntegrityError, match="were erased"):
        store.record(name, Interaction)
    assert entries_that_verify(project) == 1


def test_a_record_that_would_not_read_back_is_not_kept(store):
    with pytest.raises(TypeError, match="would not read back"):
        store.save(
            [rubric("good"), Rubric(name="bad", version="1", description="", criteria=(), golden="4.5")], event="e"
        )
    assert store.count(Rubric) == 0


def test_numbers_given_as_ints_for_float_fields_are_the_same_record(store):
    whole = Rubric(name="a", version="1", description="", criteria=(), golden=4)
    exact = Rubric(name="a", version="1", description="", criteria=(), golden=4.0)
    assert store.save([whole, exact], event="e") == [exact.id, exact.id]


@pytest.mark.sqlite_only  # a server refuses to take it out: its ledger entry refers to it
def test_a_record_that_was_taken_out_is_told_from_one_that_never_was(store, project):
    ids = store.save([rubric("kept"), rubric("taken")], event="imported")
    assert store.lost(Rubric) == []
    tamper(project, "DELETE FROM records WHERE sequence = 2")
    assert store.lost(Rubric) == [ids[1]]
    assert store.lost(Interaction) == []


def test_a_note_is_in_the_ledger_without_a_record(store, project):
    assert store.note("halted", {"reason": "nothing new"}) == 1
    (entry,) = mirror_of(project)
    assert (entry["event"], entry["detail"], entry["record_id"]) == ("halted", {"reason": "nothing new"}, None)


def test_history_tells_what_the_mirror_tells(store, project):
    store.save((judgement(n) for n in range(600)), event="judged")
    told = list(store.history())
    assert [entry.hash for entry in told] == [entry["hash"] for entry in mirror_of(project)]
    assert [entry.seq for entry in store.history(since=598)] == [599, 600]
    assert list(islice(store.history(since=600), 1)) == []


def test_a_project_folder_that_is_not_there_is_named(tmp_path):
    with pytest.raises(MissingFileError, match="selftune init"):
        Store.open(tmp_path / "nowhere")


@pytest.mark.sqlite_only
def test_the_store_says_which_sqlite_it_uses(store):
    assert store.sqlite_note.startswith("SQLite 3.")
