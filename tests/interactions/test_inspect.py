"""Logs of Inspect AI, as documents and as archives; samples of our own in the published form."""

from __future__ import annotations

import json
import zipfile

import pytest
from interaction_logs import document, read, said, whole

from selftune.errors import UsageError
from selftune.interactions.detect import detect_format, list_logs
from selftune.records import InteractionOutcome, Quarantined, Thread, ToolCall

ABOUT = {"eval_id": "e1", "run_id": "r1", "created": "2026-01-01T12:00:00+00:00", "task": "riddles", "model": "local/m"}
SAMPLE = {
    "id": 1,
    "epoch": 1,
    "input": "What has keys and no locks?",
    "target": "a piano",
    "messages": [
        {"id": "a", "role": "system", "content": "Answer briefly."},
        {"id": "b", "role": "user", "content": "attachment://0f", "source": "input"},
        {
            "id": "c",
            "role": "assistant",
            "content": [{"type": "reasoning", "reasoning": "Music?"}, {"type": "text", "text": ""}],
            "tool_calls": [{"id": "t", "function": "search", "arguments": {"q": "keys"}, "type": "function"}],
            "model": "m",
        },
        {"id": "d", "role": "tool", "content": "piano", "tool_call_id": "t", "function": "search"},
        {"id": "e", "role": "assistant", "content": "A piano.", "model": "m"},
    ],
    "output": {"model": "m", "choices": []},
    "scores": {"match": {"value": "C"}},
    "attachments": {"0f": "What has keys and no locks?"},
}


def log(*samples: dict) -> dict:
    return {"version": 2, "status": "success", "eval": ABOUT, "plan": {}, "samples": list(samples)}


def archive(path, *samples: dict):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as stream:
        stream.writestr("_journal/start.json", json.dumps({"version": 2, "eval": ABOUT, "plan": {}}))
        for sample in samples:
            stream.writestr(f"samples/{sample.get('id')}_epoch_{sample.get('epoch')}.json", json.dumps(sample))
        stream.writestr("summaries.json", "[]")
    return path


def test_a_document_and_an_archive_hold_the_same_samples(tmp_path):
    (one,) = whole(read(document(tmp_path / "log.json", log(SAMPLE)), tmp_path))
    (other,) = whole(read(archive(tmp_path / "log.eval", SAMPLE), tmp_path))
    assert said(one) == [
        ("system", "Answer briefly."),
        ("user", "What has keys and no locks?"),
        ("assistant", ""),
        ("tool", "piano"),
        ("assistant", "A piano."),
    ]
    assert one.messages == other.messages
    assert one.messages[2].reasoning == "Music?"
    assert one.messages[2].tool_calls == (ToolCall(name="search", arguments='{"q": "keys"}', result="piano"),)
    assert (one.generated_by, one.thread, one.closed) == ("m", Thread.EXCHANGE, True)
    assert set(one.flags) == {"from_evaluation", "scores_not_kept"}
    assert one.conversation == "inspect:log.json:e1:1:1"


def test_both_are_recognised_and_found_in_a_folder(tmp_path):
    for path in (document(tmp_path / "a.json", log(SAMPLE)), archive(tmp_path / "b.eval", SAMPLE)):
        assert detect_format(path).name == "inspect"
    assert [path.name for path in list_logs(tmp_path)] == ["a.json", "b.eval"]


def test_metrics_that_are_no_numbers_do_not_keep_the_samples_out(tmp_path):
    value = log(SAMPLE) | {"results": {"scores": [{"value": float("nan")}]}}
    assert len(whole(read(document(tmp_path / "log.json", value), tmp_path))) == 1


def test_a_broken_sample_does_not_take_the_others_along(tmp_path):
    for path in (
        document(tmp_path / "log.json", log(SAMPLE | {"messages": 7}, SAMPLE)),
        archive(tmp_path / "log.eval", SAMPLE | {"id": 0, "messages": 7}, SAMPLE),
    ):
        broken, good = read(path, tmp_path)
        assert isinstance(broken, Quarantined)
        assert "'messages' is no list" in broken.reason
        assert good.answer == "A piano."


def test_a_sample_that_broke_off_is_an_error(tmp_path):
    (got,) = whole(read(document(tmp_path / "log.json", log(SAMPLE | {"error": {"message": "timeout"}})), tmp_path))
    assert got.outcome is InteractionOutcome.ERROR


def test_a_sample_that_unfolds_without_end_is_set_aside_and_memory_stays_small(tmp_path):
    path = tmp_path / "bomb.eval"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as stream:
        stream.writestr("header.json", json.dumps({"eval": ABOUT}))
        stream.writestr("samples/0_epoch_1.json", b" " * (17 << 20))
        stream.writestr("samples/1_epoch_1.json", json.dumps(SAMPLE))
    assert path.stat().st_size < 1 << 20
    broken, good = read(path, tmp_path)
    assert isinstance(broken, Quarantined)
    assert "17,825,792 bytes in one sample" in broken.reason
    assert good.answer == "A piano."


@pytest.mark.parametrize("data", [b"PK\x03\x04 samples/ and no more", b"PK\x03\x04_journal/"])
def test_an_archive_that_is_none_says_what_to_do(data, tmp_path):
    path = tmp_path / "log.eval"
    path.write_bytes(data)
    with pytest.raises(UsageError, match="can't be read as a log of Inspect") as refused:
        read(path, tmp_path)
    assert "inspect log convert" in refused.value.next_step
