"""Alpaca files: every instruction with its input, its history and its system prompt."""

from __future__ import annotations

import json

import pytest
from interaction_logs import places, read, said, whole, write

from selftune.interactions.detect import detect_format
from selftune.records import Interaction, Quarantined


def test_instruction_and_input_are_one_question(tmp_path):
    path = write(
        tmp_path / "log.jsonl",
        {"instruction": "Add.", "input": "2 and 3", "output": "5"},
        {"instruction": "Greet.", "input": "", "output": "Hello."},
        {"instruction": "Part.", "output": "<think>how</think>Bye.", "model": "small-model"},
    )
    added, greeted, parted = whole(read(path, tmp_path))
    assert said(added) == [("user", "Add.\n2 and 3"), ("assistant", "5")]
    assert said(greeted) == [("user", "Greet."), ("assistant", "Hello.")]
    assert (parted.answer, parted.messages[-1].reasoning, parted.generated_by) == ("Bye.", "how", "small-model")


def test_history_and_system_prompt_come_before_the_question(tmp_path):
    entry = {
        "system": "Be brief.",
        "history": [["One?", "1"], ["Two?", "2"]],
        "instruction": "Three?",
        "input": "",
        "output": "3",
    }
    (got,) = whole(read(write(tmp_path / "log.jsonl", entry), tmp_path))
    assert said(got) == [
        ("system", "Be brief."),
        ("user", "One?"),
        ("assistant", "1"),
        ("user", "Two?"),
        ("assistant", "2"),
        ("user", "Three?"),
        ("assistant", "3"),
    ]


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        ({"instruction": "x", "output": None}, "'output' is no text but missing"),
        ({"instruction": 3, "output": "y"}, "'instruction' is no text but a int"),
        ({"instruction": "x", "input": ["a"], "output": "y"}, "'input' is no text but a list"),
        ({"instruction": "x", "output": "y", "history": [["only a question"]]}, "round 1 of 'history' is no pair"),
        ({"instruction": "x", "output": "y", "history": "none"}, "'history' is no list but a str"),
    ],
)
def test_a_broken_entry_is_set_aside_and_the_next_one_comes_in(entry, reason, tmp_path):
    path = write(tmp_path / "log.jsonl", entry, {"instruction": "x", "output": "y"})
    broken, good = read(path, tmp_path)
    assert isinstance(broken, Quarantined)
    assert broken.reason.startswith(f"log.jsonl, line 1: {reason}")
    assert isinstance(good, Interaction)


def test_detection_tells_alpaca_from_its_keys(tmp_path):
    found = detect_format(write(tmp_path / "log.jsonl", {"instruction": "x", "output": "y"}))
    assert (found.name, found.why) == ("alpaca", "its entries hold `instruction` and `output`")


@pytest.mark.parametrize(("name", "count", "with_input"), [("alpaca_en_demo", 999, 412), ("identity", 91, 0)])
def test_field_data_comes_in_completely(name, count, with_input, tmp_path, field_data):
    path = field_data / "formats" / f"{name}.json"
    entries = json.loads(path.read_text("utf-8"))
    got = whole(read(path, tmp_path))
    assert len(got) == len(places(got)) == count
    assert {tuple(role for role, _ in said(item)) for item in got} == {("user", "assistant")}
    joined = [item for item, entry in zip(got, entries, strict=True) if item.prompt[0].content != entry["instruction"]]
    assert len(joined) == with_input
    assert places(read(path, tmp_path)) == places(got)
