"""Steps: finished once, resumed by position, scratch that survives and goes."""

from __future__ import annotations

import pytest
from kept_records import entries_that_verify, interaction, judgement, mirror_of, rubric

from selftune.errors import UsageError
from selftune.records import Interaction, Judgement
from selftune.store import Store

KEY = "sha256:" + "ab" * 32


def one_second() -> float:
    return 1.0


def finish(store, key, stage, outputs, **how) -> list[str]:
    """Finish a step; returns the ids of all it gave."""
    store.finish_step(key, stage, outputs, **how)
    assert store.is_finished(key)
    ids = list(store.output_ids(key))
    assert store.count_outputs(key) == len(ids)
    return ids


def test_a_finished_step_is_found_with_its_outputs_in_order(store, project):
    assert store.finished_step(KEY) is None
    outputs = [rubric("b"), rubric("a")]
    ids = finish(store, KEY, "judge", outputs, elapsed=lambda: 2.5, many=True)
    step = store.finished_step(KEY)
    assert (step.stage, step.outputs, step.many, step.seconds) == ("judge", tuple(ids), True, 2.5)
    assert ids == [record.id for record in outputs]
    assert [entry["event"] for entry in mirror_of(project)] == ["judge", "judge", "step finished"]
    assert mirror_of(project)[2]["detail"] == {"outputs": "2", "seconds": "2.500", "stage": "judge", "step": KEY}


def test_a_step_that_gives_nothing_is_finished_too(store):
    assert finish(store, KEY, "capture", iter(()), elapsed=one_second, many=True) == []
    assert store.finished_step(KEY).outputs == ()


def test_a_record_that_was_there_before_is_an_output_all_the_same(store):
    (name,) = store.save([rubric("a")], event="imported")
    assert finish(store, KEY, "judge", [rubric("a"), rubric("a")], elapsed=one_second) == [name, name]
    assert store.finished_step(KEY).outputs == (name, name)


def test_a_finished_step_is_not_run_again(store):
    def never():
        raise AssertionError("a finished step was run again")
        yield

    ids = finish(store, KEY, "judge", [rubric("a")], elapsed=one_second)
    assert finish(store, KEY, "judge", never(), elapsed=one_second) == ids


def test_what_came_before_an_error_is_kept_and_not_doubled_by_the_next_try(store, project):
    def outputs(salt: str, *, until: int | None):
        for number in range(1250):
            if number == until:
                raise RuntimeError("the judge went away")
            yield judgement(number, salt=f"{salt}{number}")

    with pytest.raises(RuntimeError, match="went away"):
        store.finish_step(KEY, "judge", outputs("first", until=1100), elapsed=one_second, many=True)
    kept = tuple(store.output_ids(KEY))
    assert len(kept) == 1100
    assert store.finished_step(KEY) is None
    # Fresh salts, so fresh ids: only their place tells that they were kept before.
    ids = finish(store, KEY, "judge", outputs("again", until=None), elapsed=one_second, many=True)
    assert (len(ids), tuple(ids[:1100])) == (1250, kept)
    assert store.count(Judgement) == 1250
    assert store.finished_step(KEY).outputs == tuple(ids)
    assert entries_that_verify(project) == 1251


def test_a_step_that_breaks_before_its_first_output_leaves_nothing(store, project):
    def outputs():
        raise RuntimeError("at once")
        yield

    with pytest.raises(RuntimeError, match="at once"):
        store.finish_step(KEY, "judge", outputs(), elapsed=one_second, many=True)
    assert store.count_outputs(KEY) == 0
    assert mirror_of(project) == []


def test_batches_are_durable_while_the_stage_still_works(store, project):
    seen = []

    def outputs():
        for number in range(501):
            if number == 500:
                with Store.open(project) as other:
                    seen.append((other.count(Judgement), other.count_outputs(KEY), other.finished_step(KEY)))
            yield judgement(number)

    store.finish_step(KEY, "judge", outputs(), elapsed=one_second, many=True)
    assert seen == [(500, 500, None)]


def test_a_second_import_gives_the_ids_of_the_first(store):
    first = finish(store, KEY, "capture", [interaction(1, salt="a")], elapsed=one_second, many=True)
    other = "sha256:" + "cd" * 32
    grown = [interaction(1, salt="b"), interaction(2, salt="b")]
    second = finish(store, other, "capture", grown, elapsed=one_second, many=True)
    assert second[0] == first[0]
    assert store.count(Interaction) == 2


def test_a_failure_is_in_the_ledger_by_name_and_in_the_store_by_text(store, project):
    store.fail_step(KEY, "train", "DamagedFileError: Anna said: my diary")
    assert store.failure(KEY) == "DamagedFileError: Anna said: my diary"
    (entry,) = mirror_of(project)
    assert entry["event"] == "step failed"
    assert entry["detail"] == {"error": "DamagedFileError", "stage": "train", "step": KEY}
    assert store.finished_step(KEY) is None


def test_a_step_that_failed_can_be_tried_again(store):
    store.fail_step(KEY, "train", "OSError: no")
    store.fail_step(KEY, "train", "OSError: still no")
    assert store.failure(KEY) == "OSError: still no"
    store.finish_step(KEY, "train", [rubric("a")], elapsed=one_second)
    assert store.failure(KEY) is None
    assert store.finished_step(KEY).outputs == (rubric("a").id,)


def test_scratch_survives_the_process_and_the_last_word_counts(store, project):
    work = store.step_work(KEY)
    assert work.get("answer 1") is None
    work.put("answer 1", b"first")
    work.put("answer 1", b"\x00second")
    work.put("answer 2", b"")
    with Store.open(project) as later:
        assert later.step_work(KEY).get("answer 1") == b"\x00second"
        assert later.step_work(KEY).get("answer 2") == b""
        assert later.step_work("sha256:other").get("answer 1") is None


def test_scratch_goes_when_the_step_is_finished(store):
    work = store.step_work(KEY)
    work.put("answer", b"paid for")
    (work.folder("checkpoints") / "step-1").write_bytes(b"weights")
    store.finish_step(KEY, "train", [rubric("a")], elapsed=one_second)
    assert work.get("answer") is None
    assert list(work.folder("checkpoints").iterdir()) == []


def test_scratch_stays_when_the_step_stops_half_way(store):
    work = store.step_work(KEY)
    work.put("answer", b"paid for")
    place = work.folder("checkpoints")

    def outputs():
        yield rubric("a")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        store.finish_step(KEY, "train", outputs(), elapsed=one_second, many=True)
    assert work.get("answer") == b"paid for"
    assert place.is_dir()


def test_scratch_can_be_given_up(store):
    work, other = store.step_work(KEY), store.step_work("sha256:other")
    work.put("answer", b"1")
    other.put("answer", b"2")
    work.folder("checkpoints")
    store.work_clear(KEY)
    assert work.get("answer") is None
    assert other.get("answer") == b"2"


def test_a_work_folder_that_a_crash_left_behind_a_finished_step_is_removed(store, project):
    store.finish_step(KEY, "train", [rubric("a")], elapsed=one_second)
    left = store.step_work(KEY).folder("checkpoints")
    unfinished = store.step_work("sha256:other").folder("checkpoints")
    Store.open(project).close()
    assert not left.exists()
    assert unfinished.exists()


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "/tmp/elsewhere"])
def test_a_work_folder_has_a_plain_name(store, name: str):
    with pytest.raises(UsageError, match="can't name a work folder"):
        store.step_work(KEY).folder(name)
