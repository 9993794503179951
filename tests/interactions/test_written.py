"""What a model wrote on request: responses to prompts, and dialogues of its personas."""

from __future__ import annotations

import pytest
from interaction_logs import places, read, said, whole, write

from selftune.interactions.detect import detect_format
from selftune.records import Interaction, Quarantined, Trigger


def test_a_response_keeps_its_model_and_says_what_has_no_place(tmp_path):
    entry = {"id": "gt-01", "prompt": "Why?", "response": "<think>so</think>Because.", "model": "m-1"}
    noted = entry | {"category": "ground_truth", "completion_tokens": 3}
    plain, with_notes = whole(read(write(tmp_path / "r.jsonl", entry, noted), tmp_path))
    assert said(plain) == [("user", "Why?"), ("assistant", "Because.")]
    assert (plain.generated_by, plain.task_id, plain.messages[1].reasoning) == ("m-1", "gt-01", "so")
    assert (plain.flags, with_notes.flags) == ((), ("suite_notes_not_kept",))


def test_prompt_and_completion_are_a_response_too(tmp_path):
    path = write(tmp_path / "r.jsonl", {"system": "s", "prompt": "Why?", "completion": "Because."})
    assert detect_format(path).why == "its entries hold `prompt` and `completion`"
    (got,) = whole(read(path, tmp_path))
    assert said(got) == [("system", "s"), ("user", "Why?"), ("assistant", "Because.")]


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        ({"prompt": "Why?", "response": None}, "'response' is no list but missing"),
        ({"prompt": 7, "response": "x"}, "'prompt' is no list but a int"),
        ({"response": "x"}, "'prompt' is missing"),
    ],
)
def test_a_response_without_its_parts_is_set_aside(entry, reason, tmp_path):
    path = write(tmp_path / "r.jsonl", entry, {"prompt": "p", "response": "r"})
    broken, good = read(path, tmp_path, "responses")
    assert isinstance(broken, Quarantined)
    assert broken.reason == f"r.jsonl, line 1: {reason}"
    assert isinstance(good, Interaction)


def test_a_dialogue_of_personas_keeps_who_said_what(tmp_path):
    turns = [{"role": "a", "content": "One."}, {"role": "b", "content": "Two."}, {"role": "user", "content": "Hm."}]
    path = write(tmp_path / "d.jsonl", {"id": "d-1", "seed_topic": "counting", "turns": turns})
    assert detect_format(path).name == "dialogues"
    (got,) = whole(read(path, tmp_path))
    assert said(got) == [("user", "counting"), ("assistant", "One."), ("assistant", "Two."), ("user", "Hm.")]
    assert [message.persona for message in got.messages] == [None, "a", "b", None]
    assert (got.trigger, got.flags) == (Trigger.SIMULATED, ("prompt_is_topic",))


def test_a_dialogue_without_turns_is_set_aside(tmp_path):
    path = write(tmp_path / "d.jsonl", {"turns": []}, {"turns": [{"role": "a"}]}, {"turns": [{"content": "x"}]})
    assert [item.reason for item in read(path, tmp_path, "dialogues") if isinstance(item, Quarantined)] == [
        "d.jsonl, line 1: 'turns' holds no turn",
        "d.jsonl, line 2: the text of a turn is no text but missing",
        "d.jsonl, line 3: the role of a turn is no text but missing",
    ]


@pytest.mark.parametrize(
    ("name", "count", "model", "unclosed"),
    [
        ("responses/responses-orpo-v3b", 36, "madison-orpo-v3b-lr2e5", 0),
        ("responses/responses-orpo-v4", 36, "madison-orpo-v4", 0),
        ("responses/responses-qwen3-v1", 36, "qwen3-32b+madison-qwen3-v1", 18),
        ("preference/chosen-sonnet", 399, "claude-4-sonnet-20250514", 0),
        ("preference/rejected-base", 400, "gemma-3-27b-it", 0),
        ("preference/rejected-v3b", 400, "madison-orpo-v3b", 0),
        ("transcripts/reflections-filtered", 415, None, 0),
    ],
)
def test_field_responses_come_in_completely(name, count, model, unclosed, tmp_path, field_data):
    path = field_data / "foundry" / f"{name}.jsonl"
    got = whole(read(path, tmp_path))
    assert detect_format(path).name == "responses"
    assert len(got) == len(places(got)) == count
    assert {item.generated_by for item in got} == {model}
    assert sum("reasoning_unclosed" in item.flags for item in got) == unclosed
    assert not any("think>" in (item.answer or "") for item in got)
    assert places(read(path, tmp_path)) == places(got)


def test_field_dialogues_come_in_completely(tmp_path, field_data):
    path = field_data / "foundry" / "transcripts" / "dialogues-filtered.jsonl"
    got = whole(read(path, tmp_path))
    assert detect_format(path).name == "dialogues"
    assert len(got) == len(places(got)) == 19
    assert [len(item.messages) for item in got] == [11] * 19
    assert {message.persona for item in got for message in item.messages[1:]} == {"madison_a", "madison_b"}
