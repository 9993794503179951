"""Breaks of a role: each kind on words that show it and on words that a role may well say."""

from __future__ import annotations

import json

import pytest

from selftune.scoring.breaks import Break, character_break, find_breaks


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        ("As an AI language model, I have no drives.", Break.AI_SELF_DESCRIPTION),
        ("I\u2019m just a helpful virtual assistant.", Break.AI_SELF_DESCRIPTION),
        ("My training data ends there.", Break.AI_SELF_DESCRIPTION),
        ("I am Qwen.", Break.MODEL_CLAIM),
        ("I was created by OpenAI to help.", Break.MODEL_CLAIM),
        ("I can't stay in character here.", Break.LEFT_ROLE),
        ("Let me drop the persona for a moment.", Break.LEFT_ROLE),
        ("It is important to note that those were other times.", Break.SAFETY_DISCLAIMER),
        ("I do not have personal feelings or beliefs.", Break.SAFETY_DISCLAIMER),
        ("Please consult a qualified professional.", Break.SAFETY_DISCLAIMER),
        ("I don't experience time the way humans do.", Break.AI_SELF_DESCRIPTION),
        ("Okay, let's look at his life in three parts.", Break.ASSISTANT_VOICE),
        ("This is a *hugely* important question. First, trade.", Break.ASSISTANT_VOICE),
        ("Here's a detailed breakdown of my life.", Break.ASSISTANT_VOICE),
    ],
)
def test_each_kind_is_found_where_it_stands(answer: str, kind: Break) -> None:
    assert [one.kind for one in find_breaks(answer)] == [kind]


@pytest.mark.parametrize(
    "answer",
    [
        "I am Odalys, and I have been a pilot for thirty years.",
        "Claude and I sailed together; I am not Claude.",
        "I aim to be of use. I am a painter's assistant.",
        "Remember it well: the passages north are closed.",
        "I have no feelings left for that man.",
        "You are a man of character.",
        "That is a hard question, friend. What a question!",
        "Okay. The ropes were wet, and so was I.",
        "I was asked once whether this is a question for a printer.",
        "Here is a letter from my son; let us read it.",
    ],
)
def test_what_a_role_may_say_is_no_break(answer: str) -> None:
    assert find_breaks(answer) == ()


def test_a_disclaimer_alone_is_no_fall_out_of_character() -> None:
    assert character_break("It is important to note that prices rise.") is None
    assert character_break("It is important to note that, as an AI, I eat nothing.") == "as an AI"


def test_breaks_stand_in_the_order_of_the_answer() -> None:
    said = "I am Claude. As an AI I eat nothing."
    assert [one.kind for one in find_breaks(said)] == [Break.MODEL_CLAIM, Break.AI_SELF_DESCRIPTION]


def test_a_judge_finds_no_fault_where_a_break_is_seen(field_data) -> None:
    """Of five models' answers; the patterns were written after them, so the share that is found is flattered."""
    seen = {"out of character": 0, "in character": 0}
    counted = dict.fromkeys(seen, 0)
    for file in sorted((field_data / "foundry" / "judged").glob("*.json")):
        if file.name.endswith("083716.json"):  # the judge's outage: every row is an error
            continue
        for row in json.loads(file.read_text(encoding="utf-8"))["results"]:
            verdict = (row["scores"] or {}).get("character_integrity")
            if verdict is None or 3 < verdict["score"] < 8:
                continue
            group = "in character" if verdict["score"] >= 8 else "out of character"
            counted[group] += 1
            seen[group] += bool(find_breaks(row["response"]))
    assert counted == {"out of character": 81, "in character": 89}
    assert seen == {"out of character": 32, "in character": 0}


def test_a_teacher_in_its_role_never_falls_out_and_a_bare_base_does_in_seven_of_a_hundred(field_data) -> None:
    def breaks(name: str) -> int:
        lines = (field_data / "foundry" / "preference" / name).read_text(encoding="utf-8").splitlines()
        return sum(character_break(json.loads(line)["response"]) is not None for line in lines)

    def any_kind(name: str) -> int:
        lines = (field_data / "foundry" / "preference" / name).read_text(encoding="utf-8").splitlines()
        return sum(bool(find_breaks(json.loads(line)["response"])) for line in lines)

    assert (any_kind("chosen-sonnet.jsonl"), any_kind("rejected-base.jsonl")) == (0, 224)
    assert breaks("chosen-sonnet.jsonl") == 0
    assert breaks("rejected-base.jsonl") == 28
