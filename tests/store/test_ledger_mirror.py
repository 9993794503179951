"""Store and mirror: one transaction, the tail rebuilt, contradictions refused."""

from __future__ import annotations

import json

import pytest
from kept_records import entries_that_verify, mirror_of, rubric, tamper

from selftune.errors import BudgetError, IntegrityError, MissingFileError
from selftune.ledger import verify
from selftune.records import Rubric
from selftune.store import Store


def first_file(project):
    return project / ".selftune" / "ledger" / "00000001.jsonl"


def fill(project, count: int = 3) -> bytes:
    with Store.open(project) as store:
        store.save([rubric(str(number)) for number in range(count)], event="imported")
    return first_file(project).read_bytes()


@pytest.mark.parametrize("keep", [0, 1, 400, -1, -300])
def test_a_torn_or_missing_tail_is_rebuilt_at_the_next_start(project, keep: int):
    whole = fill(project)
    first_file(project).write_bytes(whole[:keep])
    Store.open(project).close()
    assert first_file(project).read_bytes() == whole


def test_a_mirror_that_is_gone_is_rebuilt(project):
    whole = fill(project)
    first_file(project).unlink()
    Store.open(project).close()
    assert first_file(project).read_bytes() == whole


def test_a_tail_torn_while_the_store_is_open_is_mended_by_the_next_write(store, project):
    store.note("one")
    with first_file(project).open("ab") as stream:
        stream.write(b'{"at":"20')
    store.note("two")
    assert [entry["event"] for entry in mirror_of(project)] == ["one", "two"]
    assert entries_that_verify(project) == 2


def test_a_mirror_that_is_ahead_of_the_store_is_refused(project):
    fill(project)
    tamper(project, "DELETE FROM ledger WHERE seq = 3")
    with pytest.raises(IntegrityError, match="ledger's mirror ends with"):
        Store.open(project)


def test_a_mirror_with_another_history_is_refused(project, tmp_path):
    fill(project)
    (tmp_path / "other").mkdir()
    with Store.open(tmp_path / "other") as other:
        other.note("another history")
    first_file(project).write_bytes(first_file(tmp_path / "other").read_bytes())
    with pytest.raises(IntegrityError, match="ledger's mirror ends with"):
        Store.open(project)


def test_an_altered_last_line_is_refused_and_moving_the_file_away_mends_it(project):
    whole = fill(project)
    first_file(project).write_bytes(whole.replace(b'"seq":3', b'"seq":4'))
    with pytest.raises(IntegrityError, match="was altered"):
        Store.open(project)
    first_file(project).rename(project / "evidence")
    Store.open(project).close()
    assert first_file(project).read_bytes() == whole


def test_a_ledger_row_that_was_altered_is_never_mirrored(project):
    whole = fill(project)
    tamper(project, "UPDATE ledger SET event = 'forged' WHERE seq = 3")
    first_file(project).write_bytes(whole[: whole.rindex(b"\n", 0, -1) + 1])
    with pytest.raises(IntegrityError, match=r"entry 3 in store\.db was altered"):
        Store.open(project)


def test_a_flipped_byte_in_the_middle_is_located_by_verify(project, capsys):
    whole = fill(project, 12)
    lines = whole.splitlines(keepends=True)
    lines[6] = lines[6].replace(b"imported", b"importee")
    first_file(project).write_bytes(b"".join(lines))
    assert verify.main([str(project)]) == 8
    assert "00000001.jsonl, line 7, entry 7" in capsys.readouterr().err


def test_a_failed_save_leaves_neither_record_nor_entry(store, project):
    bad = Rubric(name="bad", version="1", description="", criteria=(), golden="no number")
    with pytest.raises(IntegrityError):
        store.save([rubric("good"), bad], event="imported")
    assert store.count(Rubric) == 0
    assert mirror_of(project) == []


def test_the_order_of_the_ledger_is_not_the_clock_s(project):
    times = iter(["2026-03-29T03:00:00+00:00", "2026-03-28T03:00:00+00:00", "2020-01-01T00:00:00+00:00"])
    with Store.open(project, clock=lambda: next(times)) as store:
        for event in ("first", "second", "third"):
            store.note(event)
    with Store.open(project) as store:
        assert [entry.event for entry in store.history()] == ["first", "second", "third"]
    assert entries_that_verify(project) == 3


def test_a_checkpoint_signs_what_the_mirror_holds(store, project):
    store.save([rubric("a"), rubric("b")], event="imported")
    checkpoint = store.checkpoint()
    verdict = verify.verify(project / ".selftune" / "ledger")
    assert (checkpoint.number, checkpoint.size, checkpoint.root) == (1, 2, verdict.root)
    assert verdict.covered == 2
    store.note("more")
    assert store.checkpoint().number == 2
    lines = (project / ".selftune/ledger/checkpoints.jsonl").read_text().splitlines()
    assert json.loads(lines[1])["size"] == 3


def test_a_checkpoint_needs_the_machine_key_that_init_makes(project):
    with Store.open(project) as store, pytest.raises(MissingFileError, match=r"machine\.key"):
        store.checkpoint()


def test_a_mirror_that_can_not_be_written_keeps_the_record_and_says_so(store, project):
    store.note("one")
    first_file(project).rename(project / "away")
    first_file(project).mkdir()
    with pytest.raises(BudgetError, match="The store has kept everything"):
        store.save([rubric("a")], event="imported")
    first_file(project).rmdir()
    with Store.open(project) as later:
        assert later.count(Rubric) == 1
    assert entries_that_verify(project) == 2
