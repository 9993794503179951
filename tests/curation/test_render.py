"""What a lesson looks like, and the golden file."""

from __future__ import annotations

import json

from curation_pairs import judged, pair
from hypothesis import given
from hypothesis import strategies as st

from selftune.curation.config import Curation
from selftune.curation.render import (
    GOLDEN_FILE,
    append_golden,
    chatml,
    conversation_of,
    golden_line,
    lesson_of,
    staged,
)
from selftune.curation.stage import curate
from selftune.records import Example, Feedback, Message, ToolCall
from selftune.testing import fake_context

CONFIG = Curation(trigger=1, holdout_share=0)


def said(role: str, content: str, **facts) -> Message:
    return Message(role=role, content=content, **facts)


def test_a_dialogue_of_personas_becomes_one_answer_without_the_governor():
    item = pair(
        "a",
        messages=(
            said("user", "Weigh it."),
            said("assistant", "Walls.", persona="BRICK", reasoning="hm"),
            said("assistant", "Doors.", persona="ROBIN"),
            said("assistant", "They disagree.", persona="ALFRED"),
            said("assistant", "Gates, then.", persona="BRICK"),
            said("assistant", "Settled.", persona="ALFRED"),
        ),
    )
    assert conversation_of(item.interaction) == (
        said("user", "Weigh it."),
        said("assistant", "BRICK: Walls.\n\nROBIN: Doors.\n\nBRICK: Gates, then."),
    )


def test_one_persona_by_itself_needs_no_label():
    item = pair("a", messages=(said("user", "Hi"), said("assistant", "Hello.", persona="Madison")))
    assert conversation_of(item.interaction)[-1] == said("assistant", "Hello.")


def test_what_is_said_after_the_last_answer_and_what_was_thought_are_not_learnt():
    item = pair("a", messages=(said("user", "Hi"), said("assistant", "Yes.", reasoning="hm"), said("user", "Bye")))
    assert conversation_of(item.interaction) == (said("user", "Hi"), said("assistant", "Yes."))


def test_a_conversation_without_an_answer_is_empty_until_a_person_answers():
    silent = pair("a", messages=(said("user", "Hi"),))
    helped = pair("a", messages=(said("user", "Hi"),), feedback=Feedback(correction="Hello."))
    assert conversation_of(silent.interaction) == lesson_of(silent.interaction) == ()
    assert lesson_of(helped.interaction) == (said("user", "Hi"), said("assistant", "Hello."))


def test_chatml_is_rendered_byte_for_byte():
    assert chatml((said("system", "S"), said("user", "Ü\nx"), said("assistant", "A"))) == (
        "<|im_start|>system\nS<|im_end|>\n<|im_start|>user\nÜ\nx<|im_end|>\n<|im_start|>assistant\nA<|im_end|>\n"
    )


def test_a_golden_line_holds_messages_and_their_tool_calls():
    call = ToolCall(name="weather", arguments='{"city": "Oslo"}', result="rain")
    example = Example(
        salt="s",
        interaction_id="i",
        judgement_id=None,
        messages=(said("user", "Grüße\n"), said("assistant", "", tool_calls=(call,))),
    )
    assert golden_line(example) == (
        '{"messages": [{"role": "user", "content": "Grüße\\n"}, {"role": "assistant", "content": "", "tool_calls": '
        '[{"type": "function", "function": {"name": "weather", "arguments": "{\\"city\\": \\"Oslo\\"}"}}]}]}'
    )


def test_the_golden_file_gets_each_lesson_once_however_often_it_is_appended(tmp_path):
    small = curate(judged(pair("a"), pair("b")), CONFIG, fake_context(tmp_path))
    grown = curate(judged(pair("a"), pair("b"), pair("c")), CONFIG, fake_context(tmp_path))
    folder = tmp_path / "data"
    assert [append_golden(dataset, folder) for dataset in (small, small, grown, grown)] == [2, 0, 1, 0]
    lines = (folder / GOLDEN_FILE).read_text("utf-8").splitlines()
    assert [json.loads(line)["messages"][0]["content"] for line in lines] == [
        "Question a?",
        "Question b?",
        "Question c?",
    ]


def test_a_line_that_an_editor_left_without_its_end_is_not_joined_to_the_next(tmp_path):
    (tmp_path / GOLDEN_FILE).write_text('{"messages": []}', "utf-8")
    append_golden(curate(judged(pair("a")), CONFIG, fake_context(tmp_path)), tmp_path)
    assert len([json.loads(line) for line in (tmp_path / GOLDEN_FILE).read_text("utf-8").splitlines()]) == 2


def test_a_draft_that_a_crash_left_behind_does_no_harm(tmp_path):
    (tmp_path / "golden_interactions.jsonl.draft").write_text("half a li", "utf-8")
    append_golden(curate(judged(pair("a")), CONFIG, fake_context(tmp_path)), tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [GOLDEN_FILE]
    json.loads((tmp_path / GOLDEN_FILE).read_text("utf-8"))


def test_the_staged_case_holds_transcript_reasoning_scores_and_chatml():
    case = json.loads(staged(pair("a", "Hi?", "Hello.", 4.5)))
    assert case["interaction"]["messages"][1]["content"] == "Hello."
    (criterion,) = case["judgement"]["criteria"]
    assert criterion["reasoning"] == "because"
    assert criterion["score"] == 4.5
    assert case["chatml"].endswith("<|im_start|>assistant\nHello.<|im_end|>\n")


@given(st.lists(st.text(max_size=30), min_size=2, max_size=4))
def test_a_golden_line_is_one_line_and_reads_back_as_it_was(texts):
    messages = tuple(said("user", text) for text in texts)
    line = golden_line(Example(salt="s", interaction_id="i", judgement_id=None, messages=messages))
    assert "\n" not in line
    assert [message["content"] for message in json.loads(line)["messages"]] == texts
