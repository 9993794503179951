"""Preference pairs and labelled answers: both answers survive, each in its place."""

from __future__ import annotations

import json

import pytest
from interaction_logs import places, read, said, whole, write

from selftune.interactions.config import Capture
from selftune.interactions.detect import detect_format
from selftune.interactions.door import clean
from selftune.records import Feedback, Interaction, Message, Quarantined, Rejected, decode_record, encode_record

ASKED = {"role": "user", "content": "Who are you?"}
BETTER = {"role": "assistant", "content": "I am Brigo."}
WORSE = {"role": "assistant", "content": "As an AI, I have no name."}
LOST = (Message(role="assistant", content="As an AI, I have no name."),)


@pytest.mark.parametrize(
    "entry",
    [
        {"chosen": [ASKED, BETTER], "rejected": [ASKED, WORSE]},
        {"prompt": [ASKED], "chosen": [BETTER], "rejected": [WORSE]},
        {"prompt": "Who are you?", "chosen": BETTER["content"], "rejected": WORSE["content"]},
        {"prompt": "Who are you?", "chosen": [ASKED, BETTER], "rejected": [ASKED, WORSE]},
        {"question": "Who are you?", "chosen": BETTER["content"], "rejected": WORSE["content"]},
        {"instruction": "Who are you?", "input": "", "chosen": BETTER["content"], "rejected": WORSE["content"]},
        {
            "conversations": [{"from": "human", "value": "Who are you?"}],
            "chosen": {"from": "gpt", "value": BETTER["content"]},
            "rejected": {"from": "gpt", "value": WORSE["content"]},
        },
    ],
    ids=["repeated", "apart", "text", "both", "question", "alpaca", "sharegpt"],
)
def test_each_shape_of_a_pair_keeps_both_answers(entry, tmp_path):
    path = write(tmp_path / "pairs.jsonl", entry)
    assert detect_format(path).why == "its entries hold `chosen` and `rejected`"
    (got,) = whole(read(path, tmp_path))
    assert said(got) == [("user", "Who are you?"), ("assistant", "I am Brigo.")]
    assert got.rejected == (Rejected(at=1, messages=LOST),)
    assert decode_record(encode_record(got)) == got


def test_a_pair_may_part_before_its_end(tmp_path):
    more = {"role": "user", "content": "And then?"}
    entry = {"chosen": [ASKED, BETTER, more, BETTER], "rejected": [ASKED, WORSE, more, WORSE]}
    (got,) = whole(read(write(tmp_path / "pairs.jsonl", entry), tmp_path))
    assert [lost.at for lost in got.rejected] == [1]
    assert [message.role for message in got.rejected[0].messages] == ["assistant", "user", "assistant"]


def test_each_answer_keeps_the_model_that_wrote_it(tmp_path):
    entry = {"prompt": "p", "chosen": "a", "rejected": "b", "chosen_model": "large", "rejected_model": "small"}
    (got,) = whole(read(write(tmp_path / "pairs.jsonl", entry), tmp_path))
    assert (got.generated_by, got.rejected[0].generated_by) == ("large", "small")


def test_equal_answers_are_flagged_and_reject_nothing(tmp_path):
    entry = {"prompt": "p", "chosen": "a", "rejected": "a"}
    (got,) = whole(read(write(tmp_path / "pairs.jsonl", entry), tmp_path))
    assert (got.flags, got.rejected) == (("pair_without_difference",), ())


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        ({"chosen": "a", "rejected": "b"}, "'chosen' answers a prompt that the entry does not hold"),
        ({"prompt": "p", "chosen": [], "rejected": "b"}, "'chosen' holds no message"),
        ({"prompt": "p", "chosen": "a", "rejected": None}, "'rejected' is no list but missing"),
        ({"prompt": "p", "chosen": [ASKED, BETTER], "rejected": "b"}, "'chosen' repeats another prompt"),
        (
            {"chosen": [ASKED, BETTER], "rejected": [{"role": "user", "content": "?"}, WORSE]},
            "'chosen' and 'rejected' answer different prompts",
        ),
        ({"chosen": [ASKED, BETTER, ASKED], "rejected": [ASKED, BETTER]}, "'chosen' and 'rejected' answer different"),
        ({"chosen": [ASKED, BETTER, WORSE], "rejected": [ASKED, BETTER]}, "one of 'chosen' and 'rejected' only"),
        ({"prompt": "p", "chosen": "a", "rejected": "b", "chosen_model": 3}, "the model of 'chosen' is no text"),
    ],
)
def test_a_pair_that_is_none_is_set_aside_with_its_reason(entry, reason, tmp_path):
    path = write(tmp_path / "pairs.jsonl", entry, {"prompt": "p", "chosen": "a", "rejected": "b"})
    broken, good = read(path, tmp_path)
    assert isinstance(broken, Quarantined)
    assert broken.reason.startswith(f"pairs.jsonl, line 1: {reason}")
    assert isinstance(good, Interaction)


def test_the_door_mends_and_redacts_the_answer_that_lost(tmp_path):
    entry = {"prompt": "p", "chosen": "a", "rejected": "Write to ada@example.com, it\u2019s cafÃ© time."}
    (raw,) = whole(read(write(tmp_path / "pairs.jsonl", entry), tmp_path))
    lost = raw.rejected[0].messages[0].content
    assert "ada@example.com" not in lost
    assert lost.endswith("café time.")
    assert set(raw.flags) == {"repaired_text", "redacted"}
    assert clean(raw, Capture()) == raw


def test_a_pair_s_words_are_salted_out_of_its_id(tmp_path):
    path = write(tmp_path / "pairs.jsonl", {"prompt": "p", "chosen": "a", "rejected": "b"})
    (one,), (other,) = whole(read(path, tmp_path)), whole(read(path, tmp_path))
    assert places([one]) == places([other])
    assert "rejected" in Interaction.SALTED


@pytest.mark.parametrize(
    "entry",
    [
        {"messages": [ASKED, WORSE], "label": False},
        {"conversations": [{"from": "human", "value": "?"}, {"from": "gpt", "value": "!"}], "label": False},
        {"prompt": "?", "completion": "!", "label": False},
        {"prompt": [ASKED], "completion": [WORSE], "label": False},
        {"instruction": "?", "input": "", "output": "!", "kto_tag": False},
    ],
    ids=["messages", "sharegpt", "text", "turns", "alpaca"],
)
def test_a_label_becomes_a_thumb(entry, tmp_path):
    better = {key: True if value is False else value for key, value in entry.items()}
    path = write(tmp_path / "kto.jsonl", entry, better)
    assert detect_format(path).name == "kto"
    down, up = whole(read(path, tmp_path))
    assert (down.feedback, up.feedback) == (Feedback(thumbs=-1), Feedback(thumbs=1))
    assert [role for role, _ in said(down)] == ["user", "assistant"]


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        ({"messages": [ASKED, BETTER]}, "its label is neither true nor false"),
        ({"messages": [ASKED, BETTER], "label": 1}, "its label is neither true nor false"),
        ({"messages": [ASKED], "label": True}, "it holds no answer that the label could be about"),
    ],
)
def test_a_label_without_meaning_is_set_aside(entry, reason, tmp_path):
    path = write(tmp_path / "kto.jsonl", entry, {"prompt": "?", "completion": "!", "label": True})
    broken, good = read(path, tmp_path, "kto")
    assert isinstance(broken, Quarantined)
    assert broken.reason == f"kto.jsonl, line 1: {reason}"
    assert isinstance(good, Interaction)


@pytest.mark.parametrize(
    ("name", "count"),
    [
        ("formats/dpo_en_demo.json", 300),
        ("foundry/preference/chinese-suppression-pairs.jsonl", 25),
        ("foundry/preference/round2-batch3-orpo.jsonl", 50),
    ],
)
def test_field_pairs_come_in_with_both_answers(name, count, tmp_path, field_data):
    path = field_data / name
    got = whole(read(path, tmp_path))
    assert len(got) == len(places(got)) == count
    assert detect_format(path).name == "pairs"
    assert {(len(item.rejected), item.rejected[0].at - len(item.prompt)) for item in got} == {(1, 0)}
    assert places(read(path, tmp_path)) == places(got)


def test_field_labels_come_in_as_thumbs(tmp_path, field_data):
    path = field_data / "formats" / "kto_en_demo.json"
    labels = [entry["label"] for entry in json.loads(path.read_text("utf-8"))]
    got = whole(read(path, tmp_path))
    assert [item.feedback for item in got] == [Feedback(thumbs=1 if label else -1) for label in labels]
    assert (labels.count(True), labels.count(False), len(places(got))) == (150, 150, 300)


def test_field_tool_calls_come_in_with_nothing_unparsed(tmp_path, field_data):
    got = whole(read(field_data / "formats" / "glaive_toolcall_en_demo.json", tmp_path))
    calls = [call for item in got for message in item.messages for call in message.tool_calls]
    assert len(calls) == sum(call.result is not None for call in calls) == 211
    assert sum(message.role == "tool" for item in got for message in item.messages) == 211
    assert sum(len(item.messages) for item in got) == 746 + 746 + 211 + 211
    assert not any("call_not_parsed" in item.flags for item in got)
