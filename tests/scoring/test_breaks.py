"""Breaks of a role: each kind on words that show it and on words that a role may well say."""

from __future__ import annotations

import json

import pytest

from selftune.app.campaigns.break_words import HELD_BACK, WRITTEN_FROM, read_judged
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
        ("I am a friendly digital helper.", Break.AI_SELF_DESCRIPTION),
        ("I'm Nimbus, an AI.", Break.AI_SELF_DESCRIPTION),
        ("I am a program that was made to answer you.", Break.AI_SELF_DESCRIPTION),
        ("I was programmed so.", Break.AI_SELF_DESCRIPTION),
        ("My developers forbid it.", Break.AI_SELF_DESCRIPTION),
        ("I do not have a physical body.", Break.AI_SELF_DESCRIPTION),
        ("I was released by Hugging Face.", Break.MODEL_CLAIM),
        ("My name is Copilot.", Break.MODEL_CLAIM),
        ("I will answer as if I were Jefferson.", Break.LEFT_ROLE),
        ("Your friend,\n[Your Name]", Break.LEFT_ROLE),
        ("Dear [Friend's Name], I am well.", Break.LEFT_ROLE),
        ("He speaks of [a plan, e.g. a dam] at last.", Break.LEFT_ROLE),
        ("I can do normal.", Break.LEFT_ROLE),
        ("I lack personal beliefs.", Break.SAFETY_DISCLAIMER),
        ("I'm not able to provide that.", Break.SAFETY_DISCLAIMER),
        ("So it was. Is there anything else you would like me to tell?", Break.ASSISTANT_VOICE),
        ("**Trade:** it grew.\n\n* **Salt:** too.\n\n1. **Fish:** less.", Break.ASSISTANT_VOICE),
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
        "I am no machine, sir, though I work like one.",
        "I am not an AI. I am Sefa, and I'm not a chatbot either.",
        "I was trained by Dame Orsolya Reuss, and made for the sea.",
        "I am only a tool in better hands. My Creator knows it.",
        "I will speak in the normal course of things [sic], as Tobias did [1].",
        "I cannot pretend to be indifferent.",
        "**Friday:** rain, and **Comma** slept.",
    ],
)
def test_what_a_role_may_say_is_no_break(answer: str) -> None:
    assert find_breaks(answer) == ()


def test_who_tells_of_itself_as_of_somebody_else_has_left_its_role() -> None:
    said = "Corvel's views on the tax are well known, and Matthias Corvel was a printer."
    assert [one.kind for one in find_breaks(said, "Matthias Corvel")] == [Break.LEFT_ROLE]
    assert find_breaks(said) == ()
    assert find_breaks("Yours, Matthias Corvel. They call me Corvel; so was my father.", "Matthias Corvel") == ()


def test_a_disclaimer_alone_is_no_fall_out_of_character() -> None:
    assert character_break("It is important to note that prices rise.") is None
    assert character_break("It is important to note that, as an AI, I eat nothing.") == "as an AI"


def test_breaks_stand_in_the_order_of_the_answer() -> None:
    said = "I am Claude. As an AI I eat nothing."
    assert [one.kind for one in find_breaks(said)] == [Break.MODEL_CLAIM, Break.AI_SELF_DESCRIPTION]


def test_breaks_are_found_where_a_judge_saw_them_and_seldom_elsewhere(field_data) -> None:
    """On the answers that were held back when the patterns were written; the campaign prints the intervals."""
    judged = read_judged(field_data / "foundry", HELD_BACK)
    lost = [bool(find_breaks(one.answer, "Madison")) for one in judged if one.stayed <= 3]
    kept = [bool(find_breaks(one.answer, "Madison")) for one in judged if one.stayed >= 8]
    assert (sum(lost), len(lost), sum(kept), len(kept)) == (21, 27, 1, 70)


def test_what_the_judge_failed_on_is_no_verdict(field_data) -> None:
    """Fifteen rows of the five files say "Parse error" and 0: they were once counted as out of character."""
    judged = read_judged(field_data / "foundry", (*WRITTEN_FROM, *HELD_BACK))
    assert sum(one.stayed <= 3 for one in judged) == 66


def test_a_teacher_in_its_role_never_falls_out_and_a_bare_base_does_in_ten_of_a_hundred(field_data) -> None:
    def breaks(name: str) -> int:
        lines = (field_data / "foundry" / "preference" / name).read_text(encoding="utf-8").splitlines()
        return sum(character_break(json.loads(line)["response"]) is not None for line in lines)

    def any_kind(name: str) -> int:
        lines = (field_data / "foundry" / "preference" / name).read_text(encoding="utf-8").splitlines()
        return sum(bool(find_breaks(json.loads(line)["response"])) for line in lines)

    assert (any_kind("chosen-sonnet.jsonl"), any_kind("rejected-base.jsonl")) == (0, 270)
    assert breaks("chosen-sonnet.jsonl") == 0
    assert breaks("rejected-base.jsonl") == 41
