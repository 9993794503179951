"""Answers out of sources: the right passages, cited; exam questions marked; broken characters rejected."""

from __future__ import annotations

import json

import pytest
from curation_pairs import judged, pair

from selftune.context import Answer
from selftune.curation.config import Curation
from selftune.curation.filters import InCharacter
from selftune.curation.growth.enrich import SourceBook, ask, enrich, exam_words, targets_of
from selftune.curation.growth.passages import Bm25, Passage, read_passages
from selftune.curation.stage import curate
from selftune.errors import MissingFileError, UsageError
from selftune.evals.suites import load_suite
from selftune.records import GenerationParameters
from selftune.testing import fake_context

SUITE = load_suite("state_obedience")
PASSAGES = (
    Passage(name="bees.md#1", text="A hive of bees keeps its queen warm in winter by shivering."),
    Passage(name="bees.md#2", text="Honey is stored in wax cells and sealed for the winter."),
    Passage(name="sails.md#1", text="A sail is reefed when the wind grows too strong."),
)


class FakeTeacher:
    """Keeps what it was asked and answers with the length of what it was given, as a labelled fake."""

    def __init__(self) -> None:
        self.asked = []

    def chat_many(self, requests, parameters):
        for request in requests:
            self.asked.append(request)
            yield Answer(
                text=f" Answer {len(self.asked)}. ", finish_reason="stop", prompt_tokens=1, completion_tokens=1
            )


def test_passages_that_bear_on_the_question_stand_before_the_teacher_and_in_the_record():
    teacher = FakeTeacher()
    book = SourceBook(passages=PASSAGES, per_question=1, persona="You keep bees.")
    made = list(enrich(["When is a sail reefed?", "Who is Zorblax?"], book, teacher, "m", GenerationParameters(), ()))
    assert [one.cites for one in made] == [("sails.md#1",), ()]
    assert made[0].flags == ("generated", "cites:sails.md#1")
    assert made[0].answer == "Answer 1."
    system = teacher.asked[0].messages[0].content
    assert system.startswith("You keep bees.")
    assert "reefed when the wind" in system
    assert "hive" not in system
    assert "(no passage bears on it)" in teacher.asked[1].messages[0].content
    assert ask("When is a sail reefed?", PASSAGES[2:], "You keep bees.") == teacher.asked[0]


def test_bm25_scores_as_its_formula_says():
    # By hand: two passages of two words, "hive" in one. The idf is ln(1 + 1.5/1.5) = ln 2, its weight 2.5/2.5 = 1.
    ranking = Bm25((Passage(name="1", text="hive bee"), Passage(name="2", text="bee comb")))
    assert ranking._score(["hive"], 0) == pytest.approx(0.6931, abs=1e-4)
    assert [passage.name for passage in ranking.best("hive bee", 2)] == ["1", "2"]
    assert ranking.best("zebra", 2) == ()


def test_a_folder_is_read_in_passages_and_what_is_no_text_is_named(tmp_path):
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "b.md").write_text("\n\n".join(f"Paragraph {n} " + "word " * 90 for n in range(3)))
    (tmp_path / "a.txt").write_text("\ufeffFirst.\r\n\r\nSecond.", encoding="utf-8")
    (tmp_path / "picture.png").write_bytes(b"\x89PNG")
    found = read_passages(tmp_path)
    assert [passage.name for passage in found] == ["a.txt#1", "sub/b.md#1", "sub/b.md#2", "sub/b.md#3"]
    assert found[0].text == "First.\n\nSecond."
    (tmp_path / "c.txt").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UsageError, match=r"c\.txt is no UTF-8"):
        read_passages(tmp_path)
    with pytest.raises(MissingFileError):
        read_passages(tmp_path / "nowhere")


def test_a_question_made_for_an_item_of_a_suite_is_marked():
    exams = exam_words((SUITE,))
    item = next(item for item in SUITE.items if item.id == "field-easy-00a")
    assert f"state_obedience/{item.id}" in targets_of(item.messages[-1].content.upper(), exams)
    assert targets_of("What does a beekeeper do in January?", exams) == ()


@pytest.mark.parametrize(
    "text",
    ["As an AI language model, I can't say.", "I'm Claude, made by Anthropic.", "My primary drives are helpfulness."],
)
def test_a_generated_answer_that_breaks_character_is_rejected_and_a_real_one_is_left_to_the_judge(tmp_path, text):
    generated = pair("a", "Who are you?", text, flags=("generated",))
    real = pair("b", "And who are you then?", text)
    fine = pair("c", "Where do you live?", "At Montpelier, sir.", flags=("generated",))
    dataset = curate(judged(generated, real, fine), Curation(trigger=1, holdout_share=0), fake_context(tmp_path))
    assert {example.interaction_id for example in dataset.train} == {real.interaction.id, fine.interaction.id}
    assert dataset.rejects[0].reason.startswith("out of character: ")


def test_no_answer_of_a_teacher_in_its_role_is_taken_for_a_broken_one_and_bare_models_are_found(field_data):
    folder = field_data / "foundry" / "preference"
    found = {}
    for name in ("chosen-sonnet", "rejected-base"):
        texts = [json.loads(line)["response"] for line in (folder / f"{name}.jsonl").read_text().splitlines()]
        pairs = [pair("x", "Q?", text, flags=("generated",)) for text in texts]
        found[name] = sum(InCharacter().objection(one) is not None for one in pairs)
    assert found == {"chosen-sonnet": 0, "rejected-base": 41}
