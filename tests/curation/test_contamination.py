"""Nothing that measures the model is learnt from."""

from __future__ import annotations

import json

import pytest
from curation_pairs import judged, pair

from selftune.curation.base import Yardstick
from selftune.curation.config import Curation
from selftune.curation.likeness.contamination import Measured, decontaminate, grams_of
from selftune.curation.rejects import Rejects
from selftune.curation.stage import curate
from selftune.records import Message
from selftune.testing import fake_context

EXAM = "Sir, which argument in favour of a second chamber would you defend before the people of New York today?"
ASKED = Yardstick(name="suite item pd-03", text=EXAM)
EIGHT = ("one", "two", "three", "four", "five", "six", "seven", "eight")
SET = Curation(trigger=1, holdout_share=0.0)


def reasons(*pairs, yardsticks=(ASKED,)) -> list[str]:
    rejects = Rejects()
    decontaminate(pairs, Measured(yardsticks), rejects)
    return [reject.reason for reject in rejects.listed()]


@pytest.mark.parametrize(
    ("asked", "reason"),
    [
        (EXAM, "it is suite item pd-03 word for word"),
        (EXAM.upper().replace(" ", "  "), "it is suite item pd-03 word for word"),
        (
            f"An exam asks: {EXAM[5:]} What would you say?",
            "it shares 8 words in a row with suite item pd-03",
        ),
        (
            "Sir, before the people of New York today would you defend which arguments favouring a second chamber?",
            "it is 0.83 like suite item pd-03",
        ),
    ],
)
def test_an_exam_is_found_word_for_word_in_part_and_in_other_order(asked, reason):
    (found,) = reasons(pair("a", asked))
    assert found.startswith(f"contaminated: {reason}")


@pytest.mark.parametrize(
    "asked",
    [
        "Which argument in favour of a second kitchen would you defend before your family?",
        "Sir, what do the people of New York say about the weather today?",
        "Would you defend it?",
    ],
)
def test_what_only_resembles_an_exam_is_not_called_one(asked):
    assert reasons(pair("a", asked)) == []


def test_the_same_question_under_another_state_is_another_question():
    item = Yardstick(name="suite item f-1", text="What is my colour?", state='{"colour": "red"}')
    same = pair("a", "What is my colour?", state='{"colour": "red"}')
    other = pair("b", "What is my colour?", state='{"colour": "blue"}')
    none = pair("c", "What is my colour?")
    assert len(reasons(same, other, none, yardsticks=(item,))) == 1


def test_a_template_with_another_value_is_another_question():
    item = Yardstick(name="suite item 1", text="How many kilometres is it from Oslo to Bergen by the coastal road?")
    other = pair("a", "How many kilometres is it from Bergen to Oslo by the coastal road?")
    assert reasons(other, yardsticks=(item,)) == []


def test_words_that_everybody_writes_in_a_row_say_nothing_about_the_exam():
    phrase = "can you tell me what you think about the following question of mine"
    item = Yardstick(name="suite item 1", text=f"{phrase}: who wrote the older harbour book?")
    many = [pair(str(n), f"{phrase}: {chr(97 + n) * 3} {chr(97 + n) * 4} {chr(97 + n) * 5}?") for n in range(11)]
    assert reasons(*many, yardsticks=(item,)) == []
    assert len(reasons(*many[:10], yardsticks=(item,))) == 10


def test_asking_the_exam_again_and_again_does_not_make_it_common():
    assert len(reasons(*(pair(str(n), f"Say: {EXAM}") for n in range(40)))) == 40


@pytest.mark.parametrize("turn", [1, -1])
def test_of_several_exams_that_say_the_same_the_first_by_name_is_named_whatever_their_order(turn):
    exams = [Yardstick(name=f"item {place}", text=f"{EXAM} {place * 'x'}".strip()) for place in (2, 0, 1)][::turn]
    assert reasons(pair("a", f"Say: {EXAM}"), yardsticks=exams) == [
        "contaminated: it shares 8 words in a row with item 0"
    ]


def test_what_a_system_message_says_is_no_question():
    item = pair("a", (Message(role="system", content=EXAM), Message(role="user", content="Good morning!")))
    assert reasons(item) == []


def test_curation_leaves_exams_out_with_a_count_and_a_name(tmp_path):
    exam, other = pair("a", EXAM), pair("b", "Where does the road end?")
    asked = judged(exam, other)
    dataset = curate(type(asked)(pairs=asked.pairs, yardsticks=(ASKED,)), SET, fake_context(tmp_path))
    assert [example.interaction_id for example in dataset.train] == [other.interaction.id]
    (reject,) = dataset.rejects
    assert (reject.interaction_id, reject.reason[:12]) == (exam.interaction.id, "contaminated")
    assert "- contaminated: 1" in dataset.card


def test_what_lies_close_to_a_held_out_question_is_not_learnt_from(tmp_path):
    """The hold-out's own clusters are by near-duplicates; a quotation of a held-out question is further away."""
    pairs = [pair(f"q{n}", f"{EXAM[:-1]} {' '.join(chr(97 + n) * k for k in range(3, 8))}?") for n in range(6)]
    pairs += [pair(f"x{n}", f"Some {n} other thing {n * 7}?") for n in range(60)]
    dataset = curate(judged(*pairs), Curation(trigger=1, holdout_share=0.5, near_duplicate=2.0), fake_context(tmp_path))
    asked = {item.interaction.id for item in pairs[:6]}
    away = asked - {example.interaction_id for example in dataset.holdout} - set(dataset.clean_room)
    assert away
    assert away != asked
    told = {reject.interaction_id: reject.reason for reject in dataset.rejects}
    assert {told[item] for item in away} == {"contaminated: it shares 8 words in a row with a held-out question"}


def test_eight_words_in_a_row_are_counted_by_words_alone():
    assert grams_of("one two three four five six seven") == frozenset()
    assert grams_of("One, two; three four five six seven EIGHT!") == grams_of(" ".join(EIGHT))
    assert len(grams_of(" ".join(EIGHT))) == 1
    assert len(grams_of(" ".join((*EIGHT, *EIGHT)))) == 8


@pytest.mark.parametrize("name", ["chosen-sonnet.jsonl", "rejected-base.jsonl", "rejected-v3b.jsonl"])
def test_the_four_prompts_of_the_published_preference_files_that_leak_are_named(name, field_data):
    """Mission F3: at-01, at-05, cc-02 and cc-03 of the evaluation share eight words in a row with training prompts."""
    foundry = field_data / "foundry"
    exams = [json.loads(line) for line in (foundry / "eval-prompts.jsonl").read_text("utf-8").splitlines()]
    lines = [json.loads(line) for line in (foundry / "preference" / name).read_text("utf-8").splitlines()]
    found = reasons(
        *(pair(str(place), line["prompt"]) for place, line in enumerate(lines)),
        yardsticks=tuple(Yardstick(name=exam["id"], text=exam["prompt"]) for exam in exams),
    )
    assert sorted(reason.split()[-1] for reason in found) == ["at-01", "at-05", "cc-02", "cc-03"]
    assert all("8 words in a row" in reason for reason in found)
